import type { U64 } from '../../base/u64';

/** A FIFO of a fixed number of items of up to 64 bits. */
export class ItemQueue {
  readonly depth: number;
  /** Items held. */
  level = 0;
  private readonly lo: Uint32Array;
  private readonly hi: Uint32Array;
  private head = 0;

  constructor(depth: number) {
    this.depth = depth;
    this.lo = new Uint32Array(depth);
    this.hi = new Uint32Array(depth);
  }

  get free(): number {
    return this.depth - this.level;
  }

  /** Appends an item; false if there is no room. */
  push(lo: number, hi: number): boolean {
    if (this.level === this.depth) return false;
    const at = (this.head + this.level) % this.depth;
    this.lo[at] = lo;
    this.hi[at] = hi;
    this.level++;
    return true;
  }

  /** Takes the oldest item; false, and zero, if there is none. */
  pop(into: U64): boolean {
    if (!this.peek(into)) return false;
    this.head = (this.head + 1) % this.depth;
    this.level--;
    return true;
  }

  /** Looks at the oldest item; false, and zero, if there is none. */
  peek(into: U64): boolean {
    const held = this.level > 0;
    into.lo = held ? this.lo[this.head]! : 0;
    into.hi = held ? this.hi[this.head]! : 0;
    return held;
  }

  /** Forgets everything. */
  clear(): void {
    this.level = 0;
    this.head = 0;
  }
}
