import type { Format } from '../format';
import { markRun, put, putLength, putTable, setMark } from '../put';
import { EntryWriter, type Prepare } from './entry-writer';
import type { Giver } from './give';
import { giverOf } from './giver-of';
import type { QueueLayout } from './layout';
import { elementOffset } from './lists';
import { isRefused, Planner, type Indirect, type UnitPlan } from './plan';
import type { Posted, RequestPiece, SharedMemory } from './request';
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
  readonly indirect?: Indirect;
}

/** Writes requests into a queue and gives them to the device. */
export class Poster<T> {
  readonly giver: Giver;
  private readonly format: Format;
  private readonly writer: EntryWriter;
  private readonly planner: Planner;
  private readonly tables: Tables;
  private readonly freeIds: number[];
  /** How many ids there are. */
  private readonly ids: number;
  /** Entries are told apart by the place of their first, not by an id of their own. */
  private readonly idIsSlot: boolean;
  /** The end of each entry of a frame is told elsewhere, so that each has an id. */
  private readonly endsEach: boolean;

  constructor(format: Format, layout: QueueLayout, shared: SharedMemory, options: PostOptions) {
    const { follow, completion, pieces } = format;
    const { prepare, moves, maxLength = Number.MAX_SAFE_INTEGER, indirect = 'several' } = options;
    this.format = format;
    this.writer = new EntryWriter(format, layout.parameters, prepare, moves);
    this.planner = new Planner(format, layout, this.writer, maxLength, indirect);
    this.tables = new Tables(format, layout, shared);
    this.giver = giverOf(format, layout, shared, this.writer);
    this.idIsSlot = follow.kind === 'heads' && completion.kind === 'used-ring';
    this.endsEach = pieces.kind === 'frame' && completion.kind !== 'in-place';
    const idBits = this.writer.roles.countField('id')?.bits ?? 53;
    this.ids = Math.min(layout.entries, 2 ** idBits);
    this.freeIds = Array.from({ length: this.ids }, (_, i) => i).reverse();
  }

  /** Posts a request: all of it or nothing. What can never be posted is refused. */
  post(pieces: readonly RequestPiece[], request: PostedRequest<T>, units: Unit<T>[]): Posted {
    const plans = this.planner.plan(pieces);
    if (isRefused(plans)) return plans;
    if (plans.length === 0) return { problem: 'it has no data' };
    const needed = plans.reduce((sum, { entries }) => sum + entries, 0);
    const { capacity } = this.giver.slots;
    if (needed > capacity) return { problem: `it takes ${needed} entries, and the queue has ${capacity}` };
    const ends = this.endsEach ? needed : plans.length;
    if (!this.idIsSlot && ends > this.ids) return { problem: `it takes ${ends} ids, and there are ${this.ids}` };
    if (!this.fits(plans, needed, ends)) return 'full';
    request.left = ends;
    plans.forEach((plan, i) => {
      const own = this.reserve(plan, request);
      this.write(plan, own, i + 1 === plans.length);
      units.push(...own);
    });
    return 'posted';
  }

  /** Whether there is room for all of a request now. */
  private fits(plans: readonly UnitPlan[], needed: number, ends: number): boolean {
    const largest = Math.max(...plans.map(({ entries }) => entries));
    const tables = plans.filter(({ needsTable }) => needsTable).length;
    if (!this.idIsSlot && this.freeIds.length < ends) return false;
    return this.tables.left >= tables && this.giver.slots.fits(needed, largest);
  }

  private reserve(plan: UnitPlan, request: PostedRequest<T>): Unit<T>[] {
    const slots = this.giver.slots.take(plan.entries);
    const table = plan.needsTable ? this.tables.take() : -1;
    return (this.endsEach ? slots.map((slot) => [slot]) : [slots]).map((own, i) => {
      const id = this.idIsSlot ? own[0]! : this.freeIds.pop()!;
      return { request, id, slots: own, table, goesOn: i > 0, done: false };
    });
  }

  private write(plan: UnitPlan, units: readonly Unit<T>[], isLast: boolean): void {
    const { roles } = this.writer;
    const id = roles.countField('id');
    const places = units.flatMap((unit) => unit.slots.map((slot) => ({ unit, slot })));
    const entries = places.map(({ unit }, i) => {
      const lanes = new Int32Array(this.format.entry.lanes);
      this.fill(lanes, plan, unit, i);
      markRun(roles, this.format.pieces.kind, lanes, i, places.length);
      if (id !== undefined) put(id, lanes, unit.id);
      setMark(roles.markField('interrupt'), lanes, isLast && i + 1 === places.length);
      return lanes;
    });
    this.giver.give(
      entries,
      places.map(({ slot }) => slot),
    );
  }

  private fill(lanes: Int32Array, plan: UnitPlan, unit: Unit<T>, index: number): void {
    const { kind, data } = plan;
    if (kind === 'table') this.fillTable(lanes, plan, unit);
    else if (kind === 'segment' || kind === 'segments') this.fillSegments(lanes, plan, unit);
    else this.writer.putData(lanes, data[index]!);
    if (kind === 'pages') this.fillPages(lanes, plan, unit);
  }

  private fillTable(lanes: Int32Array, { data }: UnitPlan, { table }: Unit<T>): void {
    const { writer, tables, format } = this;
    tables.writeEntries(table, data, writer);
    writer.start(lanes, data[0]!.moves);
    putTable(writer.roles, lanes, tables.address(table), data.length * format.entry.size);
  }

  /** The second address is that of the second page, or of the list of all further ones. */
  private fillPages(lanes: Int32Array, { pages }: UnitPlan, { table }: Unit<T>): void {
    const list = this.writer.roles.addressField('list', lanes);
    if (list === undefined || pages.length < 2) return;
    if (table >= 0) this.tables.writePages(table, pages.slice(1));
    put(list, lanes, table >= 0 ? this.tables.address(table) : pages[1]!);
  }

  /** The entry holds the one element, or that which leads to the list of all. */
  private fillSegments(lanes: Int32Array, { data }: UnitPlan, { table }: Unit<T>): void {
    const { writer, tables, planner, format } = this;
    const { segments } = planner;
    const element = new Int32Array(segments!.element.lanes);
    writer.start(lanes, data[0]!.moves);
    if (table < 0) segments!.putData(element, data[0]!);
    else {
      tables.writeElements(table, data, segments!);
      segments!.putList(element, tables.address(table), data.length * segments!.element.size);
    }
    lanes.set(element, elementOffset(format, lanes) >>> 2);
    const total = data.reduce((sum, { length }) => sum + length, 0);
    putLength(writer.roles, 'data', lanes, total);
  }

  /** A unit is over: its id and its table are free. */
  forget({ id, table }: Unit<T>): void {
    this.tables.give(table);
    if (!this.idIsSlot) this.freeIds.push(id);
  }
}
