import type { Prng } from '../prng';
import type { AnyDescriptor } from './any-descriptor';
import type { Built } from './built';
import type { PagePieces, Pieces, SegmentPieces } from './format';
import { valueOf, type AddressTarget, type Parameters } from './meaning';
import { EntryRoles } from './roles';
import { put } from './put';
import { fillEntry, roundUp, type Buffers } from './sample';
import { activeNested, allCases, clearBytes } from './shapes';

/** What a generator of lists needs of the sample that they are for. */
export interface ListRoom {
  readonly prng: Prng;
  readonly roles: EntryRoles;
  readonly buffers: Buffers;
  readonly parameters: Parameters;
  /** Takes memory. */
  room(bytes: number, align: number): bigint;
  /** Puts a descriptor there. */
  make(descriptor: AnyDescriptor, address: bigint, where: string): Built;
}

/** What was made for an entry: its elements, and lists by where they are said to be. */
export interface BuiltLists {
  readonly kind: 'pages' | 'segments';
  readonly entry: Built;
  readonly bytes: number;
  readonly elements: Built[];
  /** Elements of which the last leads to the next list. */
  readonly links: Built[];
}

/** Puts a page's address into a field, and remembers that. */
const putPage = ({ buffers }: ListRoom, built: Built, path: string, page: number, bytes: number): void => {
  const field = built.descriptor.field(path);
  put(field, built.lanes, buffers.takeAligned(page, bytes));
  built.data.push({ field, bytes });
};

/** Room for a list of pages with few slots before the end of its page. */
const listRoom = (room: ListRoom, size: number, page: number): { readonly at: bigint; readonly slots: number } => {
  const slots = room.prng.between(2, 5);
  const at = room.room(slots * size, page);
  room.room(page - slots * size, 1);
  return { at: roundUp(at, BigInt(page)) + BigInt(page - slots * size), slots };
};

const buildPages = (room: ListRoom, entry: Built, { page: of, element }: PagePieces, bytes: number): BuiltLists => {
  const { prng, roles, buffers, parameters } = room;
  const page = valueOf(of, parameters);
  const made: BuiltLists = { kind: 'pages', entry, bytes, elements: [], links: [] };
  const first = roles.addressField('data', entry.lanes)!;
  const second = roles.addressField('list', entry.lanes)!;
  const offset = prng.oneIn(2) ? 0 : 64 * prng.below(page / 64);
  const length = Math.min(bytes, page - offset);
  put(first, entry.lanes, buffers.takeAligned(page, page) + BigInt(offset));
  entry.data.push({ field: first, bytes: length });
  let left = bytes - length;
  if (left > 0 && left <= page) putPage(room, entry, second.path, page, left);
  if (left <= page) return made;
  const { path } = new EntryRoles(element).addressField('data')!;
  let list = listRoom(room, element.size, page);
  put(second, entry.lanes, list.at);
  for (let index = 1; left > 0;) {
    const more = Math.ceil(left / page) > list.slots;
    const here = more ? list.slots - 1 : Math.ceil(left / page);
    const takeSlot = (slot: number): Built => {
      const one = room.make(element, list.at + BigInt(slot * element.size), `${entry.where}, page ${index}`);
      made.elements.push(one);
      return one;
    };
    for (let slot = 0; slot < here; slot++, index++) {
      const now = Math.min(left, page);
      putPage(room, takeSlot(slot), path, page, now);
      left -= now;
    }
    if (!more) return made;
    const link = takeSlot(here);
    list = listRoom(room, element.size, page);
    put(link.descriptor.field(path), link.lanes, list.at);
    made.links.push(link);
  }
  return made;
};

/** Gives an element a shape with an address of a kind. */
const shapeFor = (prng: Prng, element: AnyDescriptor, lanes: Int32Array, of: AddressTarget): boolean => {
  const fits = ({ shape }: ReturnType<typeof allCases>[number]): boolean =>
    shape.placement.fields.some(({ meaning }) => meaning?.kind === 'address' && meaning.of === of);
  const cases = allCases(element.placedVariants).filter(fits);
  if (cases.length === 0) return element.fieldsThat('address', of).length > 0;
  const { within, shape } = prng.pick(cases);
  clearBytes(within.offset, within.size, lanes);
  put(within.by, lanes, prng.pick(shape.when));
  return true;
};

