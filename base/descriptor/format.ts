import type { AnyDescriptor } from './any-descriptor';
import { checkJumps } from './jumps';
import { valueOf, type Parameter } from './meaning';
import type { Nestable } from './members';
import { contradiction } from './placement';
import { isThat, type PlacedField } from './placed';
import { allCases } from './shapes';

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

/** Fields of a meaning, those of all shapes among them. */
const anyThat = (descriptor: AnyDescriptor, kind: string, part?: string): readonly PlacedField[] => [
  ...descriptor.fieldsThat(kind, part),
  ...descriptor.variantFields.filter((field) => isThat(field, kind, part)),
];

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/** Finds what a format needs of its descriptors. */
class FormatChecks {
  private readonly spec: FormatSpec;

  constructor(spec: FormatSpec) {
    this.spec = spec;
  }

  run(): void {
    this.follow();
    this.pieces();
    this.ownership();
    this.completion();
    this.doorbell();
    this.data();
    checkJumps(this.spec);
  }

  /** One field of a meaning; there is none: a `LabError`. @param why what in the format needs it */
  private need(where: AnyDescriptor, why: string, kind: string, part: string): PlacedField {
    const [field] = anyThat(where, kind, part);
    if (field !== undefined) return field;
    const what = kind === 'address' ? `address of ${part}` : `field that is ${part}`;
    throw contradiction(
      this.spec.name,
      `${this.spec.name} ${why}, and its descriptor ${where.typeName} has no ${what}`,
    );
  }

  private follow(): void {
    const { entry, follow } = this.spec;
    if (follow.kind === 'linked') {
      this.need(entry, 'follows links', 'address', 'next');
      if (follow.end === 'last') this.need(entry, 'ends its lists with a mark', 'mark', 'last');
      if (follow.cyclic && follow.end === 'null') {
        throw contradiction(
          this.spec.name,
          `${this.spec.name} is cyclic, and its lists end with a next address of zero`,
        );
      }
    } else if (follow.kind === 'heads') {
      this.need(follow.header, 'counts heads', 'count', 'index');
      this.need(follow.element, 'has a ring of heads', 'count', 'id');
    }
  }

  private pieces(): void {
    const { entry, pieces, indirect } = this.spec;
    if (indirect === true) {
      this.need(entry, 'has indirect tables', 'mark', 'indirect');
      if (entry.fieldsThat('address', 'data').length === 0) this.need(entry, 'has indirect tables', 'address', 'table');
    }
    if (pieces?.kind === 'chain') {
      this.need(entry, 'chains entries', 'mark', 'more');
      if (pieces.next === 'index') this.need(entry, 'chains entries by index', 'count', 'next-index');
      this.chains(pieces.next);
    } else if (pieces?.kind === 'frame') {
      this.need(entry, 'has frames', 'mark', 'first');
      this.need(entry, 'has frames', 'mark', 'last');
      this.frames();
    } else if (pieces?.kind === 'pages') this.pages(pieces);
    else if (pieces?.kind === 'segments') this.segments(pieces);
    else if (pieces?.kind === 'by-shape') {
      this.pages(pieces.pages);
      this.segments(pieces.segments);
    }
  }

  private pages({ page, element }: PagePieces): void {
    const { name, entry } = this.spec;
    this.need(entry, 'has page lists', 'address', 'data');
    this.need(entry, 'has page lists', 'address', 'list');
    this.need(element, 'has page lists', 'address', 'data');
    const bytes = valueOf(page);
    if (Number.isInteger(Math.log2(bytes)) && bytes >= 2 * element.size) return;
    throw contradiction(name, `${name} has pages of ${bytes} bytes, which is no power of two with room for a list`);
  }

  private segments({ element }: SegmentPieces): void {
    const { entry, name } = this.spec;
    this.need(element, 'has segments', 'address', 'data');
    this.need(element, 'has segments', 'length', 'data');
    const shapes = allCases(entry.placedVariants).map(({ shape }) => shape.placement.nested);
    if ([entry.placedNested, ...shapes].flat().some(({ descriptor }) => descriptor === element)) return;
    throw contradiction(name, `${name} has segments, and no ${element.typeName} lies in its ${entry.typeName}`);
  }

  private refuseFollow(what: string): never {
    const { name, follow } = this.spec;
    throw contradiction(name, `${name} ${what}, and its entries follow as ${follow.kind}`);
  }

  private frames(): void {
    const { follow, entry, name } = this.spec;
    if (follow.kind === 'heads') this.refuseFollow('has frames, which are runs of entries');
    if (follow.kind !== 'linked' || follow.end !== 'last') return;
    const last = this.need(entry, 'has frames', 'mark', 'last');
    throw contradiction(name, `${name} ends both frames and lists with ${entry.typeName}.${last.path} (${last.where})`);
  }

  /** Indices lead anywhere in a table, and only heads say where requests begin there. */
  private chains(next: ChainPieces['next']): void {
    const { kind } = this.spec.follow;
    if (next === 'index' && kind !== 'heads') this.refuseFollow('chains entries by index');
  }

  private ownership(): void {
    const { entry, ownership, follow } = this.spec;
    if (ownership.kind === 'bit') this.need(entry, 'gives entries away by a bit', 'mark', 'owner');
    if (ownership.kind !== 'phase') return;
    this.need(entry, 'gives entries away by phase', 'mark', 'phase');
    if (follow.kind !== 'ring') {
      throw contradiction(
        this.spec.name,
        `${this.spec.name} gives entries away by phase, which flips at each lap, and follows ${follow.kind}, which has none`,
      );
    }
  }

