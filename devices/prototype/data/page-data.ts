import type { DescriptorBus } from '../bus';
import type { PrototypeParameters } from '../options';
import { Place } from '../place';
import { MOVES, type EntryPlan, type Moves } from '../plan/entry-plan';
import type { Plan } from '../plan/plan';
import type { Shapes } from '../plan/shapes';
import { ERROR, type ErrorCode } from '../spec';
import type { DataMover } from './data-mover';
import type { EntryData } from './entry-data';
import { ListWindow } from './list-window';
import { bytesOf, setPlace } from './own-data';

const { NONE } = ERROR;
const { FROM_MEMORY, NOTHING } = MOVES;

/** A power of two whose multiples are told from others by the low half of an address. */
const isSmallPower = (bytes: number): boolean => bytes <= 2 ** 30 && (bytes & (bytes - 1)) === 0;

/**
 * Data in pages: the entry's first address may begin within its page; the second is that of the second page, or where there
 * are more than two, of a list of the others. The last element of a list that fills its page leads to the next list.
 */
export class PageData implements EntryData {
  over = true;
  private readonly shapes: Shapes;
  private plan: EntryPlan;
  private readonly element: EntryPlan;
  private readonly mover: DataMover;
  private readonly window: ListWindow;
  private readonly page: number;
  /** The bits of an address within its page; negative if pages are no power of two. */
  private readonly mask: number;
  private readonly maxLength: number;
  private readonly place = new Place();
  private moves: Moves = NOTHING;
  /** Bytes that no run has been made for yet. */
  private remaining = 0;
  private index = 0;
  /** The second address is that of a page. */
  private second = false;

  constructor(plan: Plan, mover: DataMover, bus: DescriptorBus, parameters: PrototypeParameters) {
    const element = plan.pageElement!;
    this.shapes = plan.shapes;
    this.plan = plan.entry;
    this.element = element;
    this.mover = mover;
    this.page = plan.page;
    this.mask = isSmallPower(plan.page) ? plan.page - 1 : -1;
    this.maxLength = parameters.maxLength;
    this.window = new ListWindow(element, bus, parameters);
  }

  /** Where in its page of data or of a list a place is. */
  private within({ page, offset }: Place): number {
    if (this.mask >= 0) return ((page << 12) | offset) & this.mask;
    return ((page % Math.max(1, this.page / 4096)) * 4096 + offset) % this.page;
  }

  begin(lanes: Int32Array, base: number, otherwise: Moves): ErrorCode {
    const { mover } = this;
    const { plan } = this.shapes.of(lanes, base);
    this.plan = plan;
    mover.clear();
    this.over = true;
    this.remaining = 0;
    this.moves = plan.moves(lanes, base, otherwise);
    if (this.moves === NOTHING) return NONE;
    const { length, data, list } = plan;
    if (this.moves === MOVES.UNKNOWN || data === null || list === null) return ERROR.OPCODE;
    const bytes = bytesOf(length, plan, lanes, base);
    if (bytes > this.maxLength || (length !== null && length.max !== 0 && bytes > length.max)) return ERROR.LENGTH;
    if ((data.lo(lanes, base) & data.alignMask) !== 0) return ERROR.ADDRESS;
    setPlace(this.place, data, lanes, base);
    this.remaining = bytes;
    this.run(Math.min(bytes, this.page - this.within(this.place)));
    if (!this.over) return this.openSecond(lanes, base);
    return NONE;
  }

  private openSecond(lanes: Int32Array, base: number): ErrorCode {
    const list = this.plan.list!;
    if ((list.lo(lanes, base) & list.alignMask) !== 0) return ERROR.ADDRESS;
    this.second = this.remaining <= this.page;
    if (this.second) setPlace(this.place, list, lanes, base);
    else {
      setPlace(this.window.start, list, lanes, base);
      this.openList();
    }
    return NONE;
  }

  private openList(): void {
    const room = Math.floor((this.page - this.within(this.window.start)) / this.element.size);
    this.window.open(Math.max(1, room));
    this.index = 0;
  }

  /** Makes a run of bytes at `place`. */
  private run(bytes: number): void {
    const { mover, place } = this;
    (this.moves === FROM_MEMORY ? mover.from : mover.to).set(place.page, place.offset);
    mover.moves = this.moves;
    mover.left = bytes;
    this.remaining -= bytes;
    this.over = this.remaining === 0;
  }

  next(): ErrorCode {
    if (!this.second) {
      const code = this.takeElement(true);
      if (code !== NONE) return code;
    }
    // Only the first page may begin within.
    if (this.within(this.place) !== 0) return ERROR.ADDRESS;
    this.run(Math.min(this.remaining, this.page));
    return NONE;
  }

  private takeElement(mayLead: boolean): ErrorCode {
    const { window, element } = this;
    const at = window.element(this.index);
    if (at < 0) return ERROR.LIST;
    setPlace(this.place, element.data!, window.lanes, at);
    const leads = this.index === window.count - 1 && this.remaining > this.page;
    this.index++;
    if (!leads) return NONE;
    if (!mayLead) return ERROR.TOO_LONG;
    window.start.set(this.place.page, this.place.offset);
    this.openList();
    return this.takeElement(false);
  }
}
