import { Place } from '../place';
import { ERROR, MAX_ENTRIES, type ErrorCode } from '../spec';
import { Follower } from './follower';

/** How many values an index has that counts entries ever given. */
export const COUNT_MODULUS = 65_536;

/** Entries one after the other, which begin again after the last. */
export class RingFollower extends Follower {
  /** The entry that is fetched next, and the end of what was given; as `Q_INDEX` counts. */
  protected position = 0;
  protected tail = 0;
  /** The place in the ring that `position` falls on. */
  protected slot = 0;
  protected modulus = 1;
  protected phase = 1;
  private readonly place = new Place();

  protected begin(): ErrorCode {
    const { size, index, counting, phase } = this.setup;
    if (size < 1 || size > MAX_ENTRIES || (counting && COUNT_MODULUS % size !== 0)) return ERROR.CONFIG;
    this.modulus = counting ? COUNT_MODULUS : size;
    if (index >= this.modulus) return ERROR.CONFIG;
    this.position = index;
    this.slot = index % size;
    this.tail = index;
    this.phase = phase;
    return ERROR.NONE;
  }

  override get tailIndex(): number {
    return this.tail;
  }

  ring(lo: number): ErrorCode {
    if (this.plan.format.ownership.kind === 'indices') {
      if (lo >>> 0 >= this.modulus) return ERROR.DOORBELL;
      if (this.distance(lo) > this.setup.size) return ERROR.DOORBELL;
      this.tail = lo;
    }
    this.looking = true;
    return ERROR.NONE;
  }

  /** Entries from the next one to a tail. */
  protected distance(tail: number): number {
    const ahead = tail - this.position;
    return ahead < 0 ? ahead + this.modulus : ahead;
  }

  /** How many entries may be fetched in one run. */
  private fetchable(slot: number): number {
    const { fifo, setup } = this;
    // None that is still worked on, as in a small ring: it is the device's twice over.
    const some = Math.min(fifo.run, this.burst, setup.size - slot, setup.size - this.inFlight);
    return this.plan.format.ownership.kind === 'indices' ? Math.min(some, this.distance(this.tail)) : some;
  }

  after(index: number): number {
    return index + 1 === this.modulus ? 0 : index + 1;
  }

  protected fetchMore(now: number): void {
    const { fifo, plan, bus, place, setup } = this;
    // Not one by one, and not so late that what is left does not cover the way there and back.
    if (fifo.count > 0 && fifo.free < Math.min(this.burst, fifo.depth >> 1)) return;
    const { slot } = this;
    const count = this.fetchable(slot);
    if (count <= 0) {
      if (plan.format.ownership.kind === 'indices' && this.position === this.tail) this.looking = false;
      return;
    }
    const { size, lanes } = plan.entry;
    place.setPast(setup.base, slot * size);
    if (!bus.fetch(place.page, place.offset, fifo.lanes, fifo.tail * lanes, size, lanes, count)) {
      this.failFetch(this.position);
      return;
    }
    this.take(count, this.answerAt(now, size * count));
  }

  /** Takes those that are the device's; what follows is read again after the next doorbell. */
  private take(count: number, readyAt: number): void {
    const { fifo, place, plan } = this;
    for (let i = 0; i < count; i++) {
      if (!this.owns(fifo.tail * plan.entry.lanes, this.phase)) {
        this.looking = false;
        return;
      }
      fifo.push(place.page, place.offset, this.position, this.phase, readyAt);
      this.inFlight++;
      place.advance(plan.entry.size);
      if (this.step()) this.phase ^= 1;
    }
  }

  /** On to the next place. Returns whether a lap begins there. */
  protected step(): boolean {
    this.position = this.after(this.position);
    this.slot = this.slot + 1 === this.setup.size ? 0 : this.slot + 1;
    return this.slot === 0;
  }
}
