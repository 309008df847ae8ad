import type * as publicEntry from '../../index';
import { ExitCode } from '../exit-code';
import { findFormats, shippedFormats } from '../formats';
import { UsageError } from '../usage-error';

/** What `dmalab format` prints. */
export interface FormatOptions {
  readonly markdown?: true;
  readonly c?: true;
  readonly rust?: true;
}

const listFormats = (): string =>
  shippedFormats()
    .map(({ name, doc }) => `${name.padEnd(24)}${doc}\n`)
    .join('');

/** `dmalab format`: what follows from a format's declaration; without one, which ship. The result is the exit code. */
export const formatCommand = (name: string | undefined, options: FormatOptions): number => {
  const { descriptors } = module.require('../../index') as typeof publicEntry;
  const { cHeader, descriptorTable, rustStructs } = descriptors;
  if (Object.keys(options).length > 1) throw new UsageError('--markdown, --c and --rust exclude each other');
  if (name === undefined) {
    process.stdout.write(listFormats());
    return ExitCode.passed;
  }
  const formats = findFormats(name);
  const all = [...new Set(formats.flatMap((format) => format.descriptors))];
  if (options.c === true) process.stdout.write(cHeader(formats[0]!.name.replaceAll('-', '_'), all));
  else if (options.rust === true) process.stdout.write(rustStructs(all));
  else {
    const text = all.map((one) => {
      const about = `${one.size} bytes, aligned to ${one.align}${one.doc === '' ? '' : `: ${one.doc}`}`;
      return `## ${one.typeName}\n\n${about}\n\n${descriptorTable(one)}`;
    });
    process.stdout.write(text.join('\n'));
  }
  return ExitCode.passed;
};
