import type { AnyDescriptor, Format, QueueLayout } from '../../../base/descriptor';
import { valueOf } from '../../../base/descriptor/meaning';
import { EntryRoles } from '../../../base/descriptor/roles';
import { put, setMark } from '../../../base/descriptor/put';
import { readWide } from '../../../base/descriptor/placed';
import { activeNested } from '../../../base/descriptor/shapes';
import type { PagePieces } from '../../../base/descriptor/format';
import { BytesMemory } from '../../../base/layout';

/** What a request asks for, in the order of its entries. */
export interface Piece {
  readonly moves: string;
  readonly address: bigint;
  readonly length: number;
}

interface Entry {
  readonly at: number;
  readonly lanes: Int32Array;
  readonly index: number;
}

/** A request as the device took it. */
export interface Taken {
  readonly entries: readonly Entry[];
  readonly pieces: readonly Piece[];
  readonly bytes: number;
  /** The head, or the lap's phase. */
  readonly extra: number;
  readonly position: number;
}

/**
 * A device in the plainest terms: takes all that it is given, in order, and finishes what it is told to, in any order that the
 * format allows. `memory` begins at the I/O address `base`.
 */
export class PlainDevice {
  readonly inOrder: boolean;
  readonly waiting: Taken[] = [];
  private readonly roles: EntryRoles;
  private readonly memory: BytesMemory;
  private position = 0;
  private tail = 0;
  private lists: bigint[] = [];
  private current: number | undefined;
  private ended: number | undefined;
  private last: bigint | undefined;
  private done = 0;
  private used = 0;

  private readonly format: Format;
  private readonly layout: QueueLayout;
  private readonly base: bigint;
  private readonly moves: string;

  constructor(format: Format, layout: QueueLayout, bytes: Uint8Array, base: bigint, moves: string) {
    this.format = format;
    this.layout = layout;
    this.base = base;
    this.moves = moves;
    this.memory = new BytesMemory(bytes);
    this.roles = new EntryRoles(format.entry);
    this.inOrder = format.completion.kind === 'in-place';
    if (format.follow.kind === 'linked' && format.doorbell.value !== 'head-address') this.current = 0;
  }

  /** The doorbell. What had been waiting for it is taken. */
  ring(value: bigint): void {
    const how = this.format.doorbell.value;
    if (how === 'tail-index') {
      const { entries } = this.layout;
      this.tail += (Number(value) - (this.tail % entries) + entries) % entries;
    } else if (how === 'head-address') this.lists.push(value);
    else if (how === 'tail-address') this.last = value;
    const { kind } = this.format.follow;
    if (kind === 'ring') this.takeRing();
    else if (kind === 'linked') this.takeLinked();
    else this.takeHeads();
  }

  private load(descriptor: AnyDescriptor, at: number): Int32Array {
    const lanes = new Int32Array(descriptor.lanes);
    descriptor.load(this.memory, at, lanes);
    return lanes;
  }

  private phaseOf(position: number): boolean {
    return Math.floor(position / this.layout.entries) % 2 === 0;
  }

  private owns(lanes: Int32Array): boolean {
    const { ownership } = this.format;
    if (ownership.kind === 'bit') return this.roles.marked('owner', lanes);
    if (ownership.kind === 'indices') return this.position < this.tail;
    const phase = this.phaseOf(this.position);
    const isUsed = this.roles.markField('used-phase') !== undefined && this.roles.marked('used-phase', lanes) === phase;
    return this.roles.marked('phase', lanes) === phase && !isUsed;
  }

  private goesOn(lanes: Int32Array): boolean {
    const { kind } = this.format.pieces;
    if (kind === 'chain') return this.roles.marked('more', lanes);
    // Whoever is told elsewhere is told of each entry of a frame.
    return kind === 'frame' && this.inOrder && !this.roles.marked('last', lanes);
  }

  private takeRing(): void {
    let entries: Entry[] = [];
    const { entry } = this.format;
    // No entry is taken twice before it was given back.
    const held = () => this.waiting.reduce((sum, one) => sum + one.entries.length, entries.length);
    // By indices, the tail sees to that.
    const { jumps, ownership } = this.format;
    const most = ownership.kind === 'indices' ? Infinity : this.layout.entries - (jumps ? 1 : 0);
    while (held() < most) {
      const index = this.position % this.layout.entries;
      const lanes = this.load(entry, index * entry.size);
      if (!this.owns(lanes)) break;
      if (this.isJump(lanes)) {
        this.jump(index * entry.size, lanes);
        continue;
      }
      entries.push({ at: index * entry.size, lanes, index });
      this.position++;
      if (this.goesOn(lanes)) continue;
      this.take(entries, this.phaseOf(this.position - entries.length) ? 1 : 0);
      entries = [];
    }
    if (entries.length > 0) throw new Error('half a request');
  }

  private isJump(lanes: Int32Array): boolean {
    return this.format.jumps && this.roles.marked('jump', lanes);
  }