/** A segment descriptor in an entry or in a list. */
interface Place {
  readonly built: Built;
  readonly lanes: Int32Array;
  readonly prefix: string;
}

class SegmentBuilder {
  private readonly room: ListRoom;
  private readonly element: AnyDescriptor;
  private readonly roles: EntryRoles;
  private readonly made: BuiltLists;
  private index = 0;

  constructor(room: ListRoom, { element }: SegmentPieces, made: BuiltLists) {
    this.room = room;
    this.element = element;
    this.roles = new EntryRoles(element);
    this.made = made;
  }

  build(place: Place, bytes: number): void {
    const { prng } = this.room;
    const lists = bytes < 8 ? 0 : prng.below(3);
    if (lists === 0) this.data(place, bytes);
    else this.lead(place, bytes, lists);
  }

  private data({ built, lanes, prefix }: Place, bytes: number): void {
    const { buffers, prng } = this.room;
    shapeFor(prng, this.element, lanes, 'data');
    const field = this.roles.addressField('data', lanes)!;
    put(this.roles.lengthField('data', lanes)!, lanes, bytes);
    put(field, lanes, buffers.take(field, bytes));
    const length = built.descriptor.field(`${prefix}${this.roles.lengthField('data', lanes)!.path}`);
    built.data.push({ field: built.descriptor.field(`${prefix}${field.path}`), bytes, length });
  }

  /** Leads to a list, and from its end to the next ones. */
  private lead(place: Place, bytes: number, lists: number): void {
    const { room, element } = this;
    const of = lists === 1 ? 'last-list' : 'list';
    shapeFor(room.prng, element, place.lanes, of);
    const count = room.prng.between(1, 3) + (lists === 1 ? 0 : 1);
    const at = room.room(count * element.size, element.align);
    put(this.roles.addressField(of, place.lanes)!, place.lanes, at);
    put(this.roles.lengthField('list', place.lanes)!, place.lanes, count * element.size);
    this.made.links.push(place.built);
    const data = lists === 1 ? count : count - 1;
    const share = Math.floor(bytes / (data + (lists === 1 ? 0 : 1)));
    const row = Array.from({ length: count }, (_, i): Place => {
      const address = at + BigInt(i * element.size);
      const built = room.make(element, address, `${this.made.entry.where}, segment ${this.index++}`);
      this.made.elements.push(built);
      return { built, lanes: built.lanes, prefix: '' };
    });
    row.slice(0, data).forEach((one, i) => {
      this.data(one, lists === 1 && i + 1 === data ? bytes - share * (data - 1) : share);
    });
    if (lists > 1) this.lead(row.at(-1)!, bytes - share * data, lists - 1);
  }
}

/** Makes the pages or segments of an entry whose length is set, as its shape has it. */
export const buildLists = (room: ListRoom, entry: Built, pieces: Pieces, bytes: number): BuiltLists | undefined => {
  const segments = pieces.kind === 'by-shape' ? pieces.segments : pieces.kind === 'segments' ? pieces : undefined;
  const pages = pieces.kind === 'by-shape' ? pieces.pages : pieces.kind === 'pages' ? pieces : undefined;
  const inner = activeNested(entry.descriptor, entry.lanes).find(({ descriptor }) => descriptor === segments?.element);
  if (segments !== undefined && inner !== undefined) {
    const { element } = segments;
    const from = inner.offset >>> 2;
    const lanes = entry.lanes.subarray(from, from + element.lanes);
    fillEntry(room.prng, element, lanes);
    const made: BuiltLists = { kind: 'segments', entry, bytes, elements: [], links: [] };
    new SegmentBuilder(room, segments, made).build({ built: entry, lanes, prefix: `${inner.path}.` }, bytes);
    return made;
  }
  return pages === undefined ? undefined : buildPages(room, entry, pages, bytes);
};
