import fs from 'node:fs';
import path from 'node:path';
import type { descriptors } from '../index';
import { displayPath } from './display-path';
import { isFormat } from './is-format';
import { shippedFile } from './targets';
import { UsageError } from './usage-error';
import { describeLoadError } from './worker/load-problem';
import { installTypeScriptLoader } from './worker/typescript-loader';
import type * as publicEntry from '../index';

type Format = descriptors.Format;

const formatsOf = (exports: object): Format[] => [...new Set(Object.values(exports).filter(isFormat))];

/** The formats that ship. */
export const shippedFormats = (): Format[] => {
  const { formats } = module.require('../index') as typeof publicEntry;
  return formatsOf(formats);
};

/** The formats that a module exports. */
const formatsIn = (file: string): Format[] => {
  installTypeScriptLoader(false, () => undefined);
  try {
    return formatsOf(module.require(path.resolve(file)) as object);
  } catch (error) {
    const [problem] = describeLoadError(error, path.resolve(file));
    throw new UsageError(`${displayPath(path.resolve(file))}: ${problem!.message}`);
  }
};

/** The module that a target names: a file, or one that ships with the scenarios. */
export const formatModule = (target: string): string | undefined => {
  const file = path.resolve(target);
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() === true ? file : shippedFile(target);
};

/** Formats by name, or by the module that exports them. A `UsageError` if there is none. */
export const findFormats = (name: string): Format[] => {
  const shipped = shippedFormats();
  const known = shipped.find((format) => format.name === name);
  if (known !== undefined) return [known];
  const file = formatModule(name);
  if (file === undefined) {
    const names = shipped.map((format) => format.name).join(', ');
    throw new UsageError(`there is no format and no file '${name}'; the formats that ship are ${names}`);
  }
  const found = formatsIn(file);
  if (found.length === 0)
    throw new UsageError(`'${name}' exports no format: it needs 'export const … = format({ … })'`);
  return found;
};

/** The one format of a name or module. */
export const findFormat = (name: string): Format => {
  const found = findFormats(name);
  if (found.length === 1) return found[0]!;
  const names = found.map((format) => format.name).join(', ');
  throw new UsageError(`'${name}' exports ${found.length} formats, and one is wanted: ${names}`);
};
