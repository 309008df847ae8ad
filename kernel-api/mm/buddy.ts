import { FRAME_BUDDY, FRAME_PRESENT, MAX_PAGE_ORDER, type FrameTable } from './frame-table';

const ORDERS = MAX_PAGE_ORDER + 1;
const FREE_BLOCK = FRAME_PRESENT | FRAME_BUDDY;

/**
 * The free blocks of one memory zone (`mm/page_alloc.c`): lists of blocks per order, split and merged with their buddies.
 *
 * A block that is freed comes first on its list, and a split gives away the lower half: allocation is deterministic, and a
 * run of single pages from a fresh zone ascends without gaps. There are no migrate types and no watermarks.
 * Links are frame numbers plus one, so that a fresh (zeroed) array has no links.
 */
export class Buddy {
  /** Free pages of the zone. */
  freePages = 0;
  private readonly heads = new Int32Array(ORDERS);
  /** Bit n is set while order n has a block. */
  private filled = 0;
  private readonly frames: FrameTable;
  private readonly next: Int32Array;
  private readonly previous: Int32Array;

  /** @param next, previous links by frame number, shared by the zones of a frame table */
  constructor(frames: FrameTable, next: Int32Array, previous: Int32Array) {
    this.frames = frames;
    this.next = next;
    this.previous = previous;
  }

  /** Takes a block out; the caller marks it as allocated. @returns its first frame, or -1 */
  take(order: number): number {
    const candidates = this.filled >>> order;
    if (candidates === 0) return -1;
    const found = order + 31 - Math.clz32(candidates & -candidates);
    const frame = this.heads[found]! - 1;
    this.unlink(frame, found);
    for (let half = found - 1; half >= order; half--) this.link(frame + (1 << half), half);
    this.freePages -= 1 << order;
    return frame;
  }

  /** Gives a block back, merging it with its buddies as far as they are free. */
  give(frame: number, order: number): void {
    const { flags, order: orders } = this.frames;
    this.freePages += 1 << order;
    let block = frame;
    let size = order;
    while (size < MAX_PAGE_ORDER) {
      const buddy = block ^ (1 << size);
      if (flags[buddy] !== FREE_BLOCK || orders[buddy] !== size) break;
      this.unlink(buddy, size);
      block &= ~(1 << size);
      size++;
    }
    this.link(block, size);
  }

  /** The free blocks of an order, in the order in which they will be handed out. */
  blocks(order: number): number[] {
    const found: number[] = [];
    for (let link = this.heads[order]!; link !== 0; link = this.next[link - 1]!) found.push(link - 1);
    return found;
  }

  private link(frame: number, order: number): void {
    const head = this.heads[order]!;
    this.next[frame] = head;
    this.previous[frame] = 0;
    if (head !== 0) this.previous[head - 1] = frame + 1;
    this.heads[order] = frame + 1;
    this.filled |= 1 << order;
    this.frames.flags[frame] = FREE_BLOCK;
    this.frames.order[frame] = order;
  }

  private unlink(frame: number, order: number): void {
    const after = this.next[frame]!;
    const before = this.previous[frame]!;
    if (after !== 0) this.previous[after - 1] = before;
    if (before !== 0) this.next[before - 1] = after;
    else {
      this.heads[order] = after;
      if (after === 0) this.filled &= ~(1 << order);
    }
    this.frames.flags[frame] = FRAME_PRESENT;
  }
}
