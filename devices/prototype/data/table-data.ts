import type { DescriptorBus } from '../bus';
import type { PrototypeParameters } from '../options';
import { MOVES, type EntryPlan, type Moves } from '../plan/entry-plan';
import type { Plan } from '../plan/plan';
import { ERROR, MAX_ENTRIES, type ErrorCode } from '../spec';
import type { QueueStatistics } from '../statistics';
import type { DataMover } from './data-mover';
import type { EntryData } from './entry-data';
import { ListWindow } from './list-window';
import { setPlace } from './own-data';

/** Data of an entry that may lead to a table of entries: those of the table, by their indices or one after the other. */
export class TableData implements EntryData {
  private readonly plan: EntryPlan;
  private readonly mover: DataMover;
  private readonly inner: EntryData;
  private readonly window: ListWindow;
  private readonly statistics: QueueStatistics;
  private readonly byIndex: boolean;
  private readonly limit: number;
  private otherwise: Moves = MOVES.NOTHING;
  /** Entries of the table: how many were begun, and which is next; none if the entry leads to no table. */
  private begun = 0;
  private index = 0;
  private tableOver = true;

  constructor(
    plan: Plan,
    inner: EntryData,
    mover: DataMover,
    bus: DescriptorBus,
    parameters: PrototypeParameters,
    statistics: QueueStatistics,
  ) {
    const { pieces } = plan.format;
    this.plan = plan.entry;
    this.inner = inner;
    this.mover = mover;
    this.statistics = statistics;
    this.window = new ListWindow(plan.entry, bus, parameters);
    this.byIndex = pieces.kind === 'chain' && pieces.next === 'index';
    this.limit = pieces.kind === 'chain' ? Math.min(pieces.limit, MAX_ENTRIES) : MAX_ENTRIES;
  }

  get over(): boolean {
    return this.tableOver && this.inner.over;
  }

  begin(lanes: Int32Array, base: number, otherwise: Moves): ErrorCode {
    const { plan } = this;
    this.tableOver = true;
    this.begun = 1;
    if (!plan.indirect!.is(lanes, base)) return this.inner.begin(lanes, base, otherwise);
    this.mover.clear();
    this.otherwise = otherwise;
    const address = plan.table ?? plan.data;
    const length = plan.tableLength ?? plan.length;
    if (address === null || length === null) return ERROR.INDIRECT;
    const bytes = length.bytes(lanes, base);
    if (bytes === 0 || bytes % plan.size !== 0) return ERROR.INDIRECT;
    if (plan.more?.is(lanes, base) === true) return ERROR.INDIRECT;
    if ((address.lo(lanes, base) & address.alignMask) !== 0) return ERROR.ADDRESS;
    const count = bytes / plan.size;
    if (!this.byIndex && count > this.limit) return ERROR.TOO_LONG;
    setPlace(this.window.start, address, lanes, base);
    this.window.open(Math.min(count, MAX_ENTRIES));
    this.begun = 0;
    this.index = 0;
    this.tableOver = false;
    return this.next();
  }

  next(): ErrorCode {
    if (!this.inner.over && this.begun > 0) return this.inner.next();
    const { window, plan } = this;
    if (this.index >= window.count) return ERROR.INDEX;
    if (this.begun >= Math.min(this.limit, window.count)) return ERROR.TOO_LONG;
    const at = window.element(this.index);
    if (at < 0) return ERROR.LIST;
    if (plan.indirect!.is(window.lanes, at)) return ERROR.INDIRECT;
    this.begun++;
    this.statistics.entries++;
    this.goOn(at);
    return this.inner.begin(window.lanes, at, this.otherwise);
  }

  private goOn(at: number): void {
    const { window, plan } = this;
    if (this.byIndex) {
      this.tableOver = !plan.more!.is(window.lanes, at);
      this.index = plan.nextIndex!.number(window.lanes, at);
    } else {
      this.index++;
      this.tableOver = this.index === window.count;
    }
  }
}
