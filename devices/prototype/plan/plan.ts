import type { Format, Pieces } from '../../../base/descriptor';
import { valueOf, type Parameters } from '../../../base/descriptor/meaning';
import { EntryPlan } from './entry-plan';
import { Shapes } from './shapes';

/** A format made ready for the engine: every role looked up once. */
export interface Plan {
  readonly format: Format;
  /** What all entries have. */
  readonly entry: EntryPlan;
  /** Where and how much the data is may depend on the shape that an entry's opcode chooses. */
  readonly shapes: Shapes;
  /** Of a ring of heads. */
  readonly header: EntryPlan | null;
  readonly element: EntryPlan | null;
  /** Of a list of pages, and the bytes of a page. */
  readonly pageElement: EntryPlan | null;
  readonly page: number;
  /** Of a list of segments: its shapes, and the most of them in a list. */
  readonly segmentElement: EntryPlan | null;
  readonly segments: Shapes | null;
  readonly segmentLimit: number;
  /** What is written into completion queues or used rings, and what precedes the latter. */
  readonly done: EntryPlan | null;
  readonly doneHeader: EntryPlan | null;
  /** Where software says which completions it wants to hear of: see `Events` of the format. */
  readonly eventFlags: EntryPlan | null;
  readonly eventIndex: EntryPlan | null;
  /** Whether a completion can tell that a request failed: the queue then goes on. */
  readonly tellsFailure: boolean;
}

const pagesOf = (pieces: Pieces) =>
  pieces.kind === 'pages' ? pieces : pieces.kind === 'by-shape' ? pieces.pages : undefined;

const segmentsOf = (pieces: Pieces) =>
  pieces.kind === 'segments' ? pieces : pieces.kind === 'by-shape' ? pieces.segments : undefined;

/** Compiles a format. @param parameters values of the queue's parameters */
export const compilePlan = (format: Format, parameters: Parameters): Plan => {
  const { entry, follow, pieces, completion, events } = format;
  const plan = (descriptor: typeof entry) => new EntryPlan(descriptor, parameters);
  const heads = follow.kind === 'heads' ? follow : undefined;
  const pages = pagesOf(pieces);
  const segments = segmentsOf(pieces);
  const used = completion.kind === 'used-ring' ? completion : undefined;
  const told = used?.element ?? (completion.kind === 'queue' ? completion.entry : undefined);
  const entryPlan = plan(entry);
  const done = told === undefined ? null : plan(told);
  return {
    format,
    entry: entryPlan,
    shapes: new Shapes(entry, parameters, segments?.element ?? null),
    header: heads === undefined ? null : plan(heads.header),
    element: heads === undefined ? null : plan(heads.element),
    pageElement: pages === undefined ? null : plan(pages.element),
    page: pages === undefined ? 1 : valueOf(pages.page, parameters),
    segmentElement: segments === undefined ? null : plan(segments.element),
    segments: segments === undefined ? null : new Shapes(segments.element, parameters, null),
    segmentLimit: segments?.limit ?? 0,
    done,
    doneHeader: used === undefined ? null : plan(used.header),
    eventFlags: events === undefined ? null : plan(events.flags),
    eventIndex: events?.index === undefined ? null : plan(events.index),
    tellsFailure: (done ?? entryPlan).status !== null || (done ?? entryPlan).error !== null,
  };
};
