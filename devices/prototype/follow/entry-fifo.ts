/**
 * Entries that were fetched and wait to be worked off, in order. One is ready when its fetch has been answered.
 */
export class EntryFifo {
  readonly depth: number;
  readonly entryLanes: number;
  readonly lanes: Int32Array;
  /** By slot: where the entry lies, its index as `Q_INDEX` counts, its phase or the head that led to it, and when it is there. */
  readonly page: Float64Array;
  readonly offset: Int32Array;
  readonly index: Float64Array;
  readonly extra: Int32Array;
  readonly readyAt: Float64Array;
  count = 0;
  /** The slot of the oldest entry. */
  head = 0;

  constructor(depth: number, entryLanes: number) {
    this.depth = depth;
    this.entryLanes = entryLanes;
    this.lanes = new Int32Array(depth * entryLanes);
    this.page = new Float64Array(depth);
    this.offset = new Int32Array(depth);
    this.index = new Float64Array(depth);
    this.extra = new Int32Array(depth);
    this.readyAt = new Float64Array(depth);
  }

  get free(): number {
    return this.depth - this.count;
  }

  /** The slot that is filled next. */
  get tail(): number {
    const slot = this.head + this.count;
    return slot >= this.depth ? slot - this.depth : slot;
  }

  /** Slots from `tail` on that lie one after the other. */
  get run(): number {
    return Math.min(this.free, this.depth - this.tail);
  }

  /** When the newest entry is there. */
  get newestReadyAt(): number {
    if (this.count === 0) return 0;
    const slot = this.head + this.count - 1;
    return this.readyAt[slot >= this.depth ? slot - this.depth : slot]!;
  }

  /** Fills the slot `tail`, whose lanes have been written. */
  push(page: number, offset: number, index: number, extra: number, readyAt: number): void {
    const slot = this.tail;
    this.page[slot] = page;
    this.offset[slot] = offset;
    this.index[slot] = index;
    this.extra[slot] = extra;
    this.readyAt[slot] = readyAt;
    this.count++;
  }

  /** Whether the oldest entry is there. */
  isReady(now: number): boolean {
    return this.count > 0 && this.readyAt[this.head]! <= now;
  }

  /** Lane of the oldest entry. */
  get base(): number {
    return this.head * this.entryLanes;
  }

  pop(): void {
    this.head = this.head + 1 === this.depth ? 0 : this.head + 1;
    this.count--;
  }

  /** Whether an entry at a place is among them. */
  contains(page: number, offset: number): boolean {
    for (let i = 0, slot = this.head; i < this.count; i++) {
      if (this.offset[slot] === offset && this.page[slot] === page) return true;
      slot = slot + 1 === this.depth ? 0 : slot + 1;
    }
    return false;
  }

  clear(): void {
    this.count = 0;
    this.head = 0;
  }
}
