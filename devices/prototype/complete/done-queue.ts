import type { DescriptorBus } from '../bus';
import { Place } from '../place';
import type { Plan } from '../plan/plan';
import type { EntryPlan } from '../plan/entry-plan';
import type { QueueSetup } from '../setup';
import { ERROR, MAX_ENTRIES, type ErrorCode } from '../spec';
import { tellEnd, type Completer } from './completer';
import type { RequestEnd } from './request-end';

/** Tells in a queue of its own, whose phase changes each lap. */
export class DoneQueueCompleter implements Completer {
  tail = 0;
  private readonly entry: EntryPlan;
  private readonly done: EntryPlan;
  private readonly bus: DescriptorBus;
  private readonly queue: number;
  private readonly lanes: Int32Array;
  private readonly start0 = new Place();
  private readonly place = new Place();
  private size = 0;
  private phase = 1;

  /** @param queue its number, for completions that name it */
  constructor(plan: Plan, bus: DescriptorBus, queue: number) {
    this.entry = plan.entry;
    this.done = plan.done!;
    this.bus = bus;
    this.queue = queue;
    this.lanes = new Int32Array(this.done.lanes);
  }

  start(setup: QueueSetup): ErrorCode {
    this.size = setup.doneSize;
    this.tail = setup.doneTail;
    this.phase = setup.donePhase;
    this.start0.set(setup.done.page, setup.done.offset);
    // One place stays free, or a full queue would look like an empty one.
    return this.size < 2 || this.size > MAX_ENTRIES || this.tail >= this.size ? ERROR.CONFIG : ERROR.NONE;
  }

  hasRoom(head: number): boolean {
    return (this.tail + 1 === this.size ? 0 : this.tail + 1) !== head;
  }

  complete(end: RequestEnd): ErrorCode {
    const { done, entry, lanes, place, bus } = this;
    lanes.fill(0);
    done.id!.putHalves(lanes, 0, entry.id!.lo(end.lanes, end.base), entry.id!.hi(end.lanes, end.base));
    tellEnd(done, lanes, 0, end, end.written);
    done.head?.put(lanes, 0, end.index);
    done.queue?.put(lanes, 0, this.queue);
    done.phase!.mark(lanes, 0, this.phase === 1);
    place.setPast(this.start0, this.tail * done.size);
    if (!bus.complete(place.page, place.offset, lanes, 0, done.size)) return ERROR.COMPLETION;
    this.tail = this.tail + 1 === this.size ? 0 : this.tail + 1;
    if (this.tail === 0) this.phase ^= 1;
    return ERROR.NONE;
  }

  keep(): void {
    // Software knows its entries by their ids.
  }

  holds(): boolean {
    return false;
  }

  drop(): void {
    // Nothing is kept.
  }
}
