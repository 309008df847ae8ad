import type { AnyDescriptor } from './any-descriptor';
import type { Parameter } from './meaning';
import type { Nestable } from './members';

/** Entries lie one after the other and begin again after the last, or where one marked `jump` leads. */
export interface RingFollow {
  readonly kind: 'ring';
}

/** Each entry holds the address of the next one. */
export interface LinkedFollow {
  readonly kind: 'linked';
  /** What ends the list: a mark in the last entry, a next address of zero, or the tail that the doorbell names. */
  readonly end: 'last' | 'null' | 'tail';
  /** Whether a list may lead back into itself. */
  readonly cyclic: boolean;
}

/** A ring of indices beside a table of entries: the indices are the heads of requests. */
export interface HeadsFollow {
  readonly kind: 'heads';
  /** What precedes the ring of indices in memory; its `index` counts the heads that were ever added. */
  readonly header: AnyDescriptor;
  /** An element of the ring. */
  readonly element: AnyDescriptor;
}

/** How requests follow each other. */
export type Follow = RingFollow | LinkedFollow | HeadsFollow;

/** The data of a request lies where its one entry says. */
export interface OwnPieces {
  readonly kind: 'own';
}

/** A request is a chain of entries: each marked `more` is followed by the next one, by index or simply the one after it. */
export interface ChainPieces {
  readonly kind: 'chain';
  readonly next: 'index' | 'consecutive';
  /** The most entries of a chain; longer ones are refused. */
  readonly limit: number;
  /** Whether what the device reads comes before what it writes. */
  readonly order?: 'readable-first';
}

/** A request is a run of entries from one marked `first` to one marked `last`; each is completed by itself. */
export interface FramePieces {
  readonly kind: 'frame';
  readonly limit: number;
}

/**
 * The entry holds one or two page addresses: `data`, which may begin within its page, and `list`. With more than two
 * pages the second is the address of a list of the others. Lists end with their pages; where there is more, the last
 * element of one leads to the next.
 */
export interface PagePieces {
  readonly kind: 'pages';
  /** Bytes of a page. */
  readonly page: number | Parameter;
  /** An element of a list: an address of `data`. */
  readonly element: AnyDescriptor;
}

/**
 * The entry holds an element. Elements with an address of `data` are data; those of `list` and `last-list` lead to a list
 * of further ones, and stand last in their own.
 */
export interface SegmentPieces {
  readonly kind: 'segments';
  readonly element: AnyDescriptor;
  /** The most elements of one list. */
  readonly limit: number;
}

/** Segments where the shape that an entry has holds an element of such, else pages. */
export interface ShapePieces {
  readonly kind: 'by-shape';
  readonly pages: PagePieces;
  readonly segments: SegmentPieces;
}

/** How the data of one request is described. */
export type Pieces = OwnPieces | ChainPieces | FramePieces | PagePieces | SegmentPieces | ShapePieces;

/** The element of segments that a format's entries may hold. */
export const segmentOf = (pieces: Pieces): Nestable | undefined => {
  if (pieces.kind === 'by-shape') return pieces.segments.element;
  return pieces.kind === 'segments' ? pieces.element : undefined;
};

/** Who may touch an entry. */
export type Ownership =
  /** The bit marked `owner`. */
  | { readonly kind: 'bit' }
  /** The bit marked `phase` has the value of the current lap; with `used-phase`, and that one has not. */
  | { readonly kind: 'phase' }
  /** Entries up to the producer's index (or the tail's address) are the device's. */
  | { readonly kind: 'indices' };

/** How the end of a request is told. */
export type Completion =
  /**
   * In the entry: `done`, `status`, `written`, `error`, and the owner bit goes back. With `refusesDone` the device takes no
   * entry that is marked done, and marks entries in their order.
   */
  | { readonly kind: 'in-place'; readonly refusesDone?: boolean }
  /** In the entry's place in the ring, by phase: `id`, `written`, `phase` and `used-phase` of the consumer's lap. */
  | { readonly kind: 'in-ring' }
  /** An entry in a queue of its own, with a phase that changes each lap. */
  | { readonly kind: 'queue'; readonly entry: AnyDescriptor }
  /** An element in a ring behind a header whose `index` counts those ever added. */
  | { readonly kind: 'used-ring'; readonly header: AnyDescriptor; readonly element: AnyDescriptor };

/** Where software says which completions it wants to hear of. The device looks after each that it has told. */
export interface Events {
  /**
   * At the header of the heads, or where that of a ring without such would be. `no-event`: none is of interest. `by-event`: those
   * are that reach `event`, in the lap of `event-phase`.
   */
  readonly flags: AnyDescriptor;
  /** Behind the ring of heads, for those who agree on it: the completion of the number `event` is of interest, and no other. */
  readonly index?: AnyDescriptor;
}

/** What software writes to make the device look. */
export interface Doorbell {
  /** Its register's name in the specification. */
  readonly register: string;
  /** What is written: the producer's index, the address of the last entry or of the first, or only that there is work. */
  readonly value: 'tail-index' | 'tail-address' | 'head-address' | 'notify';
}

/** What a format is declared by. */
export interface FormatSpec<E extends AnyDescriptor = AnyDescriptor> {
  /** Lower-case words joined by hyphens. */
  readonly name: string;
  readonly doc?: string;
  /** The entry with which a request begins. */
  readonly entry: E;
  readonly follow: Follow;
  /** Default: the entry's own. */
  readonly pieces?: Pieces;
  /** Whether an entry marked `indirect` holds the address of a table of entries. */
  readonly indirect?: boolean;
  readonly ownership: Ownership;
  readonly completion: Completion;
  readonly doorbell: Doorbell;
  /** Default: every completion is of interest. */
  readonly events?: Events | undefined;
  /** What a queue moves where no field says: default, by `device-writes` or from source to destination. */
  readonly moves?: 'from-memory' | 'to-memory' | 'by-queue';
  /** Descriptors that belong to it besides those named above: for headers, tables and checks by hand. */
  readonly also?: readonly AnyDescriptor[];
}

/** A descriptor format: how entries look, follow each other, change owner, complete, and how the device is told. */
export interface Format<E extends AnyDescriptor = AnyDescriptor> extends Required<Omit<FormatSpec<E>, 'events'>> {
  readonly events: Events | undefined;
  /** Every descriptor of the format once, the entry first. */
  readonly descriptors: readonly AnyDescriptor[];
  /** Entries marked `jump` carry no data: their `next` address says where the ring goes on. */
  readonly jumps: boolean;
  /** What the queue's set-up decides. */
  readonly parameters: readonly Parameter[];
}

/** Entries one after the other, wrapping at the end. */
export const ring = (): RingFollow => ({ kind: 'ring' });

/** Entries that hold the address of the next one. @param end what ends the list */
export const linked = (end: LinkedFollow['end'], { cyclic = false } = {}): LinkedFollow => ({
  kind: 'linked',
  end,
  cyclic,
});

/** A ring of indices of head entries. */
export const heads = (header: AnyDescriptor, element: AnyDescriptor): HeadsFollow => ({
  kind: 'heads',
  header,
  element,
});
