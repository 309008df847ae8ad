import type { LinkedFollow } from './kinds';
import { Place } from '../place';
import { ERROR, MAX_ENTRIES, type ErrorCode } from '../spec';
import { Follower, type FollowerParts } from './follower';

const { NONE } = ERROR;

/** Lists that may wait in line. */
const MOST_LISTS = 32;

/** Entries that hold the address of the next one. */
export class LinkedFollower extends Follower {
  private readonly follow: LinkedFollow;
  /** The entry that is fetched next. */
  private readonly next = new Place();
  private hasNext = false;
  /** The entry with which the list ended, whose link is read again after the next doorbell. */
  private readonly ended = new Place();
  private hasEnded = false;
  private readonly tail = new Place();
  private hasTail = false;
  /** Lists in line, by the addresses of their first entries. */
  private readonly lists: { page: number; offset: number }[] = [];
  /** Entries since the list began, or since the tail was named. */
  private length = 0;
  /** Entries since the queue was enabled. */
  private position = 0;
  private readonly scratch: Int32Array;

  constructor(parts: FollowerParts, follow: LinkedFollow) {
    super(parts);
    this.follow = follow;
    this.scratch = new Int32Array(parts.plan.entry.lanes);
  }

  protected begin(): ErrorCode {
    const { base, size } = this.setup;
    if (size > MAX_ENTRIES) return ERROR.CONFIG;
    this.hasNext = this.plan.format.doorbell.value !== 'head-address';
    this.next.set(base.page, base.offset);
    this.hasEnded = false;
    this.hasTail = false;
    this.lists.length = 0;
    this.length = 0;
    this.position = 0;
    return NONE;
  }

  override get listAt(): bigint | undefined {
    if (!this.looking && this.hasEnded) return undefined;
    if (this.hasNext) return this.next.bigint;
    const [first] = this.lists;
    return first === undefined ? undefined : (BigInt(first.page) << 12n) + BigInt(first.offset);
  }

  override get listTail(): bigint | undefined {
    return this.hasTail ? this.tail.bigint : undefined;
  }

  ring(lo: number, hi: number): ErrorCode {
    const { value } = this.plan.format.doorbell;
    if (value === 'head-address') return this.addList(lo, hi);
    if (value === 'tail-address') {
      this.tail.setHalves(lo, hi);
      this.hasTail = true;
      this.length = 0;
    }
    this.looking = true;
    return NONE;
  }

  private addList(lo: number, hi: number): ErrorCode {
    if (this.lists.length === MOST_LISTS) return ERROR.DOORBELL;
    const first = new Place();
    first.setHalves(lo, hi);
    this.lists.push(first);
    // A list that rests in its middle is given up.
    if (!this.looking) this.hasNext = false;
    this.looking = true;
    return NONE;
  }

  private get limit(): number {
    return this.setup.size === 0 ? MAX_ENTRIES : this.setup.size;
  }

  after(index: number): number {
    return index + 1;
  }

  protected fetchMore(now: number): void {
    const { fifo, next, plan, bus } = this;
    // The address of the next entry is known when this one is there.
    if (fifo.newestReadyAt > now) return;
    const before = bus.spentNs;
    if (!this.hasNext && !this.findNext()) return;
    if (this.inFlight > 0 && this.isWorkedOn(next)) return;
    if (this.length >= this.limit && (!this.follow.cyclic || this.follow.end === 'tail')) {
      this.fail(ERROR.TOO_LONG, next.page, next.offset, this.position);
      return;
    }
    const { size, lanes } = plan.entry;
    const base = fifo.tail * lanes;
    if (!bus.fetch(next.page, next.offset, fifo.lanes, base, size, lanes, 1)) {
      this.failFetch(this.position);
      return;
    }
    const readyAt = this.answerAt(now, size) + (bus.spentNs - before);
    bus.spentNs = before;
    if (!this.owns(base, this.setup.phase)) this.meetForeign();
    else this.take(base, readyAt);
  }

  /** Its own entries, but for those in cyclic lists, should not end this way. */
  private meetForeign(): void {
    this.looking = false;
    if (!this.follow.cyclic && this.follow.end !== 'tail') {
      this.fail(ERROR.OWNER, this.next.page, this.next.offset, this.position);
    }
  }

  private take(base: number, readyAt: number): void {
    const { fifo, next } = this;
    const { page, offset } = next;
    fifo.push(page, offset, this.position, this.setup.phase, readyAt);
    this.inFlight++;
    this.position++;
    this.length++;
    const over = this.endsAt(base, page, offset);
    this.setNext(fifo.lanes, base);
    if (!over) return;
    this.ended.set(page, offset);
    this.hasEnded = true;
    this.hasNext = this.follow.end === 'tail';
    if (this.lists.length === 0) this.looking = false;
    else this.length = 0;
  }

  private setNext(lanes: Int32Array, base: number): void {
    const link = this.plan.entry.next!;
    this.next.setHalves(link.lo(lanes, base), link.hi(lanes, base));
  }

  private endsAt(base: number, page: number, offset: number): boolean {
    const { end } = this.follow;
    const { entry } = this.plan;
    if (end === 'last') return entry.last!.is(this.fifo.lanes, base);
    if (end === 'tail') return this.hasTail && this.tail.is(page, offset);
    return entry.next!.lo(this.fifo.lanes, base) === 0 && entry.next!.hi(this.fifo.lanes, base) === 0;
  }

  /** Where to go on after a list has ended: the next one in line, or on from its last entry if that leads on by now. */
  private findNext(): boolean {
    const first = this.lists.shift();
    if (first !== undefined) {
      this.next.set(first.page, first.offset);
      this.length = 0;
      this.hasNext = true;
    } else if (this.hasEnded && this.plan.format.doorbell.value === 'notify') this.rereadLink();
    if (!this.hasNext) this.looking = false;
    return this.hasNext && this.failure.code === NONE;
  }

  private rereadLink(): void {
    const { ended, scratch, bus, plan, follow } = this;
    const { entry } = plan;
    if (!bus.fetchNow(ended.page, ended.offset, scratch, 0, entry.size, entry.lanes, 1)) {
      this.failFetch(this.position);
      return;
    }
    if (follow.end === 'last' && entry.last!.is(scratch, 0)) return;
    this.setNext(scratch, 0);
    this.hasNext = follow.end === 'last' || !this.next.isZero;
    this.length = 0;
  }
}
