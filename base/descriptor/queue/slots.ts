/** Places for entries. */
export interface Slots {
  /** Whether there are so many places now, and for the largest of the requests among them. */
  fits(total: number, largest: number): boolean;
  /** Places for `count` entries, in their order. They must fit. */
  take(count: number): number[];
  /** Gives places back. In a ring these are the oldest ones, whatever their numbers. */
  give(slots: readonly number[]): void;
  /** The most places that there can be at once. */
  readonly capacity: number;
}

/** The places of a ring, or of a list that lies in one: one after the other. */
export class RingSlots implements Slots {
  readonly capacity: number;
  /** Entries ever taken. */
  taken = 0;
  private readonly size: number;
  private free: number;

  constructor(size: number, capacity: number) {
    this.size = size;
    this.capacity = capacity;
    this.free = capacity;
  }

  /** Entries ever given back. */
  get given(): number {
    return this.taken - (this.capacity - this.free);
  }

  fits(total: number): boolean {
    return total <= this.free;
  }

  take(count: number): number[] {
    const first = this.taken;
    this.taken += count;
    this.free -= count;
    return Array.from({ length: count }, (_, i) => (first + i) % this.size);
  }

  give(slots: readonly number[]): void {
    this.giveCount(slots.length);
  }

  giveCount(count: number): void {
    this.free += count;
  }

  /** Gives back all places before entry `index` of the ring, which the device says it has taken. */
  giveBefore(index: number): void {
    const { size, given, taken } = this;
    const count = (((index - given) % size) + size) % size;
    // A device that says more than it can have taken is not believed.
    if (count <= taken - given) this.giveCount(count);
  }
}

/** The places of a table, in any order. */
export class TableSlots implements Slots {
  readonly capacity: number;
  private readonly together: boolean;
  private readonly free: number[];

  /** @param together whether the places of one request lie one after the other */
  constructor(size: number, together: boolean) {
    this.capacity = size;
    this.together = together;
    this.free = Array.from({ length: size }, (_, i) => i);
  }

  fits(total: number, largest: number): boolean {
    return total <= this.free.length && (!this.together || this.firstRun(largest) >= 0);
  }

  take(count: number): number[] {
    return this.free.splice(this.together ? this.firstRun(count) : this.free.length - count, count);
  }

  give(slots: readonly number[]): void {
    this.free.push(...slots);
    if (this.together) this.free.sort((a, b) => a - b);
  }

  private firstRun(count: number): number {
    const { free } = this;
    for (let from = 0; from + count <= free.length; from++) {
      if (free[from + count - 1]! - free[from]! === count - 1) return from;
    }
    return -1;
  }
}
