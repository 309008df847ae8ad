import type { CompletionStart, Format, WalkStart } from '../base/descriptor';

/** Where a queue of a device is. Plain data: the device goes on, this does not. */
export interface QueuePlace {
  /** Which time it is that the queue runs: another number each time that it begins afresh. */
  readonly session: number;
  /** Where its first entry was when it began: what a walk starts from that has seen nothing yet. */
  readonly begin: WalkStart;
  /** Entries that were given and not completed; undefined if software has named none yet. */
  readonly pending: WalkStart | undefined;
  /** Entries, or heads where it has those, that were completed in this session. */
  readonly done: number;
  /** Of a ring whose indices alone give entries away: entries that were given in this session. */
  readonly given: number | undefined;
  /** What was written to its doorbell last. */
  readonly rung: bigint;
  /** Where it tells that requests have ended, if not in place. */
  readonly completions: CompletionStart | undefined;
}

/** A queue of descriptors that a device knows by itself. Looking at it changes nothing. */
export interface DescribedQueue {
  /** `queue 0`. */
  readonly name: string;
  readonly format: Format;
  /** Doorbells that it has heard. */
  readonly rings: number;
  /** Undefined while the queue does not run: then no memory is its. */
  place(): QueuePlace | undefined;
}

/** A device that can say what queues of descriptors it has. */
export interface DescribesQueues {
  /** Grows whenever a queue begins or is rung. */
  readonly queueChanges: number;
  readonly describedQueues: readonly DescribedQueue[];
}

/** Whether a device can say what its queues are. */
export const describesQueues = (device: object | undefined): device is DescribesQueues =>
  device !== undefined && 'describedQueues' in device && 'queueChanges' in device;
