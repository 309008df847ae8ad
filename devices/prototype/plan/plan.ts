import type { Format } from '../../../base/descriptor';
import { EntryPlan } from './entry-plan';

/** A format made ready for the engine: every role looked up once. */
export interface Plan {
  readonly format: Format;
  readonly entry: EntryPlan;
  /** Of a ring of heads. */
  readonly header: EntryPlan | null;
  readonly element: EntryPlan | null;
  /** Of a list of pages or segments. */
  readonly piece: EntryPlan | null;
  /** What is written into completion queues or used rings, and what precedes the latter. */
  readonly done: EntryPlan | null;
  readonly doneHeader: EntryPlan | null;
  /** Whether a completion can tell that a request failed: the queue then goes on. */
  readonly tellsFailure: boolean;
}

/** Compiles a format. */
export const compilePlan = (format: Format): Plan => {
  const { entry, follow, pieces, completion } = format;
  const entryPlan = new EntryPlan(entry);
  const heads = follow.kind === 'heads' ? follow : null;
  const listed = pieces.kind === 'pages' || pieces.kind === 'segments' ? pieces.element : null;
  const done =
    completion.kind === 'queue'
      ? new EntryPlan(completion.entry)
      : completion.kind === 'used-ring'
        ? new EntryPlan(completion.element)
        : null;
  const told = done ?? entryPlan;
  return {
    format,
    entry: entryPlan,
    header: heads === null ? null : new EntryPlan(heads.header),
    element: heads === null ? null : new EntryPlan(heads.element),
    piece: listed === null ? null : new EntryPlan(listed),
    done,
    doneHeader: completion.kind === 'used-ring' ? new EntryPlan(completion.header) : null,
    tellsFailure: told.status !== null || told.error !== null,
  };
};

/** Whether an entry of a ring or list is the device's. Heads are the device's once they are counted. */
export const owns = ({ format, entry }: Plan, lanes: Int32Array, base: number, phase: number): boolean => {
  const { kind } = format.ownership;
  if (kind === 'indices') return true;
  if (kind === 'bit') return entry.owner!.is(lanes, base);
  if ((entry.phase!.is(lanes, base) ? 1 : 0) !== phase) return false;
  return entry.usedPhase === null || (entry.usedPhase.is(lanes, base) ? 1 : 0) !== phase;
};
