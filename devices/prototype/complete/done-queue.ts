import type { DescriptorBus } from '../bus';
import { Place } from '../place';
import type { Plan } from '../plan/plan';
import type { EntryPlan } from '../plan/entry-plan';
import type { QueueSetup } from '../setup';
import { ERROR, type ErrorCode } from '../spec';
import { tellEnd, type Completer } from './completer';
import type { DoneEnd } from './done-end';
import type { RequestEnd } from './request-end';

const { NONE } = ERROR;

/** Tells in a completion queue, whose phase changes each lap: that of this queue, or of another one. */
export class DoneQueueCompleter implements Completer {
  private readonly entry: EntryPlan;
  private readonly done: EntryPlan;
  private readonly bus: DescriptorBus;
  private readonly queue: number;
  private readonly ends: readonly DoneEnd[];
  private readonly own: DoneEnd;
  private end: DoneEnd;
  private readonly lanes: Int32Array;
  private readonly place = new Place();

  /** @param queue its number, for completions that name it; @param ends the completion queues of all */
  constructor(plan: Plan, bus: DescriptorBus, queue: number, ends: readonly DoneEnd[]) {
    this.entry = plan.entry;
    this.done = plan.done!;
    this.bus = bus;
    this.queue = queue;
    this.ends = ends;
    this.own = ends[queue]!;
    this.end = this.own;
    this.lanes = new Int32Array(this.done.lanes);
  }

  get tail(): number {
    return this.end.tail;
  }

  start(setup: QueueSetup): ErrorCode {
    const end = this.ends[setup.doneQueue];
    this.end = end ?? this.own;
    if (end === this.own) return end.begin(setup);
    return end?.live === true ? NONE : ERROR.CONFIG;
  }

  hasRoom(head: number): boolean {
    return this.end.hasRoom(head);
  }

  complete(request: RequestEnd): ErrorCode {
    const { done, entry, lanes, place, bus, end } = this;
    done.id!.putHalves(lanes, 0, entry.id!.lo(request.lanes, request.base), entry.id!.hi(request.lanes, request.base));
    tellEnd(done, lanes, 0, request, request.written);
    done.head?.put(lanes, 0, request.index);
    done.queue?.put(lanes, 0, this.queue);
    done.phase!.mark(lanes, 0, end.phase === 1);
    end.find(place, done.size);
    if (!bus.complete(place.page, place.offset, lanes, 0, done.size)) return ERROR.COMPLETION;
    end.advance();
    return NONE;
  }

  keep(): void {
    // Software knows its entries by their ids.
  }

  pass(): ErrorCode {
    return NONE;
  }

  holds(): boolean {
    return false;
  }

  drop(): void {
    this.own.live = false;
  }
}
