import type { Moves } from '../plan/entry-plan';
import type { ErrorCode } from '../spec';

/**
 * The data of one entry, run by run: `begin` puts the first run into the mover, `next` the one after, until `over`. A run may
 * be empty. Each call does a bounded amount of work, and answers with a code where the entry cannot be gone on with.
 */
export interface EntryData {
  /** There are no more runs. */
  readonly over: boolean;
  begin(lanes: Int32Array, base: number, otherwise: Moves): ErrorCode;
  next(): ErrorCode;
}