  private completion(): void {
    const { entry, completion } = this.spec;
    if (completion.kind === 'in-place') {
      if (entry.fieldsThat('mark', 'owner').length === 0) this.need(entry, 'completes in place', 'mark', 'done');
      if (completion.refusesDone === true) this.need(entry, 'refuses entries that are done', 'mark', 'done');
    } else if (completion.kind === 'in-ring') this.need(entry, 'completes in its ring', 'mark', 'used-phase');
    else if (completion.kind === 'queue') {
      this.need(completion.entry, 'has a completion queue', 'mark', 'phase');
      this.need(completion.entry, 'has a completion queue', 'count', 'id');
      this.need(entry, 'names requests in its completion queue', 'count', 'id');
    } else {
      this.need(completion.header, 'has a used ring', 'count', 'index');
      this.need(completion.element, 'has a used ring', 'count', 'id');
    }
    this.units();
  }

  /** A length that is counted in one unit and told back in another. */
  private units(): void {
    const { entry, completion, name } = this.spec;
    const told =
      completion.kind === 'queue' ? completion.entry : completion.kind === 'used-ring' ? completion.element : entry;
    const [written] = anyThat(told, 'count', 'written');
    const [length] = anyThat(entry, 'length', 'data');
    if (written?.meaning?.kind !== 'count' || length?.meaning?.kind !== 'length') return;
    const { unit } = written.meaning;
    if (typeof length.meaning.unit !== 'number' || length.meaning.unit === unit) return;
    throw contradiction(
      name,
      `${name} counts ${length.meaning.unit} bytes in ${entry.typeName}.${length.path} and tells ${unit} in ${told.typeName}.${written.path}: the units differ`,
    );
  }

  private doorbell(): void {
    const { name, doorbell, follow } = this.spec;
    const byAddress = doorbell.value === 'tail-address' || doorbell.value === 'head-address';
    if (byAddress === (follow.kind === 'linked') || doorbell.value === 'notify') return;
    throw contradiction(
      name,
      `${name} rings ${doorbell.register} with a ${doorbell.value.replace('-', ' ')}, and its entries follow as ${follow.kind}`,
    );
  }

  private data(): void {
    const { entry, pieces, name } = this.spec;
    if (pieces?.kind === 'segments') return;
    const has = (target: string): boolean => anyThat(entry, 'address', target).length > 0;
    if (!has('data') && !has('list') && has('source') !== has('destination')) {
      throw contradiction(name, `${name}: ${entry.typeName} has one of source and destination, and no data address`);
    }
    if (!has('data') && !has('list') && !has('source')) {
      throw contradiction(name, `${name}: ${entry.typeName} has no address of data`);
    }
    const sized =
      anyThat(entry, 'length').length > 0 || allCases(entry.placedVariants).some(({ shape }) => shape.bytes > 0);
    if (!sized) throw contradiction(name, `${name}: ${entry.typeName} has no length`);
  }
}

const descriptorsOf = ({ entry, follow, pieces, completion, events, also = [] }: FormatSpec): AnyDescriptor[] => {
  const all = [entry];
  if (follow.kind === 'heads') all.push(follow.header, follow.element);
  if (pieces?.kind === 'pages' || pieces?.kind === 'segments') all.push(pieces.element);
  if (pieces?.kind === 'by-shape') all.push(pieces.pages.element, pieces.segments.element);
  if (completion.kind === 'queue') all.push(completion.entry);
  if (completion.kind === 'used-ring') all.push(completion.header, completion.element);
  if (events !== undefined) all.push(events.flags, ...(events.index === undefined ? [] : [events.index]));
  return [...new Set([...all, ...also])];
};

/** The parameters of a format, each once. */
const parametersOf = (descriptors: readonly AnyDescriptor[], pieces: Pieces = { kind: 'own' }): Parameter[] => {
  const fields = descriptors.flatMap(({ placedFields, variantFields }) => [...placedFields, ...variantFields]);
  const units = fields.flatMap(({ meaning }) =>
    meaning?.kind === 'length' && typeof meaning.unit === 'object' ? [meaning.unit] : [],
  );
  const pages = pieces.kind === 'by-shape' ? pieces.pages : pieces.kind === 'pages' ? pieces : undefined;
  const all = typeof pages?.page === 'object' ? [...units, pages.page] : units;
  return [...new Map(all.map((one) => [one.name, one])).values()];
};

/**
 * Declares a format. One that contradicts itself (links without an address of the next entry, a phase where nothing laps,
 * a length told in another unit) is a `LabError` that names both places.
 */
export const format = <E extends AnyDescriptor>(spec: FormatSpec<E>): Format<E> => {
  if (!NAME.test(spec.name)) throw contradiction(spec.name, `${JSON.stringify(spec.name)} cannot name a format`);
  new FormatChecks(spec).run();
  const descriptors = descriptorsOf(spec);
  return {
    doc: '',
    pieces: { kind: 'own' },
    indirect: false,
    moves: 'by-queue',
    also: [],
    events: undefined,
    ...spec,
    jumps: spec.entry.fieldsThat('mark', 'jump').length > 0,
    descriptors,
    parameters: parametersOf(descriptors, spec.pieces),
  };
};
