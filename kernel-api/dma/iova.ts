import { PAGE_SIZE } from '../../base/address';
import type { Kernel } from '../kernel';
import { IOVA_RANGE_CACHE_MAX_SIZE, IovaRangeCaches } from './iova-rcache';
import { IovaTree, gradeNeeded, type Iova } from './iova-tree';

/**
 * The allocator of I/O virtual addresses (`drivers/iommu/iova.c`): page numbers from the top of the allowed range down.
 *
 * Searches start where the last allocation was made, not at the top: below it there is usually room at once. There are two
 * such positions, because a device limited to 32 bits must not start its search among addresses that it cannot use. In
 * front of all this are caches of what was freed lately.
 */

const DMA_32BIT_PFN = 2 ** 20;

/** The smallest power of two that is not below a number; 1 for 0. */
export const roundUpToPowerOfTwo = (value: number): number => {
  if (value <= 1) return 1;
  if (value <= 2 ** 30) return 2 ** (32 - Math.clz32(value - 1));
  let power = 2 ** 31;
  while (power < value) power *= 2;
  return power;
};

/** The largest range that is cached, in bytes. */
export const iova_rcache_range = (): number => PAGE_SIZE * 2 ** (IOVA_RANGE_CACHE_MAX_SIZE - 1);

/** One I/O address space's page numbers: which are taken. Page 0 is never handed out, as 0 means failure. */
export class IovaDomain {
  /** The lowest page that may be allocated. */
  readonly start: number;
  private readonly tree = new IovaTree();
  private readonly caches: IovaRangeCaches;
  private cached: Iova = this.tree.anchor;
  private cached32: Iova = this.tree.anchor;
  /** No range this large fits below 4 GiB: such a request fails without a search. */
  private max32Size = DMA_32BIT_PFN;

  /**
   * @param start the lowest page that may be allocated, at least 1
   * @param kernel whose workqueue gives back what the caches have too much of
   */
  constructor(start: number, kernel: Kernel | null = null) {
    this.start = Math.max(start, 1);
    this.caches = new IovaRangeCaches(kernel, (page) => this.free(page));
  }

  /**
   * Allocates `size` pages that end at `limit` (a page number, included) or below (`alloc_iova`).
   * @param sizeAligned align the range to its size rounded up to a power of two, as the DMA API promises.
   * @returns the first page, or 0 if there is no room.
   */
  alloc(size: number, limit: number, sizeAligned = true): number {
    const end = limit + 1;
    if (end <= DMA_32BIT_PFN && size >= this.max32Size) return 0;
    const align = sizeAligned ? roundUpToPowerOfTwo(size) : 1;
    const start = end <= DMA_32BIT_PFN ? this.cached32 : this.cached;
    let above = this.search(start, size, end, align, this.start);
    if (above === null && start.hi < end) above = this.search(this.tree.anchor, size, end, align, start.hi + 1);
    if (above === null) {
      this.max32Size = size;
      return 0;
    }
    const lo = Math.floor((Math.min(end, above.lo) - size) / align) * align;
    const iova = this.tree.insertBelow(above, lo, lo + size - 1);
    if (iova.hi < DMA_32BIT_PFN) this.cached32 = iova;
    else this.cached = iova;
    return lo;
  }

  /**
   * Allocates a size-aligned range for a DMA mapping, from the caches if they have one (`alloc_iova_fast`).
   * @param flush give back what the caches hold and try again before failing
   * @returns the first page, or 0 if there is no room.
   */
  allocFast(size: number, limit: number, flush = true): number {
    // What is cached has the size of a power of two: any other, freed and used again, would be too short.
    const rounded = size < 2 ** (IOVA_RANGE_CACHE_MAX_SIZE - 1) ? roundUpToPowerOfTwo(size) : size;
    const cached = this.caches.get(rounded, limit + 1);
    if (cached !== 0) return cached;
    const page = this.alloc(rounded, limit);
    if (page !== 0 || !flush) return page;
    this.caches.flush();
    return this.alloc(rounded, limit);
  }

  /** Frees the range that contains a page; nothing happens if none does (`free_iova`). */
  free(page: number): void {
    const iova = this.tree.containing(page);
    if (iova !== null) this.remove(iova);
  }

  /** Frees a range that `allocFast` allocated for `size` pages, into the caches if it fits there (`free_iova_fast`). */
  freeFast(page: number, size: number): void {
    if (!this.caches.insert(page, size)) this.free(page);
  }

  /** How many freed ranges the caches hold. */
  get cachedRanges(): number {
    return this.caches.pages().size;
  }

  /** The address space is at its end: nothing is allocated from it any more (`put_iova_domain`). */
  destroy(): void {
    this.caches.destroy();
  }

  /** Keeps a range of pages, both ends included, from being handed out. What is taken already stays as it is. */
  reserve(lo: number, hi: number): void {
    let end = hi;
    let above = this.tree.atOrAbove(hi + 1);
    while (above.below !== null && above.below.hi >= lo) {
      const taken = above.below;
      if (taken.hi < end) this.tree.insertBelow(above, taken.hi + 1, end);
      end = Math.min(end, taken.lo - 1);
      above = taken;
    }
    if (lo <= end) this.tree.insertBelow(above, lo, end);
  }

  /** Every range in use or reserved, not those in the caches, from the lowest up, as `[first, last]`. */
  ranges(): [number, number][] {
    const found: [number, number][] = [];
    const cached = this.caches.pages();
    for (let iova = this.tree.anchor.below; iova !== null; iova = iova.below) {
      if (!cached.has(iova.lo)) found.push([iova.lo, iova.hi]);
    }
    return found.reverse();
  }

  /** The range above the highest gap that holds `size` pages at `low` or above, below `start` and below `end`; or null. */
  private search(start: Iova, size: number, end: number, align: number, low: number): Iova | null {
    const { tree } = this;
    const grade = gradeNeeded(size, align);
    let above: Iova | null = start.lo > end ? tree.atOrAbove(end) : start;
    while (above !== null) {
      const lo = Math.floor((Math.min(end, above.lo) - size) / align) * align;
      if (lo < low) return null;
      if (above.below === null || lo > above.below.hi) return above;
      above = tree.previousWith(above, grade);
    }
    return null;
  }

  private remove(iova: Iova): void {
    const above = iova.above!;
    if (iova === this.cached32 || (iova.hi < DMA_32BIT_PFN && iova.lo >= this.cached32.lo)) this.cached32 = above;
    if (iova.lo < DMA_32BIT_PFN) this.max32Size = DMA_32BIT_PFN;
    if (iova.lo >= this.cached.lo) this.cached = above;
    this.tree.remove(iova);
  }
}
