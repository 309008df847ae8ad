import type { DescriptorBus } from '../bus';
import { Place } from '../place';
import type { EntryPlan } from '../plan/entry-plan';
import type { Plan } from '../plan/plan';
import type { QueueSetup } from '../setup';
import { ERROR, type ErrorCode } from '../spec';
import { tellEnd, type Completer } from './completer';
import type { RequestEnd } from './request-end';

const { NONE } = ERROR;

/** Tells in a ring behind a header, whose index counts all that were ever told. */
export class UsedRingCompleter implements Completer {
  tail = 0;
  private readonly header: EntryPlan;
  private readonly element: EntryPlan;
  private readonly bus: DescriptorBus;
  private readonly byHead: boolean;
  private readonly entry: EntryPlan;
  private readonly lanes: Int32Array;
  private readonly headerLanes: Int32Array;
  private readonly modulus: number;
  private readonly start0 = new Place();
  private readonly place = new Place();
  private size = 1;
  /** The place in the ring that `tail` falls on. */
  private slot = 0;

  constructor(plan: Plan, bus: DescriptorBus) {
    this.header = plan.doneHeader!;
    this.element = plan.done!;
    this.entry = plan.entry;
    this.bus = bus;
    this.byHead = plan.format.follow.kind === 'heads';
    this.lanes = new Int32Array(this.element.lanes);
    this.headerLanes = new Int32Array(this.header.lanes);
    this.modulus = 2 ** Math.min(this.header.index!.field.bits, 32);
  }

  start(setup: QueueSetup): ErrorCode {
    this.size = setup.size;
    this.tail = setup.doneTail;
    this.start0.set(setup.done.page, setup.done.offset);
    if (this.size < 1 || this.tail >= this.modulus) return ERROR.CONFIG;
    this.slot = this.tail % this.size;
    return NONE;
  }

  hasRoom(): boolean {
    return true;
  }

  complete(end: RequestEnd): ErrorCode {
    const { element, header, lanes, place, bus, start0 } = this;
    if (this.byHead) element.id!.put(lanes, 0, end.extra);
    else if (this.entry.id !== null) {
      const { id } = this.entry;
      element.id!.putHalves(lanes, 0, id.lo(end.lanes, end.base), id.hi(end.lanes, end.base));
    }
    tellEnd(element, lanes, 0, end, end.toMemory);
    place.setPast(start0, header.size + this.slot * element.size);
    if (!bus.complete(place.page, place.offset, lanes, 0, element.size)) return ERROR.COMPLETION;
    this.tail = this.tail + 1 === this.modulus ? 0 : this.tail + 1;
    this.slot = this.tail === 0 || this.slot + 1 === this.size ? 0 : this.slot + 1;
    header.index!.put(this.headerLanes, 0, this.tail);
    const told = bus.complete(start0.page, start0.offset, this.headerLanes, 0, header.size);
    return told ? NONE : ERROR.COMPLETION;
  }

  keep(): void {
    // The head stands for the whole chain.
  }

  pass(): ErrorCode {
    return NONE;
  }

  holds(): boolean {
    return false;
  }

  drop(): void {
    // Nothing is kept.
  }
}
