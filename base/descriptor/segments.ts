import { hex } from '../u64';
import type { OpenEntry, PieceMoves } from './findings';
import type { SegmentPieces } from './format';
import type { PlacedNested } from './placed-members';
import { EntryRoles } from './roles';
import type { Walker } from './walk';

/** A segment descriptor, and the entry that it lies in. */
interface Segment {
  readonly owner: OpenEntry;
  readonly lanes: Int32Array;
  /** What precedes the paths of its fields in those of the entry. */
  readonly prefix: string;
}

/** A list that a segment descriptor leads to. */
interface List {
  readonly at: bigint;
  readonly bytes: number;
  /** Whether none may follow it. */
  readonly last: boolean;
  readonly by: Segment;
  readonly field: string;
}

/** Follows segment descriptors. */
class SegmentWalk {
  /** Bytes that the elements so far have room for. */
  bytes = 0;
  private readonly walker: Walker;
  private readonly pieces: SegmentPieces;
  private readonly roles: EntryRoles;
  private readonly moves: PieceMoves;
  private readonly seen = new Set<bigint>();
  private index = 0;

  constructor(walker: Walker, pieces: SegmentPieces, moves: PieceMoves) {
    this.walker = walker;
    this.pieces = pieces;
    this.moves = moves;
    this.roles = new EntryRoles(pieces.element, { parameters: walker.start.parameters });
  }

  /** Follows an element, and the lists after it. Returns whether all could be read. */
  follow(first: Segment): boolean {
    let list = this.take(first);
    while (list !== undefined) {
      if (!this.mayRead(list)) return false;
      this.seen.add(list.at);
      const next = this.elements(list, list.bytes / this.pieces.element.size);
      if (next === 'stopped') return false;
      list = next;
    }
    return true;
  }

  /** Takes the data of an element. Returns the list that it leads to. */
  private take(segment: Segment): List | undefined {
    const { roles, moves } = this;
    const { lanes, owner, prefix } = segment;
    this.bytes += roles.bytes(lanes);
    for (const piece of roles.pieces(lanes, moves)) {
      this.walker.addPiece(owner, { ...piece, field: `${prefix}${piece.field}` });
    }
    for (const of of ['list', 'last-list'] as const) {
      const field = roles.addressField(of, lanes);
      if (field === undefined) continue;
      const bytes = roles.length('list', lanes)?.bytes ?? 0;
      const at = roles.address(of, lanes);
      return { at, bytes, last: of === 'last-list', by: segment, field: `${prefix}${field.path}` };
    }
    return undefined;
  }

  private mayRead({ at, bytes, by, field }: List): boolean {
    const { size, align } = this.pieces.element;
    const report = this.walker.reporter(by.owner);
    const count = bytes / size;
    if (bytes === 0 || !Number.isInteger(count)) {
      report('indirect', `its list at ${hex(at)} has ${bytes} bytes, no whole number of elements of ${size}`, field);
    } else if (this.seen.has(at)) report('loop', `it leads back to the list at ${hex(at)}`, field);
    else if (count > this.pieces.limit) {
      report('too-long', `its list has ${count} elements, and ${this.pieces.limit} is the most`, field);
    } else if (at % BigInt(align) !== 0n)
      report('misaligned', `${field} is ${hex(at)}, no multiple of ${align}`, field);
    else return true;
    return false;
  }

  private elements(list: List, count: number): List | undefined | 'stopped' {
    const { walker, roles, pieces } = this;
    let next: List | undefined;
    for (let i = 0; i < count; i++) {
      const at = list.at + BigInt(i * pieces.element.size);
      const where = `${list.by.owner.where.replace(/, segment \d+$/, '')}, segment ${this.index++}`;
      const lanes = walker.read(pieces.element, at, where);
      if (lanes === undefined) return 'stopped';
      const owner = walker.takeElement(roles, at, where, lanes);
      next = this.take({ owner, lanes, prefix: '' });
      if (next !== undefined && !this.mayLead(list, next, i + 1 === count)) return 'stopped';
    }
    if (list.last || next !== undefined) return next;
    const message = `its list of ${count} elements does not end with one that leads on, and it is not the last`;
    walker.reporter(list.by.owner)('unterminated', message, list.field);
    return 'stopped';
  }

  private mayLead(list: List, { by, field }: List, atEnd: boolean): boolean {
    const report = this.walker.reporter(by.owner);
    if (list.last) report('indirect', 'it is in the last list, and leads to another one', field);
    else if (!atEnd) report('indirect', 'it leads to a list, and is not the last of its own', field);
    return !list.last && atEnd;
  }
}

/** Finds the data of an entry that holds an element of segments. */
export const walkSegments = (
  walker: Walker,
  entry: OpenEntry,
  pieces: SegmentPieces,
  { bytes, moves, inner }: { readonly bytes: number; readonly moves: PieceMoves; readonly inner: PlacedNested },
): void => {
  const { element } = pieces;
  const from = inner.offset >>> 2;
  const walk = new SegmentWalk(walker, pieces, moves);
  const first = { owner: entry, lanes: entry.lanes.subarray(from, from + element.lanes), prefix: `${inner.path}.` };
  if (!walk.follow(first) || walk.bytes >= bytes) return;
  const field = walker.roles.lengthField('data', entry.lanes)?.path;
  walker.reporter(entry)('too-short', `it moves ${bytes} bytes, and its segments have ${walk.bytes}`, field);
};
