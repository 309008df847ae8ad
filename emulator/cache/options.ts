import { LabError } from '../../base/errors';

/** Bytes of a line: what the cache holds, fills and writes back at a time, and what cache operations work on. */
export const LINE_SIZE = 64;
/** log2 of it. */
export const LINE_SHIFT = 6;

/** How the cache and the store buffer misbehave, within what is legal. */
export interface AdversaryOptions {
  /** Steps between two acts of mischief, on average. A step is an access or time passing. Default 8. */
  readonly interval?: number;
  /** Words of eight bytes that the store buffer holds; 0 leaves it out. Default 16. */
  readonly storeBuffer?: number;
}

/** The CPU's data cache. */
export interface CacheOptions {
  /** Sets: a power of two, up to 4096. Default 64. */
  readonly sets?: number;
  /** Lines in a set, 1 to 32. Default 8, so that the cache has 32 KiB. */
  readonly ways?: number;
  /** What a cache operation costs the CPU per line, in nanoseconds. Default 10. */
  readonly operationNs?: number;
  /**
   * Whether lines are written back, evicted and prefetched, and stores reach memory late and out of order, whenever the
   * seed says so. Default false: then lines are replaced by age only, and stores are seen at once.
   */
  readonly adversarial?: boolean | AdversaryOptions;
}

/** Options with nothing left open. */
export interface CacheParameters {
  readonly sets: number;
  readonly ways: number;
  readonly operationNs: number;
  /** Undefined: a cache that behaves. */
  readonly adversary: Required<AdversaryOptions> | undefined;
}

const MAX_SETS = 4096;
const MAX_WAYS = 32;
const MAX_INTERVAL = 1_000_000;
const MAX_STORE_BUFFER = 256;
const MAX_OPERATION_NS = 1_000_000;

const whole = (name: string, value: number, low: number, high: number): number => {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw new LabError(`cache.${name} is ${value}; it must be a whole number from ${low} to ${high}`, {
    what: `cache.${name}`,
  });
};

const setsOf = (value: number): number => {
  const sets = whole('sets', value, 1, MAX_SETS);
  if ((sets & (sets - 1)) === 0) return sets;
  throw new LabError(`cache.sets is ${sets}; it must be a power of two`, { what: 'cache.sets' });
};

const adversaryOf = (option: boolean | AdversaryOptions): Required<AdversaryOptions> | undefined => {
  if (option === false) return undefined;
  const { interval = 8, storeBuffer = 16 } = option === true ? {} : option;
  return {
    interval: whole('adversarial.interval', interval, 1, MAX_INTERVAL),
    storeBuffer: whole('adversarial.storeBuffer', storeBuffer, 0, MAX_STORE_BUFFER),
  };
};

/** Fills in the defaults. A value that makes no cache is a `LabError`. */
export const cacheParameters = (options: CacheOptions = {}): CacheParameters => ({
  sets: setsOf(options.sets ?? 64),
  ways: whole('ways', options.ways ?? 8, 1, MAX_WAYS),
  operationNs: whole('operationNs', options.operationNs ?? 10, 0, MAX_OPERATION_NS),
  adversary: adversaryOf(options.adversarial ?? false),
});
