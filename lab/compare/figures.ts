import type { QueueStatistics } from '../../devices/prototype';
import type { Moves } from './candidate';

/** What happened while the traffic ran, in plain numbers. */
export interface FormatFigures {
  readonly name: string;
  /** What the format did with the traffic. */
  readonly moves: Moves;
  readonly requests: number;
  /** Bytes that software asked to be moved; of copies, those of one side. */
  readonly payloadBytes: number;
  /** Entries that the engine worked off, those of tables included. */
  readonly entries: number;
  /** Reads of entries, headers, heads, tables and lists, and their bytes, those read in vain included. */
  readonly descriptorReads: number;
  readonly descriptorReadBytes: number;
  /** Writes by which completions were told, and their bytes. */
  readonly completionWrites: number;
  readonly completionBytes: number;
  /** Cache lines of descriptors that the CPU touched: each once per request posted, and once per look at completions. */
  readonly cacheLines: number;
  /** Page-table walks for the engine's accesses. */
  readonly iotlbMisses: number;
  readonly doorbells: number;
  readonly interrupts: number;
  /** From the first submission to the last completion, in simulated nanoseconds. */
  readonly nanoseconds: number;
  /** From submission to completion, in simulated nanoseconds. */
  readonly latency: { readonly median: number; readonly p99: number; readonly largest: number };
  /** Where the time went, in nanoseconds: together it is `nanoseconds`. */
  readonly time: TimeShares;
}

/** What the engine was doing. */
export interface TimeShares {
  /** Its data path carried payload. */
  readonly moving: number;
  /** It waited for answers to reads of data, or for data's writes, on their way. */
  readonly answers: number;
  /** It read tables and lists, and told completions. */
  readonly listsAndCompletions: number;
  /** It waited for entries. */
  readonly entries: number;
  /** It waited for room to tell a completion, or for the stream. */
  readonly blocked: number;
  /** It had nothing to do: interrupt, driver and doorbell. */
  readonly software: number;
}

/** The value below which a share of the values lies: nearest rank. */
export const percentile = (sorted: Float64Array, share: number): number =>
  sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]!;

/** Median, 99th percentile and maximum. */
export const latencyOf = (values: Float64Array): FormatFigures['latency'] => {
  const sorted = values.toSorted();
  return { median: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), largest: percentile(sorted, 1) };
};

/** Splits a span of time by what the engine says that it did. @param transferNs what the payload takes at full bandwidth */
export const timeShares = (
  nanoseconds: number,
  transferNs: number,
  statistics: Readonly<QueueStatistics>,
): TimeShares => {
  const { busyNs, dataStallNs, fetchStallNs, streamStallNs, completionStallNs } = statistics;
  const blocked = streamStallNs + completionStallNs;
  // The engine counts all that its data path does as busy, waiting for answers included.
  const working = busyNs - dataStallNs;
  const moving = Math.min(working, transferNs);
  return {
    moving,
    answers: dataStallNs,
    listsAndCompletions: working - moving,
    entries: fetchStallNs,
    blocked,
    software: Math.max(0, nanoseconds - busyNs - fetchStallNs - blocked),
  };
};
