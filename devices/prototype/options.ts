import type { Format, Parameters } from '../../base/descriptor';
import { LabError } from '../../base/errors';
import { MAX_QUEUES } from './spec';

/** Parameters of an engine. All but the format are optional. */
export interface PrototypeOptions {
  /** What it fetches: any declared format. */
  readonly format: Format;
  /** Values of the format's parameters, by name: the bytes of a block, of a page. Default: the format's. */
  readonly parameters?: Parameters;
  /** Queues, 1 to 32. Default 4. */
  readonly queues?: number;
  /** One interrupt wire for all, or one per queue. Default `combined`. */
  readonly interrupts?: 'combined' | 'per-queue';
  /** Entries that each queue fetches ahead at most, 1 to 256. Default 16. */
  readonly prefetch?: number;
  /** Bytes of a bus request, 16 to 4096. Default 256. */
  readonly burstBytes?: number;
  /** Requests on their way at once, 1 to 256. Default 8. */
  readonly outstanding?: number;
  /** Bandwidth, in bytes per nanosecond. Default 4. */
  readonly bytesPerNs?: number;
  /** From a request to its answer, in nanoseconds. Default 50. */
  readonly latencyNs?: number;
  /** From a register write to the first access, in nanoseconds. Default 20. */
  readonly startNs?: number;
  /** Most bytes of data in one step, 64 to 262144. Default 4096. */
  readonly chunkBytes?: number;
  /** The longest data of one entry, in bytes; more is an error. Default 2^32. */
  readonly maxLength?: number;
  /** Bytes of packets that may wait in a queue's stream port, 64 to 2^24. Default 65536. */
  readonly streamBytes?: number;
  /** Bytes that a stream port's sink keeps for `received`. Default 1 MiB. */
  readonly keepBytes?: number;
}

/** The parameters with their defaults filled in. */
export type PrototypeParameters = Required<PrototypeOptions>;

const RANGES = {
  queues: [1, MAX_QUEUES, 4],
  prefetch: [1, 256, 16],
  burstBytes: [16, 4096, 256],
  outstanding: [1, 256, 8],
  latencyNs: [1, 1e9, 50],
  startNs: [1, 1e9, 20],
  chunkBytes: [64, 262_144, 4096],
  maxLength: [1, 2 ** 48, 2 ** 32],
  streamBytes: [64, 2 ** 24, 65_536],
  keepBytes: [0, 2 ** 28, 2 ** 20],
} as const satisfies Partial<Record<keyof PrototypeOptions, readonly [number, number, number]>>;

type RangedName = keyof typeof RANGES;

const KNOWN: readonly string[] = ['format', 'parameters', 'interrupts', 'bytesPerNs', ...Object.keys(RANGES)];

const refuse = (name: string, message: string): never => {
  throw new LabError(message, { what: `prototype.${name}` });
};

const ranged = (options: PrototypeOptions, name: RangedName): number => {
  const [low, high, otherwise] = RANGES[name];
  const value = options[name] ?? otherwise;
  if (!Number.isInteger(value) || value < low || value > high) {
    return refuse(name, `${name} must be an integer from ${low} to ${high}, not ${value}`);
  }
  return value;
};

/** Checks the options and fills in defaults. A value out of range, or an unknown option, is a `LabError`. */
export const prototypeParameters = (options: PrototypeOptions): PrototypeParameters => {
  const unknown = Object.keys(options).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) refuse(unknown, `a prototype engine has no option ${unknown}`);
  const { interrupts = 'combined', bytesPerNs = 4 } = options;
  if (interrupts !== 'combined' && interrupts !== 'per-queue') {
    refuse('interrupts', `interrupts must be 'combined' or 'per-queue'`);
  }
  if (!(bytesPerNs >= 1e-6 && bytesPerNs <= 1e9)) {
    refuse('bytesPerNs', `bytesPerNs must be a number from 1e-6 to 1e9, not ${bytesPerNs}`);
  }
  const numbers = Object.fromEntries(
    (Object.keys(RANGES) as RangedName[]).map((name) => [name, ranged(options, name)]),
  ) as Record<RangedName, number>;
  return { ...numbers, format: options.format, parameters: options.parameters ?? {}, interrupts, bytesPerNs };
};
