import fs from 'node:fs';
import type { descriptors } from '../../index';
import type * as publicEntry from '../../index';
import { ExitCode } from '../exit-code';
import { findFormat } from '../formats';
import { UsageError } from '../usage-error';

/** Where a queue is in an image of memory. */
export interface ImageOptions {
  readonly format: string;
  readonly atAddress?: bigint;
  /** `key=value`, what the registers of the queue say. */
  readonly start?: readonly string[];
  readonly completions?: true;
  readonly json?: true;
}

/** What registers say, besides the parameters of the format. */
const ADDRESSES = ['at', 'tail', 'heads'] as const;
const NUMBERS = ['entries', 'from', 'count', 'phase', 'most', 'requests'] as const;

const parseNumber = (word: string, text: string): bigint => {
  if (/^(?:\d+|0x[0-9a-f]+)$/i.test(text)) return BigInt(text);
  throw new UsageError(`--start ${word}: '${text}' is no number, decimal or with 0x`);
};

interface Start {
  at: bigint;
  entries: number;
  phase?: 0 | 1;
  moves?: 'from-memory' | 'to-memory';
  parameters: Record<string, number>;
}

const parseStart = (words: readonly string[], base: bigint): Start => {
  const start: Record<string, unknown> = { at: base };
  const parameters: Record<string, number> = {};
  for (const word of words) {
    const [, key, text] = /^([a-z-]+)=(.+)$/.exec(word) ?? [];
    if (key === undefined) throw new UsageError(`--start takes words like entries=16, not '${word}'`);
    if (key === 'moves') {
      if (text !== 'from-memory' && text !== 'to-memory') {
        throw new UsageError(`--start moves is from-memory or to-memory, not '${text!}'`);
      }
      start[key] = text;
      continue;
    }
    const value = parseNumber(word, text!);
    if (ADDRESSES.some((one) => one === key)) start[key] = value;
    else if (key === 'phase' && value > 1n) throw new UsageError(`--start phase is 0 or 1, not ${value}`);
    else if (NUMBERS.some((one) => one === key)) start[key] = Number(value);
    else parameters[key] = Number(value);
  }
  return { ...start, parameters } as unknown as Start;
};

const requireParameters = (format: descriptors.Format, { parameters }: Start): void => {
  const known = format.parameters.map(({ name }) => name);
  const unknown = Object.keys(parameters).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const all = [...ADDRESSES, ...NUMBERS, 'moves', ...known].join(', ');
  throw new UsageError(`--start ${unknown}: there is no such thing in ${format.name}; there are ${all}`);
};

const readImage = (file: string): Uint8Array => {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    throw new UsageError(`'${file}' cannot be read: ${(error as Error).message}`);
  }
};

/** `dmalab dump FILE --format NAME`: what is in an image of memory. The exit code is 1 if something is wrong with it. */
export const dumpImage = (files: readonly string[], options: ImageOptions): number => {
  const [file] = files;
  if (file === undefined || files.length > 1) {
    throw new UsageError(`with --format, dump takes one file with an image of memory, not ${files.length}`);
  }
  const format = findFormat(options.format);
  const bytes = readImage(file);
  const base = options.atAddress ?? 0n;
  const given = parseStart(options.start ?? [], base);
  requireParameters(format, given);
  const room = Math.max(0, Math.floor((bytes.length - Number(given.at - base)) / format.entry.size));
  const start = { ...given, entries: given.entries ?? room };
  const { descriptors: tools } = module.require('../../index') as typeof publicEntry;
  const memory = tools.wordsOfBytes(bytes, base);
  const walked =
    options.completions === true ? tools.walkCompletions(format, memory, start) : tools.walk(format, memory, start);
  const text =
    options.json === true
      ? JSON.stringify({ format: 1, file, descriptors: format.name, queue: tools.dumpData(walked) }, null, 2)
      : tools.dump(`${file} (${format.name})`, walked).join('\n');
  process.stdout.write(`${text}\n`);
  return walked.findings.length > 0 ? ExitCode.failed : ExitCode.passed;
};
