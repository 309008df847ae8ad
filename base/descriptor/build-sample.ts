import type { Prng } from '../prng';
import type { AnyDescriptor } from './any-descriptor';
import type { WalkStart } from './findings';
import { segmentOf, type Format } from './format';
import { EntryRoles } from './roles';
import { markRun, put, putTable, setMark } from './put';
import { Buffers, fillEntry, MOST_BYTES, putData, putSomeLength, roundUp, shuffled } from './sample';
import { buildJumpRing } from './build-jumps';
import { buildLists, type BuiltLists } from './build-lists';
import type { Built } from './built';
import type { Parameters } from './meaning';

/** A request: its entries in their order, and the table that its one entry leads to. */
export interface BuiltGroup {
  readonly entries: readonly Built[];
  readonly table: readonly Built[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Makes descriptors that have nothing wrong with them. */
export class SampleBuilder {
  readonly format: Format;
  readonly prng: Prng;
  readonly roles: EntryRoles;
  readonly buffers: Buffers;
  readonly base: bigint;
  /** Everything that lies in memory. */
  readonly built: Built[] = [];
  readonly groups: BuiltGroup[] = [];
  readonly lists: BuiltLists[] = [];
  readonly elements: Built[] = [];
  /** Jumps that are the device's. */
  readonly jumps: Built[] = [];
  header: Built | undefined;
  readonly start: Mutable<WalkStart>;
  private end: bigint;

  constructor(format: Format, prng: Prng) {
    this.format = format;
    this.prng = prng;
    const parameters = chooseParameters(prng, format);
    this.roles = new EntryRoles(format.entry, { parameters, without: segmentOf(format.pieces) });
    this.buffers = new Buffers(prng, format.entry);
    this.base = 0x4000_0000n + BigInt(prng.below(0x1000)) * 4096n;
    this.end = this.base;
    this.start = { at: this.base, parameters };
    if (format.moves === 'by-queue') this.start.moves = prng.pick(['from-memory', 'to-memory']);
  }

  /** Bytes of memory that are taken. */
  get size(): number {
    return Number(this.end - this.base);
  }

  /** The entries of all requests: those that a spoiled sample is spoiled in. */
  get owned(): Built[] {
    return this.groups.flatMap(({ entries, table }) => [...entries, ...table]);
  }

  build(): this {
    const { kind } = this.format.follow;
    if (kind === 'ring') this.buildRing();
    else if (kind === 'linked') this.buildList();
    else this.buildHeads();
    return this;
  }

  /** Takes memory. */
  room(bytes: number, align: number): bigint {
    const at = roundUp(this.end, BigInt(align));
    this.end = at + BigInt(bytes);
    return at;
  }

  /** Puts a descriptor there. */
  make(descriptor: AnyDescriptor, address: bigint, where: string): Built {
    const built: Built = { descriptor, address, lanes: new Int32Array(descriptor.lanes), where, data: [] };
    fillEntry(this.prng, descriptor, built.lanes);
    this.built.push(built);
    return built;
  }

  /** Entries one after the other. */
  row(count: number, name: (index: number) => string): Built[] {
    const { entry } = this.format;
    const at = this.room(count * entry.size, entry.align);
    return Array.from({ length: count }, (_, i) => this.make(entry, at + BigInt(i * entry.size), name(i)));
  }

  /** Splits entries into requests, and puts data into them. */
  private group(entries: readonly Built[]): void {
    const { pieces } = this.format;
    const limit = pieces.kind === 'chain' || pieces.kind === 'frame' ? Math.min(pieces.limit, 4) : 1;
    for (let from = 0; from < entries.length;) {
      const count = Math.min(this.prng.between(1, limit), entries.length - from);
      this.request(entries.slice(from, from + count));
      from += count;
    }
  }

  private request(entries: readonly Built[]): void {
    for (const entry of entries) this.fill(entry);
    this.order(entries);
    const { indirect, pieces } = this.format;
    entries.forEach(({ lanes }, i) => markRun(this.roles, pieces.kind, lanes, i, entries.length));
    const table = indirect && entries.length === 1 && this.prng.oneIn(2) ? this.leadToTable(entries[0]!) : [];
    this.groups.push({ entries, table });
  }

  /** Values of the queue's parameters. */
  get parameters(): Parameters {
    return this.start.parameters!;
  }

  private fill(entry: Built): void {
    const { prng, roles, format, start } = this;
    const { kind } = format.pieces;
    if (kind !== 'pages' && kind !== 'segments' && kind !== 'by-shape') {
      putData(prng, roles, entry.lanes, this.buffers);
      return;
    }
    const moves = (): boolean => roles.moves(entry.lanes, start.moves ?? 'unknown') !== 'nothing';
    // Most requests are to have data, however many opcodes have none.
    for (let tries = 0; tries < 4 && !(moves() && roles.lengthField('data', entry.lanes) !== undefined); tries++) {
      entry.lanes.fill(0);
      fillEntry(prng, entry.descriptor, entry.lanes);
    }
    putSomeLength(prng, roles, entry.lanes, 16 * MOST_BYTES);
    const bytes = roles.bytes(entry.lanes);
    if (bytes === 0 || !moves()) return;
    const lists = buildLists(this, entry, format.pieces, bytes);
    if (lists !== undefined) this.lists.push(lists);
  }

  /** Puts what the device reads before what it writes, where the format has it so. */
  private order(entries: readonly Built[]): void {
    const { roles, format } = this;
    const field = roles.markField('device-writes');
    if (format.pieces.kind !== 'chain' || format.pieces.order === undefined || field === undefined) return;
    const writes = entries.map(({ lanes }) => roles.marked('device-writes', lanes)).sort();
    entries.forEach(({ lanes }, i) => {
      setMark(field, lanes, writes[i]!);
    });
  }

  /** An entry that holds the address of a table, whose entries have the data. */
  private leadToTable(entry: Built): readonly Built[] {
    const { roles, format, prng } = this;
    const byIndex = format.pieces.kind === 'chain' && format.pieces.next === 'index';
    const table = this.row(prng.between(1, 3), (i) => `${entry.where}, table entry ${i}`);
    table.forEach(({ lanes }, i) => {
      putData(prng, roles, lanes, this.buffers);
      if (!byIndex) return;
      setMark(roles.markField('more'), lanes, i + 1 < table.length);
      if (i + 1 < table.length) put(roles.countField('next-index')!, lanes, i + 1);
    });
    this.order(table);
    putTable(roles, entry.lanes, table[0]!.address, table.length * format.entry.size);
    return table;
  }

  private give(entry: Built, owned: boolean, phase: number): void {
    const { roles } = this;
    if (this.format.ownership.kind === 'bit') setMark(roles.markField('owner'), entry.lanes, owned);
    if (this.format.ownership.kind !== 'phase') return;
    setMark(roles.markField('phase'), entry.lanes, owned === (phase === 1));
    setMark(roles.markField('used-phase'), entry.lanes, phase === 0);
  }

  private buildRing(): void {
    const { prng, start, format } = this;
    const { row, leads } = format.jumps ? buildJumpRing(this) : { row: this.plainRow(), leads: noJumps };
    const size = row.length;
    start.entries = size;
    start.from = prng.below(size);
    const order = row.map((_, i) => row[(start.from! + i) % size]!);
    start.at = format.jumps ? order[0]!.address : row[0]!.address;
    if (format.ownership.kind === 'phase') start.phase = prng.pick([0, 1]);
    const count = Math.max(prng.between(1, size), 1 + order.findIndex((entry) => !leads.has(entry)));
    if (format.ownership.kind === 'indices') start.count = count;
    const given = order.slice(0, count);
    this.group(given.filter((entry) => !leads.has(entry)));
    this.jumps.push(...given.filter((entry) => leads.has(entry)));
    const toggles = this.roles.markField('toggle') !== undefined;
    let phase = start.phase ?? 1;
    order.forEach((entry, i) => {
      this.give(entry, i < count, phase);
      const flips = toggles ? leads.get(entry) === true : start.from! + i === size - 1;
      if (flips) phase = phase === 1 ? 0 : 1;
    });
  }

  private plainRow(): Built[] {
    return this.row(this.prng.between(2, 9), (i) => `entry ${i}`);
  }

  private buildList(): void {
    const { prng, format, start } = this;
    const { entry, follow } = format;
    const count = prng.between(1, 6);
    const addresses = Array.from({ length: count }, () => {
      this.room(entry.align * prng.below(4), 1);
      return this.room(entry.size, entry.align);
    });
    const list = shuffled(prng, addresses).map((address, i) => this.make(entry, address, `entry ${i}`));
    start.at = list[0]!.address;
    this.group(list);
    const next = this.roles.addressField('next')!;
    list.forEach(({ lanes, address }, i) => {
      this.give(list[i]!, true, 1);
      if (i + 1 < count) put(next, lanes, list[i + 1]!.address);
      else if (follow.kind === 'linked') this.endList(lanes, address, next.path);
    });
  }

  private endList(lanes: Int32Array, address: bigint, next: string): void {
    const { format, start, roles, prng } = this;
    if (format.follow.kind !== 'linked') return;
    const { end, cyclic } = format.follow;
    const back = cyclic && prng.oneIn(2);
    if (back || (end === 'tail' && cyclic)) put(format.entry.field(next), lanes, start.at);
    if (end === 'tail') start.tail = address;
    else if (end === 'last' && !back) setMark(roles.markField('last'), lanes, true);
  }

  private buildHeads(): void {
    const { prng, format, start } = this;
    const { follow, pieces } = format;
    if (follow.kind !== 'heads') return;
    const size = 2 ** prng.between(1, 4);
    const table = this.row(size, (i) => `entry ${i}`);
    start.at = table[0]!.address;
    start.entries = size;
    const order = pieces.kind === 'chain' && pieces.next === 'index' ? shuffled(prng, table) : table;
    this.group(order.slice(0, prng.between(1, size)));
    for (const { entries } of this.groups) this.linkByIndex(entries, table);
    const { header, element } = follow;
    const at = this.room(header.size + size * element.size, Math.max(header.align, element.align));
    start.heads = at;
    this.buildHeadRing(header, element, at, table);
  }

  private linkByIndex(entries: readonly Built[], table: readonly Built[]): void {
    const field = this.roles.countField('next-index');
    if (field === undefined) return;
    entries.forEach(({ lanes }, i) => {
      if (i + 1 < entries.length) put(field, lanes, table.indexOf(entries[i + 1]!));
    });
  }

  private buildHeadRing(header: AnyDescriptor, element: AnyDescriptor, at: bigint, table: readonly Built[]): void {
    const { start, prng, groups } = this;
    const size = table.length;
    const index = new EntryRoles(header).countField('index')!;
    const modulus = 2 ** Math.min(index.bits, 16);
    start.from = prng.oneIn(2) ? prng.below(modulus) : modulus - 1;
    this.header = this.make(header, at, 'header');
    put(index, this.header.lanes, (start.from + groups.length) % modulus);
    const id = new EntryRoles(element).countField('id')!;
    groups.forEach(({ entries }, i) => {
      const slot = (start.from! + i) % size;
      const address = at + BigInt(header.size + slot * element.size);
      const made = this.make(element, address, `head ${slot}`);
      put(id, made.lanes, table.indexOf(entries[0]!));
      this.elements.push(made);
    });
  }
}

const noJumps: ReadonlyMap<Built, boolean> = new Map();

const chooseParameters = (prng: Prng, { parameters }: Format): Parameters =>
  Object.fromEntries(parameters.map(({ name, otherwise }) => [name, prng.pick([otherwise, 2 * otherwise])]));
