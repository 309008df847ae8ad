import { MOST_JUMPS } from '../../../base/descriptor/jumps';
import { Place } from '../place';
import type { MarkAccess } from '../plan/field-access';
import { ERROR, type ErrorCode } from '../spec';
import type { FollowerParts } from './follower';
import { RingFollower } from './ring-follower';

/**
 * A ring in pieces: where it goes on, entries say that are marked as jumps. They are entries like others, counted by
 * `Q_INDEX`. Nothing but a jump ends a piece.
 */
export class JumpFollower extends RingFollower {
  private readonly next = new Place();
  private readonly jump: MarkAccess;
  private readonly toggle: MarkAccess | null;
  /** Jumps since the last entry that is none. */
  private inRow = 0;

  constructor(parts: FollowerParts) {
    super(parts);
    this.jump = parts.plan.entry.jump!;
    this.toggle = parts.plan.entry.toggle;
  }

  protected override begin(): ErrorCode {
    this.next.set(this.setup.base.page, this.setup.base.offset);
    this.inRow = 0;
    return super.begin();
  }

  override get listAt(): bigint {
    return this.next.bigint;
  }

  override get nextPhase(): number {
    return this.phase;
  }

  /** One by one: where the next entry lies is known when this one is there, and nothing past a piece is read. */
  protected override fetchMore(now: number): void {
    const { fifo, plan, bus, next } = this;
    if (fifo.newestReadyAt > now || this.inFlight >= this.setup.size) return;
    if (plan.format.ownership.kind === 'indices' && this.position === this.tail) {
      this.looking = false;
      return;
    }
    if (this.inFlight > 0 && this.isWorkedOn(next)) return;
    const { size, lanes } = plan.entry;
    const base = fifo.tail * lanes;
    if (!bus.fetch(next.page, next.offset, fifo.lanes, base, size, lanes, 1)) this.failFetch(this.position);
    else if (!this.owns(base, this.phase)) this.looking = false;
    else this.takeOne(base, this.answerAt(now, size));
  }

  private takeOne(base: number, readyAt: number): void {
    const { fifo, next, plan } = this;
    fifo.push(next.page, next.offset, this.position, this.phase, readyAt);
    this.inFlight++;
    const lapBegins = this.step();
    // Where no jump tells that the phase changes, it does so after as many entries as the ring has.
    if (this.toggle === null && lapBegins) this.phase ^= 1;
    if (this.jump.is(fifo.lanes, base)) {
      this.follow(base);
      return;
    }
    this.inRow = 0;
    next.advance(plan.entry.size);
  }

  private follow(base: number): void {
    const { plan, next } = this;
    const { lanes } = this.fifo;
    const link = plan.entry.next ?? plan.shapes.of(lanes, base).plan.next!;
    if (this.toggle?.is(lanes, base) === true) this.phase ^= 1;
    this.inRow++;
    if (this.inRow > MOST_JUMPS) this.fail(ERROR.TOO_LONG, next.page, next.offset, this.position);
    else next.setHalves(link.lo(lanes, base), link.hi(lanes, base));
  }
}
