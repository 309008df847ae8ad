import type { Format } from '../format';
import { markRun, put, putTable, setMark } from '../put';
import { Cutter, pagesOf, type EntryData } from './cut';
import { EntryWriter, type Prepare } from './entry-writer';
import { giverOf, type Giver } from './give';
import type { QueueLayout } from './layout';
import type { Posted, Refused, RequestPiece, SharedMemory } from './request';
import type { PostedRequest, Unit } from './state';
import { Tables } from './tables';

/** How requests are posted. */
export interface PostOptions {
  /** Fills what the format's meanings say nothing about. */
  readonly prepare?: Prepare;
  /** Which way this queue moves data, where neither format nor entries say. */
  readonly moves?: 'from-memory' | 'to-memory';
  /** The most bytes of one entry, besides what the format says. */
  readonly maxLength?: number;
  /** When requests of several entries get a table of their own, where the format has that. Default `several`. */
  readonly indirect?: 'never' | 'several' | 'always';
}

/** What a request comes to: its units, each with the data of its entries, or the pages that its one entry leads to. */
interface UnitPlan {
  readonly data: readonly EntryData[];
  readonly pages: readonly bigint[] | undefined;
  /** The entries that it takes in the ring or table; with 1 for several, the data is in a table. */
  readonly entries: number;
}

const isRefused = (result: object): result is Refused => 'problem' in result;

/** Writes requests into a queue and gives them to the device. */
export class Poster<T> {
  readonly giver: Giver;
  private readonly format: Format;
  private readonly layout: QueueLayout;
  private readonly writer: EntryWriter;
  private readonly cutter: Cutter;
  private readonly tables: Tables;
  private readonly indirect: 'never' | 'several' | 'always';
  private readonly freeIds: number[];
  /** Entries are told apart by the place of their first, not by an id of their own. */
  private readonly idIsSlot: boolean;

  constructor(format: Format, layout: QueueLayout, shared: SharedMemory, options: PostOptions) {
    const { entry, follow, completion } = format;
    this.format = format;
    this.layout = layout;
    this.writer = new EntryWriter(format, options.prepare, options.moves);
    const blank = new Int32Array(entry.lanes);
    this.writer.start(blank);
    this.cutter = new Cutter(this.writer.roles, blank, options.maxLength ?? Number.MAX_SAFE_INTEGER);
    this.tables = new Tables(format, layout, shared);
    this.indirect = format.indirect ? (options.indirect ?? 'several') : 'never';
    this.giver = giverOf(format, layout, shared, this.writer);
    this.idIsSlot = follow.kind === 'heads' && completion.kind === 'used-ring';
    const idBits = this.writer.roles.countField('id')?.bits ?? 53;
    this.freeIds = Array.from({ length: Math.min(layout.entries, 2 ** idBits) }, (_, i) => i).reverse();
  }

  /** Posts a request: all of it or nothing. What can never be posted is refused. */
  post(pieces: readonly RequestPiece[], request: PostedRequest<T>, units: Unit<T>[]): Posted {
    const plans = this.writer.refuse(pieces) ?? this.plan(pieces);
    if (isRefused(plans)) return plans;
    const needed = plans.reduce((sum, { entries }) => sum + entries, 0);
    if (plans.length === 0) return { problem: 'it has no data' };
    const { capacity } = this.giver.slots;
    if (needed > capacity) return { problem: `it takes ${needed} entries, and the queue has ${capacity}` };
    if (!this.fits(plans)) return 'full';
    request.left = plans.length;
    plans.forEach((plan, i) => {
      const unit = this.reserve(plan, request);
      this.write(plan, unit, i + 1 === plans.length);
      units.push(unit);
    });
    return 'posted';
  }

  private plan(pieces: readonly RequestPiece[]): UnitPlan[] | Refused {
    const { kind } = this.format.pieces;
    if (kind === 'pages') return this.planPages(pieces);
    if (kind === 'segments') return { problem: 'lists of segments cannot be posted' };
    const data = this.cutter.cut(this.readableFirst(pieces));
    if (isRefused(data)) return data;
    const oneTable = this.indirect === 'always' || (this.indirect === 'several' && data.length > 1);
    if (oneTable && data.length > 0 && data.length <= this.layout.pieces) {
      return [{ data, pages: undefined, entries: 1 }];
    }
    if (kind === 'own') return data.map((one) => ({ data: [one], pages: undefined, entries: 1 }));
    const { limit } = this.format.pieces as { readonly limit: number };
    if (data.length > limit) return { problem: `it takes ${data.length} entries, and ${limit} is the most` };
    return data.length === 0 ? [] : [{ data, pages: undefined, entries: data.length }];
  }

