import { joinRanges, type PfnRange } from './memblock';

/** The largest block of the buddy allocator is `PAGE_SIZE << MAX_PAGE_ORDER` bytes: 4 MiB. */
export const MAX_PAGE_ORDER = 10;
/** Frames in a largest block. */
export const MAX_ORDER_NR_PAGES = 1024;

/** There is memory behind this frame. */
export const FRAME_PRESENT = 1 << 0;
/** Not the allocator's: firmware, kernel image, reserved memory (`PG_reserved`). */
export const FRAME_RESERVED = 1 << 1;
/** The first frame of a free block. */
export const FRAME_BUDDY = 1 << 2;
/** The first frame of an allocated block. */
export const FRAME_HEAD = 1 << 3;
/** With `FRAME_HEAD`: a compound page. */
export const FRAME_COMPOUND = 1 << 4;
/** With `FRAME_HEAD`: pages of the slab allocator. */
export const FRAME_SLAB = 1 << 5;
/** With `FRAME_HEAD`: one large `kmalloc` object. */
export const FRAME_LARGE_KMALLOC = 1 << 6;
/** With `FRAME_HEAD`: written to behind the back of the page tables, says a driver (`PG_dirty`). */
export const FRAME_DIRTY = 1 << 7;

/**
 * What the kernel remembers of every page frame (`struct page`), in typed arrays outside of RAM.
 *
 * Frames are numbered densely: each run of memory is widened to whole largest blocks, and the runs stand one after the
 * other. So the buddy of frame `f` is `f ^ (1 << order)`, as it is for page frame numbers, while the table stays as small as
 * the memory however far apart the banks are.
 */
export class FrameTable {
  /** `FRAME_*` bits; 0 where there is no memory. Frames inside a block have only `FRAME_PRESENT` set. */
  readonly flags: Uint8Array;
  /** Order of the block whose first frame this is. */
  readonly order: Uint8Array;
  /** `page_ref_count`; 0 for free frames and for those inside a block. */
  readonly refcount: Int32Array;
  /** Slab number plus one; 0 for frames of no slab. */
  readonly slab: Int32Array;
  /** How many frame numbers there are; not every one has memory. */
  readonly size: number;

  private readonly runFirst: readonly number[];
  private readonly runEnd: readonly number[];
  private readonly runDelta: readonly number[];
  /** Frame number minus page frame number is constant within a run: the run that was asked for last. */
  private first = 0;
  private end = 0;
  private delta = 0;
  /** Page frame number of the first frame of every largest block. */
  private readonly blockPfn: Float64Array;

  /** @param memory sorted, disjoint runs of page frames */
  constructor(memory: readonly PfnRange[]) {
    const runs = joinRanges(
      memory.map(({ first, end }) => ({
        first: Math.floor(first / MAX_ORDER_NR_PAGES) * MAX_ORDER_NR_PAGES,
        end: Math.ceil(end / MAX_ORDER_NR_PAGES) * MAX_ORDER_NR_PAGES,
      })),
    );
    const delta: number[] = [];
    const blockPfn: number[] = [];
    for (const run of runs) {
      delta.push(run.first - blockPfn.length * MAX_ORDER_NR_PAGES);
      for (let pfn = run.first; pfn < run.end; pfn += MAX_ORDER_NR_PAGES) blockPfn.push(pfn);
    }
    this.runFirst = runs.map(({ first }) => first);
    this.runEnd = runs.map(({ end }) => end);
    this.runDelta = delta;
    this.blockPfn = Float64Array.from(blockPfn);
    this.size = blockPfn.length * MAX_ORDER_NR_PAGES;
    this.flags = new Uint8Array(this.size);
    this.order = new Uint8Array(this.size);
    this.refcount = new Int32Array(this.size);
    this.slab = new Int32Array(this.size);
    for (const { first, end } of memory) this.flags.fill(FRAME_PRESENT, this.frameOf(first), this.frameOf(end - 1) + 1);
  }

  /** The frame of a page frame number, or -1 where the table has none. A frame need not have memory. */
  frameOf(pfn: number): number {
    if (pfn >= this.first && pfn < this.end) return pfn - this.delta;
    return this.findRun(pfn) ? pfn - this.delta : -1;
  }

  private findRun(pfn: number): boolean {
    let low = 0;
    let high = this.runFirst.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if (pfn < this.runFirst[middle]!) high = middle - 1;
      else if (pfn >= this.runEnd[middle]!) low = middle + 1;
      else {
        this.first = this.runFirst[middle]!;
        this.end = this.runEnd[middle]!;
        this.delta = this.runDelta[middle]!;
        return Number.isInteger(pfn);
      }
    }
    return false;
  }

  /** The page frame number of a frame. */
  pfnOf(frame: number): number {
    return this.blockPfn[frame >>> MAX_PAGE_ORDER]! + (frame & (MAX_ORDER_NR_PAGES - 1));
  }

  /** Whether there is memory behind a page frame number. */
  hasMemory(pfn: number): boolean {
    const frame = this.frameOf(pfn);
    return frame >= 0 && (this.flags[frame]! & FRAME_PRESENT) !== 0;
  }

  /** The first frame of the allocated block that a frame belongs to; the frame itself if it is in none. */
  headOf(frame: number): number {
    for (let order = 0; order <= MAX_PAGE_ORDER; order++) {
      const head = frame & ~((1 << order) - 1);
      if ((this.flags[head]! & FRAME_HEAD) !== 0 && this.order[head]! >= order) return head;
    }
    return frame;
  }
}
