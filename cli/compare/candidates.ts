import type { Format } from '../../base/descriptor';
import * as formats from '../../devices/formats';
import type { Candidate } from '../../lab/compare/candidate';
import { displayPath } from '../display-path';
import { formatModule } from '../formats';
import { isFormat } from '../is-format';
import { UsageError } from '../usage-error';
import { describeLoadError } from '../worker/load-problem';
import { installTypeScriptLoader } from '../worker/typescript-loader';

/** The formats that ship, with what their drivers have to fill in. */
const SHIPPED: readonly Candidate[] = [
  { name: 'virtio-split', format: formats.virtioSplit },
  { name: 'virtio-packed', format: formats.virtioPacked },
  { name: 'nvme-io', format: formats.nvmeIo },
  { name: 'xilinx-axi-dma-mm2s', format: formats.xilinxAxiDmaMm2s },
  { name: 'xilinx-axi-dma-s2mm', format: formats.xilinxAxiDmaS2mm },
  { name: 'dw-axi-dmac', format: formats.dwAxiDmacList },
];

/** Names of the formats that ship. */
export const SHIPPED_NAMES = SHIPPED.map(({ name }) => name);

const MODULE = /\.c?[jt]s$/;

/** The one format among a module's exports: the default one, or the only one. */
const formatAmong = (exports: Readonly<Record<string, unknown>>, file: string): Format => {
  const { default: value } = exports;
  if (isFormat(value)) return value;
  const named = Object.entries(exports).filter((entry): entry is [string, Format] => isFormat(entry[1]));
  if (named.length === 1) return named[0]![1];
  if (named.length === 0) throw new UsageError(`'${file}' exports no format: one is made by descriptors.format({ … })`);
  const names = named.map(([name]) => name).join(', ');
  throw new UsageError(`'${file}' exports several formats (${names}): make one of them the default export`);
};

let installed = false;

const loadModule = (file: string): Readonly<Record<string, unknown>> => {
  if (!installed) installTypeScriptLoader(false, () => undefined);
  installed = true;
  try {
    return (module.require(file) ?? {}) as Readonly<Record<string, unknown>>;
  } catch (error) {
    const [problem] = describeLoadError(error, file);
    const { file: where, line, message } = problem!;
    throw new UsageError(`${displayPath(where)}${line === undefined ? '' : `:${line}`}: ${message}`);
  }
};

const fromFile = (target: string, full: string): Candidate => {
  if (!MODULE.test(full))
    throw new UsageError(`'${target}' cannot hold a format: that is a TypeScript or JavaScript file`);
  const exports = loadModule(full);
  const format = formatAmong(exports, target);
  const { prepare, parameters } = exports;
  return {
    name: format.name,
    format,
    ...(typeof prepare === 'function' ? { prepare: prepare as NonNullable<Candidate['prepare']> } : {}),
    ...(typeof parameters === 'object' && parameters !== null
      ? { parameters: parameters as Readonly<Record<string, number>> }
      : {}),
  };
};

/** What may follow a name after a colon. */
const VARIANTS: Readonly<
  Record<string, { readonly fits: (format: Format) => boolean; readonly choose: Partial<Candidate> }>
> = {
  direct: { fits: ({ indirect }) => indirect, choose: { indirect: 'never' } },
  indirect: { fits: ({ indirect }) => indirect, choose: { indirect: 'always' } },
  sgl: { fits: (format) => format === formats.nvmeIo, choose: { prepare: (entry) => (entry['PSDT'] = 1) } },
};

const vary = (candidate: Candidate, variant: string | undefined, target: string): Candidate => {
  if (variant === undefined) return candidate;
  const known = Object.hasOwn(VARIANTS, variant) ? VARIANTS[variant] : undefined;
  if (known?.fits(candidate.format) !== true) {
    const fitting = Object.keys(VARIANTS).filter((name) => VARIANTS[name]!.fits(candidate.format));
    const some = fitting.length === 0 ? 'it has none' : `it has ${fitting.map((name) => `:${name}`).join(' and ')}`;
    throw new UsageError(`'${target}': ${candidate.name} has no variant ':${variant}'; ${some}`);
  }
  return { ...candidate, ...known.choose, name: `${candidate.name}:${variant}` };
};

/** A format by the name of one that ships, or by the path of a module that exports one; `NAME:direct` and the like choose. */
export const findCandidate = (target: string): Candidate => {
  const [, name, variant] = /^(.*?)(?::([a-z]+))?$/s.exec(target)!;
  const shipped = SHIPPED.find((candidate) => candidate.name === name);
  if (shipped !== undefined) return vary(shipped, variant, target);
  const full = formatModule(name!);
  if (full !== undefined) return vary(fromFile(name!, full), variant, target);
  throw new UsageError(
    `there is no file and no shipped format '${name!}'; formats that ship: ${SHIPPED_NAMES.join(', ')}`,
  );
};
