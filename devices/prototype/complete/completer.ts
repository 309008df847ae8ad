import type { EntryPlan } from '../plan/entry-plan';
import type { FieldAccess } from '../plan/field-access';
import type { QueueSetup } from '../setup';
import type { ErrorCode } from '../spec';
import type { RequestEnd } from './request-end';

/** The completion could not all be told in one go: it goes on with the next call. */
export const UNFINISHED = -1;

/** How software is told of the end of a request. */
export interface Completer {
  /** The queue was enabled. */
  start(setup: QueueSetup): ErrorCode;
  /** Whether there is room to tell of one more. @param head what software reads next (`Q_DONE_HEAD`) */
  hasRoom(head: number): boolean;
  /** Tells. Returns a code if it cannot, or `UNFINISHED`. */
  complete(end: RequestEnd): ErrorCode | typeof UNFINISHED;
  /** `Q_DONE_TAIL`. */
  readonly tail: number;
  /** The last entry of `end` goes out of the FIFO before the request has ended. */
  keep(end: RequestEnd): void;
  /** An entry that is no request goes back, where entries do: there is nothing else to tell of it. */
  pass(end: RequestEnd): ErrorCode;
  /** Whether an entry at a place is kept. */
  holds(page: number, offset: number): boolean;
  /** Forgets what was kept. */
  drop(): void;
}

/** Bytes `from` to `to` of an entry: those that a completion changes. */
export interface ByteRange {
  from: number;
  to: number;
}

/** The words that hold some fields; bytes, where the entry ends within a word. */
export const rangeOf = (plan: EntryPlan, fields: readonly (FieldAccess | null)[]): ByteRange => {
  const range = { from: plan.size, to: 0 };
  for (const access of fields) {
    for (const { lane } of access?.field.pieces ?? []) {
      range.from = Math.min(range.from, 4 * lane);
      range.to = Math.max(range.to, Math.min(plan.size, 4 * lane + 4));
    }
  }
  return range;
};

/** Puts what happened into the fields that an entry has for it. @param written bytes, as far as there is a field for them */
export const tellEnd = (plan: EntryPlan, lanes: Int32Array, base: number, end: RequestEnd, written: number): void => {
  plan.done?.mark(lanes, base, true);
  plan.error?.mark(lanes, base, end.code !== 0);
  plan.status?.put(lanes, base, end.code);
  plan.written?.put(lanes, base, Math.floor(written / plan.writtenUnit));
};
