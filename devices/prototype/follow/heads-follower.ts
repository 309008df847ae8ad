import { Place } from '../place';
import type { EntryPlan } from '../plan/entry-plan';
import { ERROR, MAX_ENTRIES, type ErrorCode } from '../spec';
import { Follower, type FollowerParts } from './follower';

/** A ring of indices beside a table of entries: each is the head of a request. */
export class HeadsFollower extends Follower {
  private readonly header: EntryPlan;
  private readonly element: EntryPlan;
  private readonly chained: boolean;
  private readonly limit: number;
  /** Heads that were taken, and those that software has added, as the header counts. */
  private seen = 0;
  /** The place in the ring that `seen` falls on. */
  private slot = 0;
  private added = 0;
  private modulus = 1;
  /** The next entry of the chain that is being fetched. */
  private inChain = false;
  private head = 0;
  private nextIndex = 0;
  private length = 0;
  /** Heads that were read together. */
  private readonly window: Int32Array;
  private readonly windowSize: number;
  private windowFrom = 0;
  private windowCount = 0;
  private readonly headerLanes: Int32Array;
  private readonly place = new Place();

  constructor(parts: FollowerParts) {
    super(parts);
    const { plan, parameters } = parts;
    const { pieces } = plan.format;
    this.header = plan.header!;
    this.element = plan.element!;
    this.chained = pieces.kind === 'chain' && pieces.next === 'index';
    this.limit = pieces.kind === 'chain' ? pieces.limit : 1;
    this.windowSize = Math.max(1, Math.min(parameters.prefetch, Math.floor(parameters.burstBytes / this.element.size)));
    this.window = new Int32Array(this.windowSize * this.element.lanes);
    this.headerLanes = new Int32Array(this.header.lanes);
    this.modulus = 2 ** Math.min(this.header.index!.field.bits, 32);
  }

  protected begin(): ErrorCode {
    const { size, index } = this.setup;
    if (size < 1 || size > MAX_ENTRIES || size > this.modulus || index >= this.modulus) return ERROR.CONFIG;
    this.seen = index;
    this.slot = index % size;
    this.added = index;
    this.inChain = false;
    this.windowCount = 0;
    return ERROR.NONE;
  }

  ring(): ErrorCode {
    this.looking = true;
    return ERROR.NONE;
  }

  after(index: number): number {
    return index + 1 === this.modulus ? 0 : index + 1;
  }

  protected fetchMore(now: number): void {
    const { fifo, bus } = this;
    const before = bus.spentNs;
    const first = fifo.count;
    while (fifo.count < fifo.depth && fifo.count - first < this.outstanding && this.fetchOne(now, before));
    bus.spentNs = before;
  }

  /** Fetches one entry; false if none can be fetched now. */
  private fetchOne(now: number, before: number): boolean {
    const { bus, plan, fifo, place } = this;
    if (this.inChain) {
      if (fifo.newestReadyAt > now) return false;
    } else if (!this.nextHead()) return false;
    const { size, lanes } = plan.entry;
    if (!this.mayFollow()) return false;
    place.setPast(this.setup.base, this.nextIndex * size);
    const base = fifo.tail * lanes;
    if (!bus.fetch(place.page, place.offset, fifo.lanes, base, size, lanes, 1)) {
      this.failFetch(this.seen);
      return false;
    }
    const readyAt = this.answerAt(now, size) + (bus.spentNs - before);
    fifo.push(place.page, place.offset, this.seen, this.head, readyAt);
    this.inFlight++;
    this.goOn(base);
    return true;
  }

  private goOn(base: number): void {
    const { entry } = this.plan;
    this.length++;
    this.inChain = this.chained && entry.more!.is(this.fifo.lanes, base);
    if (this.inChain) this.nextIndex = entry.nextIndex!.number(this.fifo.lanes, base);
    else this.step();
  }

  private step(): void {
    this.seen = this.after(this.seen);
    this.slot = this.seen === 0 || this.slot + 1 === this.setup.size ? 0 : this.slot + 1;
  }

  private mayFollow(): boolean {
    const { setup, place } = this;
    if (this.nextIndex >= setup.size) {
      this.fail(ERROR.INDEX, place.page, place.offset, this.seen);
      return false;
    }
    if (this.length < Math.min(this.limit, setup.size)) return true;
    this.fail(ERROR.TOO_LONG, place.page, place.offset, this.seen);
    return false;
  }

  /** Takes the next head. */
  private nextHead(): boolean {
    if (this.seen === this.added && !this.readHeader()) return false;
    const { slot } = this;
    if (slot < this.windowFrom || slot >= this.windowFrom + this.windowCount || this.windowCount === 0) {
      if (!this.readHeads(slot)) return false;
    }
    const base = (slot - this.windowFrom) * this.element.lanes;
    this.place.setPast(this.setup.heads, this.header.size + slot * this.element.size);
    this.head = this.element.id!.number(this.window, base);
    this.nextIndex = this.head;
    this.length = 0;
    // The last one that was known: what the window held past it was not software's yet.
    if (slot === this.windowFrom + this.windowCount - 1) this.windowCount = 0;
    return true;
  }

  private get pending(): number {
    const pending = this.added - this.seen;
    return pending < 0 ? pending + this.modulus : pending;
  }

  private readHeader(): boolean {
    const { bus, header, headerLanes, setup } = this;
    const { heads } = setup;
    if (!bus.fetchNow(heads.page, heads.offset, headerLanes, 0, header.size, header.lanes, 1)) {
      this.failFetch(this.seen);
      return false;
    }
    this.added = header.index!.number(headerLanes, 0) % this.modulus;
    this.windowCount = 0;
    if (this.pending > setup.size) this.fail(ERROR.INDEX, heads.page, heads.offset, this.seen);
    else if (this.pending === 0) this.looking = false;
    return this.looking;
  }

  private readHeads(slot: number): boolean {
    const { bus, element, place, setup } = this;
    const count = Math.min(this.windowSize, this.pending, setup.size - slot);
    place.setPast(setup.heads, this.header.size + slot * element.size);
    // Elements may be smaller than a word: each gets lanes of its own.
    if (!bus.fetchNow(place.page, place.offset, this.window, 0, element.size, element.lanes, count)) {
      this.failFetch(this.seen);
      return false;
    }
    this.windowFrom = slot;
    this.windowCount = count;
    return true;
  }
}