  /** Devices that do both read first what they are to read. */
  private readableFirst(pieces: readonly RequestPiece[]): readonly RequestPiece[] {
    const [reads, writes] = (['from-memory', 'to-memory'] as const).map((way) =>
      pieces.filter(({ moves }) => moves === way),
    );
    return [...reads!, ...writes!];
  }

  private planPages(pieces: readonly RequestPiece[]): UnitPlan[] | Refused {
    const { pieces: shape } = this.format;
    const pages = shape.kind === 'pages' ? pagesOf(pieces, shape.page) : [];
    if (isRefused(pages)) return pages;
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (length === 0) return [];
    const { most, unit } = this.cutter;
    if (length > most || length % unit !== 0)
      return { problem: `it has ${length} bytes, and entries name ${most} in units of ${unit}` };
    if (pages.length - 1 > this.layout.pieces)
      return { problem: `it takes a list of ${pages.length - 1} pages, and there is room for ${this.layout.pieces}` };
    const { moves } = pieces.find((piece) => piece.length > 0)!;
    return [{ data: [{ address: pages[0]!, destination: 0n, length, moves }], pages, entries: 1 }];
  }

  private needsTable({ data, pages, entries }: UnitPlan): boolean {
    if (pages !== undefined) return pages.length > 2;
    return data.length > entries || this.indirect === 'always';
  }

  /** Whether there is room for all of a request now. */
  private fits(plans: readonly UnitPlan[]): boolean {
    const total = plans.reduce((sum, { entries }) => sum + entries, 0);
    const largest = Math.max(...plans.map(({ entries }) => entries));
    const tables = plans.filter((plan) => this.needsTable(plan)).length;
    if (!this.idIsSlot && this.freeIds.length < plans.length) return false;
    return this.tables.left >= tables && this.giver.slots.fits(total, largest);
  }

  private reserve(plan: UnitPlan, request: PostedRequest<T>): Unit<T> {
    const slots = this.giver.slots.take(plan.entries);
    const id = this.idIsSlot ? slots[0]! : this.freeIds.pop()!;
    return { request, id, slots, table: this.needsTable(plan) ? this.tables.take() : -1, done: false };
  }

  private write(plan: UnitPlan, unit: Unit<T>, isLast: boolean): void {
    const { roles } = this.writer;
    const { kind } = this.format.pieces;
    const id = roles.countField('id');
    const entries = unit.slots.map((_, i) => {
      const lanes = new Int32Array(this.format.entry.lanes);
      if (unit.table >= 0 && plan.pages === undefined) this.writeTable(lanes, plan, unit);
      else this.writer.putData(lanes, plan.data[i]!);
      if (plan.pages !== undefined) this.writePages(lanes, plan.pages, unit);
      markRun(roles, kind, lanes, i, unit.slots.length);
      if (id !== undefined) put(id, lanes, unit.id);
      setMark(roles.markField('interrupt'), lanes, isLast && i + 1 === unit.slots.length);
      return lanes;
    });
    this.giver.give(entries, unit.slots);
  }

  private writeTable(lanes: Int32Array, { data }: UnitPlan, { table }: Unit<T>): void {
    const { writer, tables, format } = this;
    tables.writeEntries(table, data, writer);
    writer.startMoving(lanes, data[0]!.moves);
    putTable(writer.roles, lanes, tables.address(table), data.length * format.entry.size);
  }

  /** The second address is that of the second page, or of the list of all further ones. */
  private writePages(lanes: Int32Array, pages: readonly bigint[], { table }: Unit<T>): void {
    const list = this.writer.roles.addressField('list');
    if (list === undefined || pages.length < 2) return;
    if (table >= 0) this.tables.writePages(table, pages.slice(1));
    put(list, lanes, table >= 0 ? this.tables.address(table) : pages[1]!);
  }

  /** A unit is over: its id and its table are free. */
  forget({ id, table }: Unit<T>): void {
    this.tables.give(table);
    if (!this.idIsSlot) this.freeIds.push(id);
  }
}