  /** The last entry leads to the first one. It goes back at once. */
  private jump(at: number, lanes: Int32Array): void {
    const { format, roles } = this;
    const isLast = at === (this.layout.entries - 1) * format.entry.size;
    if (!isLast || roles.address('next', lanes) !== this.base) throw new Error('a jump to nowhere');
    if (roles.markField('toggle') !== undefined && !roles.marked('toggle', lanes)) throw new Error('no toggle');
    this.position++;
    if (this.inOrder) setMark(roles.markField('done'), lanes, true);
    setMark(roles.markField('owner'), lanes, false);
    format.entry.save(this.memory, at, lanes);
  }

  private takeLinked(): void {
    const { entry, follow } = this.format;
    if (follow.kind !== 'linked') return;
    let entries: Entry[] = [];
    if (this.current === undefined && this.ended !== undefined && this.lists.length === 0) {
      this.current = this.linkOf(this.load(entry, this.ended));
    }
    for (;;) {
      if (this.current === undefined && this.lists.length > 0) this.current = Number(this.lists.shift()! - this.base);
      if (this.current === undefined) break;
      const at: number = this.current;
      const lanes = this.load(entry, at);
      entries.push({ at, lanes, index: at / this.layout.stride });
      this.current = this.linkOf(lanes);
      this.position++;
      const over =
        follow.end === 'last'
          ? this.roles.marked('last', lanes)
          : follow.end === 'null'
            ? this.current === undefined
            : this.last === this.base + BigInt(at);
      if (!this.goesOn(lanes)) {
        this.take(entries, 0);
        entries = [];
      }
      if (!over) continue;
      this.ended = at;
      if (follow.end !== 'tail') this.current = undefined;
      else break;
    }
    if (entries.length > 0) throw new Error('half a request');
  }

  private linkOf(lanes: Int32Array): number | undefined {
    const next = this.roles.address('next', lanes);
    return next === 0n ? undefined : Number(next - this.base);
  }

  private takeHeads(): void {
    const { follow, entry } = this.format;
    if (follow.kind !== 'heads') return;
    const { header, element } = follow;
    const index = new EntryRoles(header);
    const modulus = 2 ** index.countField('index')!.bits;
    const added = index.count('index', this.load(header, this.layout.headsAt));
    while (this.position % modulus !== added) {
      const slot = this.position % this.layout.entries;
      const at = this.layout.headsAt + header.size + slot * element.size;
      const head = new EntryRoles(element).count('id', this.load(element, at));
      const entries: Entry[] = [];
      for (let next: number | undefined = head; next !== undefined;) {
        const lanes = this.load(entry, next * entry.size);
        entries.push({ at: next * entry.size, lanes, index: next });
        const byIndex = this.roles.countField('next-index') !== undefined;
        next = !this.goesOn(lanes) ? undefined : byIndex ? this.roles.count('next-index', lanes) : next + 1;
      }
      this.position++;
      this.take(entries, head);
    }
  }

  private take(entries: readonly Entry[], extra: number): void {
    const pieces = entries.flatMap(({ lanes }) => this.piecesOf(lanes));
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    this.waiting.push({ entries, pieces, bytes, extra, position: this.position });
  }

  private piecesOf(lanes: Int32Array): Piece[] {
    const { roles, format } = this;
    if (format.indirect && roles.marked('indirect', lanes)) return this.tableOf(lanes);
    const own = roles.pieces(lanes, this.moves as 'from-memory');
    if (format.pieces.kind === 'pages') return this.pagesOf(lanes, own[0]!, format.pieces);
    if (format.pieces.kind !== 'by-shape') return own;
    const { pages, segments } = format.pieces;
    const inner = activeNested(format.entry, lanes).find(({ descriptor }) => descriptor === segments.element);
    if (inner === undefined) return this.pagesOf(lanes, own[0]!, pages);
    return this.segmentsOf(lanes.subarray(inner.offset / 4), segments.element, roles.moves(lanes, 'unknown'));
  }

  private tableOf(lanes: Int32Array): Piece[] {
    const { at, bytes } = this.roles.table(lanes)!;
    const { entry } = this.format;
    return Array.from({ length: bytes / entry.size }, (_, i) =>
      this.load(entry, Number(at - this.base) + i * entry.size),
    ).flatMap((one) => this.roles.pieces(one, this.moves as 'from-memory'));
  }

  private segmentsOf(lanes: Int32Array, element: AnyDescriptor, moves: string): Piece[] {
    const roles = new EntryRoles(element);
    const found = roles.pieces(lanes, moves as 'from-memory').map((piece) => ({ ...piece, moves }));
    const list = roles.addressField('list', lanes) ?? roles.addressField('last-list', lanes);
    if (list === undefined) return found;
    const at = Number(readWide(list, lanes, 0) - this.base);
    const count = roles.length('list', lanes)!.bytes / element.size;
    const all = Array.from({ length: count }, (_, i) => this.load(element, at + i * element.size));
    return all.flatMap((one) => this.segmentsOf(one, element, moves));
  }

