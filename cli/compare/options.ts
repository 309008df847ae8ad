import type { ComparedMachine, EngineParameters } from '../../lab/compare/machine';
import { largestOf, type Scatter, type Sizes, type Traffic } from '../../lab/compare/traffic';
import { UsageError } from '../usage-error';

/** The options of `dmalab compare`, as they were parsed one by one. */
export interface CompareCommandOptions {
  readonly sizes: Sizes;
  readonly depth: number;
  readonly scatter: Scatter;
  readonly requests: number;
  readonly direction: Traffic['direction'];
  readonly seed: number;
  readonly translation: ComparedMachine['translation'];
  readonly coherent: boolean;
  readonly prefetch?: number;
  readonly burst?: number;
  readonly outstanding?: number;
  readonly latency?: number;
  readonly bandwidth?: number;
  readonly json?: true;
  readonly svg?: string;
}

/** The most bytes of one request, and of all together. */
const LARGEST = 1 << 20;
const MOST_BYTES = 1 << 28;

/** The usual mixture of packets: 7 of 64 bytes to 4 of 594 and 1 of 1518. */
const IMIX: Sizes = {
  kind: 'mix',
  parts: [
    { bytes: 64, weight: 7 },
    { bytes: 594, weight: 4 },
    { bytes: 1518, weight: 1 },
  ],
};

const wrong = (option: string, expected: string, text: string): UsageError =>
  new UsageError(`${option} takes ${expected}, not '${text}'`);

const SIZES = `a size in bytes, 'FROM-TO', 'imix' or 'SIZE:WEIGHT,…', of 1 byte to 1m`;

const bytesOf = (text: string): number => {
  const [, digits, unit] = /^(\d{1,9})([km]?)$/i.exec(text) ?? [];
  const factor = unit?.toLowerCase() === 'k' ? 1024 : unit?.toLowerCase() === 'm' ? 1024 * 1024 : 1;
  const bytes = digits === undefined ? 0 : Number(digits) * factor;
  if (bytes >= 1 && bytes <= LARGEST) return bytes;
  throw new RangeError('no size');
};

const partOf = (text: string): { bytes: number; weight: number } => {
  const [size, weight = '1', ...more] = text.split(':');
  if (more.length > 0 || !/^[1-9]\d{0,5}$/.test(weight)) throw new RangeError('no weight');
  return { bytes: bytesOf(size!), weight: Number(weight) };
};

const sizesOf = (text: string): Sizes => {
  if (text === 'imix') return IMIX;
  const range = text.split('-');
  if (range.length !== 2) return { kind: 'mix', parts: text.split(',').map(partOf) };
  const [from, to] = range.map(bytesOf);
  if (from! > to!) throw new RangeError('the wrong way round');
  return { kind: 'uniform', from: from!, to: to! };
};

/** `--sizes`: `1500`, `4k`, `64-1500`, `imix`, or sizes with weights, `64:7,1500:1`. */
export const parseSizes = (text: string): Sizes => {
  try {
    return sizesOf(text);
  } catch {
    throw wrong('--sizes', SIZES, text);
  }
};

/** A whole number within bounds. */
const wholeNumber =
  (option: string, low: number, high: number) =>
  (text: string): number => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
    if (value >= low && value <= high) return value;
    throw wrong(option, `a whole number from ${low} to ${high}`, text);
  };

export const parseDepth = wholeNumber('--depth', 1, 512);
export const parseRequests = wholeNumber('--requests', 1, 1_000_000);
export const parsePrefetch = wholeNumber('--prefetch', 1, 256);
export const parseBurst = wholeNumber('--burst', 16, 4096);
export const parseOutstanding = wholeNumber('--outstanding', 1, 256);
export const parseLatency = wholeNumber('--latency', 1, 1_000_000);

/** `--bandwidth`: bytes per nanosecond, fractions allowed. */
export const parseBandwidth = (text: string): number => {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : NaN;
  if (value >= 0.001 && value <= 1000) return value;
  throw wrong('--bandwidth', 'bytes per nanosecond from 0.001 to 1000', text);
};

/** `--scatter`: pieces of a request, or `pages`. */
export const parseScatter = (text: string): Scatter => {
  if (text === 'pages') return text;
  const value = /^\d{1,3}$/.test(text) ? Number(text) : NaN;
  if (value >= 1 && value <= 64) return value;
  throw wrong('--scatter', "a number of pieces from 1 to 64, or 'pages'", text);
};

const oneOf =
  <const T extends string>(option: string, values: readonly T[]) =>
  (text: string): T => {
    const value = values.find((known) => known === text);
    if (value !== undefined) return value;
    throw wrong(option, `one of ${values.join(', ')}`, text);
  };

export const parseTranslation = oneOf('--translation', ['direct', 'strict', 'lazy', 'swiotlb']);
export const parseDirection = oneOf('--direction', ['out', 'in']);
/** `--coherent`. */
export const parseCoherent = (text: string): boolean => oneOf('--coherent', ['on', 'off'])(text) === 'on';

/** The traffic that the options ask for. More than the machine has room for is wrong usage. */
export const trafficOf = ({ sizes, depth, scatter, requests, direction }: CompareCommandOptions): Traffic => {
  const largest = largestOf(sizes);
  if (requests * largest > MOST_BYTES) {
    throw new UsageError(
      `${requests} requests of up to ${largest} bytes are more than the 256 MiB that can be checked`,
    );
  }
  const copies = scatter === 'pages' ? 1 : scatter;
  if (depth * largest * copies * 2 > MOST_BYTES) {
    throw new UsageError(`${depth} requests of up to ${largest} bytes at once need more memory than the machine has`);
  }
  return { sizes, depth, scatter, requests, direction };
};

/** The machine that the options ask for. */
export const machineOf = (options: CompareCommandOptions): ComparedMachine => {
  const { translation, coherent, prefetch, burst, outstanding, latency, bandwidth } = options;
  const engine: EngineParameters = {
    ...(prefetch === undefined ? {} : { prefetch }),
    ...(burst === undefined ? {} : { burstBytes: burst }),
    ...(outstanding === undefined ? {} : { outstanding }),
    ...(latency === undefined ? {} : { latencyNs: latency }),
    ...(bandwidth === undefined ? {} : { bytesPerNs: bandwidth }),
  };
  return { translation, coherent, engine };
};

/** Sizes as they are written. */
export const sizesText = (sizes: Sizes): string => {
  if (sizes === IMIX) return 'imix';
  if (sizes.kind === 'uniform') return `${sizes.from} to ${sizes.to} bytes`;
  const [first, ...more] = sizes.parts;
  if (more.length === 0) return `${first!.bytes} bytes`;
  return `${sizes.parts.map(({ bytes, weight }) => `${bytes}:${weight}`).join(', ')} bytes`;
};
