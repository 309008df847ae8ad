import type { DescriptorBus } from '../bus';
import type { EntryPlan } from '../plan/entry-plan';
import { ERROR, type ErrorCode } from '../spec';
import { rangeOf, tellEnd, type ByteRange, type Completer } from './completer';
import type { RequestEnd } from './request-end';

const { NONE } = ERROR;

/**
 * Tells in the ring, over the first entry of the request: the id of its last one, the bytes written, and the phases of the lap.
 * Where there is no field for the bytes written, the entry's length has them.
 */
export class InRingCompleter implements Completer {
  readonly tail = 0;
  private readonly plan: EntryPlan;
  private readonly bus: DescriptorBus;
  private readonly range: ByteRange;
  private readonly lanes: Int32Array;

  constructor(plan: EntryPlan, bus: DescriptorBus) {
    this.plan = plan;
    this.bus = bus;
    const { done, error, status, written, id, phase, usedPhase, deviceWrites } = plan;
    this.range = rangeOf(plan, [done, error, status, written ?? plan.length, id, phase, usedPhase, deviceWrites]);
    this.lanes = new Int32Array(plan.lanes);
  }

  start(): ErrorCode {
    return NONE;
  }

  hasRoom(): boolean {
    return true;
  }

  complete(end: RequestEnd): ErrorCode {
    const { plan, lanes, range, bus } = this;
    plan.id?.putHalves(lanes, 0, plan.id.lo(end.lanes, end.base), plan.id.hi(end.lanes, end.base));
    tellEnd(plan, lanes, 0, end, end.toMemory);
    if (plan.written === null) plan.length?.putBytes(lanes, 0, end.toMemory);
    plan.deviceWrites?.mark(lanes, 0, end.toMemory > 0);
    plan.phase?.mark(lanes, 0, end.extra === 1);
    plan.usedPhase?.mark(lanes, 0, end.extra === 1);
    const at = end.offset + range.from;
    const done = bus.complete(end.page + (at >>> 12), at & 0xfff, lanes, range.from, range.to - range.from);
    return done ? NONE : ERROR.COMPLETION;
  }

  keep(): void {
    // The driver knows how many entries the chain has.
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