  private pagesOf(lanes: Int32Array, { address, length, moves }: Piece, pieces: PagePieces): Piece[] {
    const page = valueOf(pieces.page);
    const found: Piece[] = [];
    const add = (at: bigint, left: number): number => {
      const bytes = Math.min(left, page - Number(at % BigInt(page)));
      found.push({ moves, address: at, length: bytes });
      return left - bytes;
    };
    let left = add(address, length);
    let list = this.roles.address('list', lanes);
    if (left > page) {
      const roles = new EntryRoles(pieces.element);
      for (let i = 0; left > 0; i++) {
        const at = roles.address('data', this.load(pieces.element, Number(list - this.base) + i * pieces.element.size));
        if (i === page / pieces.element.size - 1 && left > page) {
          list = at;
          i = -1;
        } else left = add(at, left);
      }
    } else if (left > 0) add(list, left);
    return found;
  }

  /** Ends one of those that are waiting. @param written bytes, as the device counts them */
  finish(which: number, written: number, failed: boolean): Taken {
    const [taken] = this.waiting.splice(which, 1);
    const { kind } = this.format.completion;
    if (kind === 'in-place') this.tellInPlace(taken!, written, failed);
    else if (kind === 'in-ring') this.tellInRing(taken!, written, failed);
    else if (kind === 'queue') this.tellInQueue(taken!, written, failed);
    else this.tellUsed(taken!, written);
    return taken!;
  }

  private tell(roles: EntryRoles, lanes: Int32Array, written: number, failed: boolean): void {
    setMark(roles.markField('done'), lanes, true);
    setMark(roles.markField('error'), lanes, failed);
    const [count, status] = [roles.countField('written'), roles.countField('status')];
    if (count !== undefined) put(count, lanes, written);
    if (status !== undefined) put(status, lanes, failed ? 7 : 0);
  }

  /** Whether a failure, or the bytes written, can be told. */
  get tells(): { readonly failed: boolean; readonly written: boolean } {
    const { completion, entry } = this.format;
    const where =
      completion.kind === 'queue' ? completion.entry : completion.kind === 'used-ring' ? completion.element : entry;
    const roles = new EntryRoles(where);
    return {
      failed: roles.markField('error') !== undefined || roles.countField('status') !== undefined,
      written: roles.countField('written') !== undefined || completion.kind === 'in-ring',
    };
  }

  private tellInPlace({ entries }: Taken, written: number, failed: boolean): void {
    const { entry, pieces } = this.format;
    const order = pieces.kind === 'chain' ? [...entries].reverse() : entries;
    order.forEach(({ at }, i) => {
      // Software may have changed the link since.
      const lanes = this.load(entry, at);
      this.tell(this.roles, lanes, i === 0 ? written : 0, failed && i === 0);
      setMark(this.roles.markField('owner'), lanes, false);
      entry.save(this.memory, at, lanes);
    });
  }

  private tellInRing({ entries }: Taken, written: number, failed: boolean): void {
    const { entry } = this.format;
    const lanes = new Int32Array(entry.lanes);
    const at = (this.used % this.layout.entries) * entry.size;
    const phase = Math.floor(this.used / this.layout.entries) % 2 === 0;
    put(this.roles.countField('id')!, lanes, this.roles.count('id', entries.at(-1)!.lanes));
    this.tell(this.roles, lanes, written, failed);
    put(this.roles.lengthField('data')!, lanes, written);
    setMark(this.roles.markField('phase'), lanes, phase);
    setMark(this.roles.markField('used-phase'), lanes, phase);
    entry.save(this.memory, at, lanes);
    this.used += entries.length;
  }

  private tellInQueue({ entries }: Taken, written: number, failed: boolean): void {
    const { completion } = this.format;
    if (completion.kind !== 'queue') return;
    const roles = new EntryRoles(completion.entry);
    const lanes = new Int32Array(completion.entry.lanes);
    const { completions } = this.layout;
    put(roles.countField('id')!, lanes, this.roles.count('id', entries.at(-1)!.lanes));
    this.tell(roles, lanes, written, failed);
    const head = roles.countField('head');
    if (head !== undefined) put(head, lanes, this.position % this.layout.entries);
    setMark(roles.markField('phase'), lanes, Math.floor(this.done / completions) % 2 === 0);
    const at = this.layout.doneAt + (this.done % completions) * completion.entry.size;
    completion.entry.save(this.memory, at, lanes);
    this.done++;
  }

  private tellUsed({ entries, extra }: Taken, written: number): void {
    const { completion } = this.format;
    if (completion.kind !== 'used-ring') return;
    const { header, element } = completion;
    const roles = new EntryRoles(element);
    const lanes = new Int32Array(element.lanes);
    const byHead = this.format.follow.kind === 'heads';
    put(roles.countField('id')!, lanes, byHead ? extra : this.roles.count('id', entries.at(-1)!.lanes));
    this.tell(roles, lanes, written, false);
    const slot = this.done % this.layout.entries;
    element.save(this.memory, this.layout.doneAt + header.size + slot * element.size, lanes);
    this.done++;
    const top = new Int32Array(header.lanes);
    const field = new EntryRoles(header).countField('index')!;
    put(field, top, this.done % 2 ** field.bits);
    header.save(this.memory, this.layout.doneAt, top);
  }

  /** Heads that it has taken. */
  get heads(): number {
    return this.position;
  }
}
