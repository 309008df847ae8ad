import { Buddy } from './buddy';
import { FRAME_PRESENT, type FrameTable } from './frame-table';

/** Pages that are moved between the list of single pages and the free blocks in one go. */
const BATCH = 32;
/** Pages that the list of single pages holds at most. */
const HIGH = 6 * BATCH;

/**
 * A zone of memory: its free blocks, and in front of them a list of single free pages, as each CPU has one in Linux
 * (`struct per_cpu_pages`). The page that was freed last is the next to be handed out; the list is filled with pages that
 * ascend. When a larger block is wanted and there is none, the list is given back, so that its pages can merge.
 */
export class Zone {
  readonly buddy: Buddy;
  private readonly flags: Uint8Array;
  /** The next page to be handed out is the last one. */
  private readonly cached = new Int32Array(HIGH);
  private count = 0;

  /** @param next, previous links by frame number, shared by the zones of a frame table */
  constructor(frames: FrameTable, next: Int32Array, previous: Int32Array) {
    this.flags = frames.flags;
    this.buddy = new Buddy(frames, next, previous);
  }

  /** Free pages. */
  get freePages(): number {
    return this.buddy.freePages + this.count;
  }

  /** Takes a block out; the caller marks it as allocated. @returns its first frame, or -1 */
  take(order: number): number {
    if (order === 0) return this.count > 0 || this.refill() ? this.cached[--this.count]! : -1;
    const frame = this.buddy.take(order);
    if (frame >= 0 || this.count === 0) return frame;
    this.drain();
    return this.buddy.take(order);
  }

  private refill(): boolean {
    const { cached } = this;
    let count = 0;
    for (; count < BATCH; count++) {
      const frame = this.buddy.take(0);
      if (frame < 0) break;
      cached[count] = frame;
    }
    cached.subarray(0, count).reverse();
    this.count = count;
    return count > 0;
  }

  /** Gives a block back. */
  give(frame: number, order: number): void {
    if (order > 0) {
      this.buddy.give(frame, order);
      return;
    }
    if (this.count === HIGH) this.giveOldest(BATCH);
    this.flags[frame] = FRAME_PRESENT;
    this.cached[this.count++] = frame;
  }

  private giveOldest(count: number): void {
    const { cached } = this;
    for (let index = 0; index < count; index++) this.buddy.give(cached[index]!, 0);
    cached.copyWithin(0, count, this.count);
    this.count -= count;
  }

  /** Gives the list of single pages back to the free blocks (`drain_all_pages`). */
  drain(): void {
    this.giveOldest(this.count);
  }
}
