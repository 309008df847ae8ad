import { MOST_JUMPS } from '../../../base/descriptor/jumps';
import { Place } from '../place';
import type { MarkAccess } from '../plan/field-access';
import { ERROR, type ErrorCode } from '../spec';
import type { FollowerParts } from './follower';
import { RingFollower } from './ring-follower';

const PAGE = 4096;

/**
 * A ring in pieces: where it goes on, entries say that are marked as jumps. They are entries like others, counted by
 * `Q_INDEX`. Nothing but a jump ends a piece, and only when it has arrived is it known where the next one is.
 */
export class JumpFollower extends RingFollower {
  private readonly next = new Place();
  private readonly jump: MarkAccess;
  private readonly toggle: MarkAccess | null;
  /** When the jump that leads to the next entry is there. */
  private knownAt = 0;
  /** Jumps since the last entry that is none. */
  private inRow = 0;

  constructor(parts: FollowerParts) {
    super(parts);
    this.jump = parts.plan.entry.jump!;
    this.toggle = parts.plan.entry.toggle;
  }

  protected override begin(): ErrorCode {
    this.next.set(this.setup.base.page, this.setup.base.offset);
    this.knownAt = 0;
    this.inRow = 0;
    return super.begin();
  }

  override get listAt(): bigint {
    return this.next.bigint;
  }

  override get nextPhase(): number {
    return this.phase;
  }

  /** How many entries may be fetched in one run: what lies past a jump is read in vain, and never past its page. */
  private get fetchableNow(): number {
    const { fifo, setup, next, plan } = this;
    const inPage = Math.max(1, Math.floor((PAGE - next.offset) / plan.entry.size));
    const some = Math.min(fifo.run, this.burst, inPage, setup.size - this.inFlight);
    return plan.format.ownership.kind === 'indices' ? Math.min(some, this.distance(this.tail)) : some;
  }

  protected override fetchMore(now: number): void {
    const { fifo, plan, bus, next } = this;
    if (this.knownAt > now || (fifo.count > 0 && fifo.free < Math.min(this.burst, fifo.depth >> 1))) return;
    const count = this.fetchableNow;
    if (count <= 0) {
      if (plan.format.ownership.kind === 'indices' && this.position === this.tail) this.looking = false;
      return;
    }
    if (this.inFlight > 0 && this.isWorkedOn(next)) return;
    const { size, lanes } = plan.entry;
    if (!bus.fetch(next.page, next.offset, fifo.lanes, fifo.tail * lanes, size, lanes, count)) {
      this.failFetch(this.position);
      return;
    }
    this.takeRun(count, this.answerAt(now, size * count));
  }

  /** Takes those that are the device's, up to a jump. */
  private takeRun(count: number, readyAt: number): void {
    const { fifo, next, plan } = this;
    for (let i = 0; i < count; i++) {
      const base = fifo.tail * plan.entry.lanes;
      if (i > 0 && this.isWorkedOn(next)) return;
      if (!this.owns(base, this.phase)) {
        this.looking = false;
        return;
      }
      fifo.push(next.page, next.offset, this.position, this.phase, readyAt);
      this.inFlight++;
      this.advance();
      if (this.jump.is(fifo.lanes, base)) {
        this.follow(base, readyAt);
        return;
      }
      this.inRow = 0;
      next.advance(plan.entry.size);
    }
  }

  /** Where no jump tells that the phase changes, it does so after as many entries as the ring has. */
  private advance(): void {
    this.position = this.after(this.position);
    if (this.toggle === null && this.position % this.setup.size === 0) this.phase ^= 1;
  }

  private follow(base: number, readyAt: number): void {
    const { plan, next } = this;
    const { lanes } = this.fifo;
    const link = plan.entry.next ?? plan.shapes.of(lanes, base).plan.next!;
    if (this.toggle?.is(lanes, base) === true) this.phase ^= 1;
    this.knownAt = readyAt;
    this.inRow++;
    if (this.inRow > MOST_JUMPS) this.fail(ERROR.TOO_LONG, next.page, next.offset, this.position);
    else next.setHalves(link.lo(lanes, base), link.hi(lanes, base));
  }
}
