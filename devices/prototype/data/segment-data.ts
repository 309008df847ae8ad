import type { DescriptorBus } from '../bus';
import type { PrototypeParameters } from '../options';
import { MOVES, type EntryPlan, type Moves } from '../plan/entry-plan';
import type { Plan } from '../plan/plan';
import type { Shapes } from '../plan/shapes';
import { ERROR, MAX_ENTRIES, type ErrorCode } from '../spec';
import type { DataMover } from './data-mover';
import type { EntryData } from './entry-data';
import { ListWindow } from './list-window';
import { addressFits, bytesOf, setPlace } from './own-data';

/**
 * Data in segments: the entry holds an element, which is data or leads to a list of elements, whose last one may lead on. The
 * entry's own length is what moves in all.
 */
export class SegmentData implements EntryData {
  over = true;
  private readonly shapes: Shapes;
  private readonly elements: Shapes;
  private readonly limit: number;
  private readonly mover: DataMover;
  private readonly window: ListWindow;
  private readonly maxLength: number;
  private moves: Moves = MOVES.NOTHING;
  /** Bytes that no run has been made for yet. */
  private remaining = 0;
  private index = 0;
  private seen = 0;
  private lastList = false;

  constructor(plan: Plan, mover: DataMover, bus: DescriptorBus, parameters: PrototypeParameters) {
    this.shapes = plan.shapes;
    this.elements = plan.segments!;
    this.limit = plan.segmentLimit;
    this.mover = mover;
    this.maxLength = parameters.maxLength;
    this.window = new ListWindow(plan.segmentElement!, bus, parameters);
  }

  begin(lanes: Int32Array, base: number, otherwise: Moves): ErrorCode {
    const { mover } = this;
    const { plan, elementLane } = this.shapes.of(lanes, base);
    mover.clear();
    this.over = true;
    this.moves = plan.moves(lanes, base, otherwise);
    if (this.moves === MOVES.NOTHING) return ERROR.NONE;
    if (this.moves === MOVES.UNKNOWN || elementLane < 0) return ERROR.OPCODE;
    this.remaining = bytesOf(plan.length, plan, lanes, base);
    if (this.remaining > this.maxLength) return ERROR.LENGTH;
    if (this.remaining === 0) return ERROR.NONE;
    mover.moves = this.moves;
    this.window.open(0);
    this.index = 0;
    this.seen = 0;
    this.lastList = false;
    return this.take(lanes, base + elementLane);
  }

  next(): ErrorCode {
    const { window } = this;
    if (this.seen >= MAX_ENTRIES) return ERROR.TOO_LONG;
    this.seen++;
    const at = window.element(this.index);
    if (at < 0) return ERROR.LIST;
    this.index++;
    return this.take(window.lanes, at);
  }

  /** Takes an element: a run of data, or the way to a list. */
  private take(lanes: Int32Array, base: number): ErrorCode {
    const { plan } = this.elements.of(lanes, base);
    const leads = plan.list ?? plan.lastList;
    this.mover.left = 0;
    if (leads !== null) return this.openList(plan, lanes, base);
    if (plan.length === null) return ERROR.OPCODE;
    const bytes = Math.min(plan.length.bytes(lanes, base), this.remaining);
    const code = this.run(plan, lanes, base, bytes);
    if (code !== ERROR.NONE) return code;
    this.remaining -= bytes;
    this.over = this.remaining === 0 || this.index >= this.window.count;
    // The elements do not describe all that the entry is to move.
    return this.over && this.remaining > 0 ? ERROR.LENGTH : ERROR.NONE;
  }

  private run(plan: EntryPlan, lanes: Int32Array, base: number, bytes: number): ErrorCode {
    const { mover } = this;
    const { data } = plan;
    // Without an address it is a place for bytes that nobody wants.
    mover.discards = data === null;
    if (data !== null) {
      if (!addressFits(data, data.lo(lanes, base), data.hi(lanes, base), bytes)) return ERROR.ADDRESS;
      setPlace(this.moves === MOVES.FROM_MEMORY ? mover.from : mover.to, data, lanes, base);
    }
    mover.left = bytes;
    return ERROR.NONE;
  }

  private openList(plan: EntryPlan, lanes: Int32Array, base: number): ErrorCode {
    const { window } = this;
    const address = plan.list ?? plan.lastList!;
    if (this.lastList || this.index < window.count) return ERROR.INDIRECT;
    const { size } = window.plan;
    const bytes = plan.listLength === null ? 0 : plan.listLength.bytes(lanes, base);
    if (bytes === 0 || bytes % size !== 0) return ERROR.INDIRECT;
    if (bytes / size > Math.min(this.limit, MAX_ENTRIES)) return ERROR.TOO_LONG;
    if ((address.lo(lanes, base) & address.alignMask) !== 0) return ERROR.ADDRESS;
    this.lastList = plan.list === null;
    setPlace(window.start, address, lanes, base);
    window.open(bytes / size);
    this.index = 0;
    this.over = false;
    return ERROR.NONE;
  }
}
