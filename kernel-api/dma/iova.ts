/**
 * The allocator of I/O virtual addresses (`drivers/iommu/iova.c`): page numbers from the top of the allowed range down.
 *
 * Allocated and reserved ranges form a list in address order under an anchor that lies above everything. Searches start
 * where the last allocation was made, not at the top: below it there is usually room at once. There are two such
 * positions, because a device limited to 32 bits must not start its search among addresses that it cannot use.
 *
 * Linux keeps freed ranges of up to 32 pages in per-CPU caches by size. They would sit in `allocFast` and `freeFast`, and
 * are absent: a freed range is free at once.
 */

/** log2 of the largest cacheable range plus one; ranges below it are rounded up to a power of two even without caches. */
const IOVA_RANGE_CACHE_MAX_SIZE = 6;
const DMA_32BIT_PFN = 2 ** 20;

/** A range in use. `below` and `above` are its neighbours in address order. */
interface Iova {
  lo: number;
  hi: number;
  below: Iova | null;
  above: Iova | null;
}

/** The smallest power of two that is not below a number; 1 for 0. */
export const roundUpToPowerOfTwo = (value: number): number => {
  if (value <= 1) return 1;
  if (value <= 2 ** 30) return 2 ** (32 - Math.clz32(value - 1));
  let power = 2 ** 31;
  while (power < value) power *= 2;
  return power;
};

/** One I/O address space's page numbers: which are taken. Page 0 is never handed out, as 0 means failure. */
export class IovaDomain {
  /** The lowest page that may be allocated. */
  readonly start: number;
  private readonly anchor: Iova = { lo: Infinity, hi: Infinity, below: null, above: null };
  private readonly byStart = new Map<number, Iova>();
  private cached: Iova = this.anchor;
  private cached32: Iova = this.anchor;
  /** No range this large fits below 4 GiB: such a request fails without a search. */
  private max32Size = DMA_32BIT_PFN;

  /** @param start the lowest page that may be allocated, at least 1. */
  constructor(start: number) {
    this.start = Math.max(start, 1);
  }

  /**
   * Allocates `size` pages that end at `limit` (a page number, included) or below.
   * @param sizeAligned align the range to its size rounded up to a power of two, as the DMA API promises.
   * @returns the first page, or 0 if there is no room.
   */
  alloc(size: number, limit: number, sizeAligned = true): number {
    const end = limit + 1;
    if (end <= DMA_32BIT_PFN && size >= this.max32Size) return 0;
    const align = sizeAligned ? roundUpToPowerOfTwo(size) : 1;
    const start = end <= DMA_32BIT_PFN ? this.cached32 : this.cached;
    let above = this.search(start, size, end, align, this.start);
    if (above === null && start.hi < end)
      above = this.search(this.limitFrom(start, end), size, end, align, start.hi + 1);
    if (above === null) {
      this.max32Size = size;
      return 0;
    }
    const lo = Math.floor((Math.min(end, above.lo) - size) / align) * align;
    const iova = this.insertBelow(above, lo, lo + size - 1);
    if (iova.hi < DMA_32BIT_PFN) this.cached32 = iova;
    else this.cached = iova;
    return lo;
  }

  /** Allocates a size-aligned range for a DMA mapping (`alloc_iova_fast`). 0 if there is no room. */
  allocFast(size: number, limit: number): number {
    return this.alloc(size < 2 ** (IOVA_RANGE_CACHE_MAX_SIZE - 1) ? roundUpToPowerOfTwo(size) : size, limit);
  }

  /** Frees the range that contains a page; nothing happens if none does (`free_iova`). */
  free(page: number): void {
    const iova = this.byStart.get(page) ?? this.containing(page);
    if (iova !== null) this.remove(iova);
  }

  /** Frees a range that `allocFast` allocated for `size` pages (`free_iova_fast`). */
  freeFast(page: number, _size: number): void {
    this.free(page);
  }

  /** Keeps a range of pages, both ends included, from being handed out. What is taken already stays as it is. */
  reserve(lo: number, hi: number): void {
    let end = hi;
    let above: Iova = this.anchor;
    while (above.below !== null && above.below.hi >= lo) {
      const taken = above.below;
      if (taken.hi < end) this.insertBelow(above, taken.hi + 1, end);
      end = Math.min(end, taken.lo - 1);
      above = taken;
    }
    if (lo <= end) this.insertBelow(above, lo, end);
  }

  /** Every range in use or reserved, from the lowest up, as `[first, last]`. */
  ranges(): [number, number][] {
    const found: [number, number][] = [];
    for (let iova = this.anchor.below; iova !== null; iova = iova.below) found.push([iova.lo, iova.hi]);
    return found.reverse();
  }

  /** The range above the highest gap that holds `size` pages at `low` or above, below `above` and below `end`; or null. */
  private search(above: Iova, size: number, end: number, align: number, low: number): Iova | null {
    let high = end;
    for (;;) {
      high = Math.min(high, above.lo);
      const lo = Math.floor((high - size) / align) * align;
      if (lo < low) return null;
      const below = above.below;
      if (below === null || lo > below.hi) return above;
      above = below;
    }
  }

  /** The range from which a search under `end` has to start, so that no gap below `end` is above it. */
  private limitFrom(start: Iova, end: number): Iova {
    if (end > DMA_32BIT_PFN) return this.anchor;
    let iova = start;
    while (iova.lo < end && iova.above !== null) iova = iova.above;
    return iova;
  }

  private containing(page: number): Iova | null {
    let iova = this.anchor.below;
    while (iova !== null && iova.lo > page) iova = iova.below;
    return iova !== null && page <= iova.hi ? iova : null;
  }

  private insertBelow(above: Iova, lo: number, hi: number): Iova {
    const iova: Iova = { lo, hi, below: above.below, above };
    if (above.below !== null) above.below.above = iova;
    above.below = iova;
    this.byStart.set(lo, iova);
    return iova;
  }

  private remove(iova: Iova): void {
    const above = iova.above as Iova;
    if (iova === this.cached32 || (iova.hi < DMA_32BIT_PFN && iova.lo >= this.cached32.lo)) this.cached32 = above;
    if (iova.lo < DMA_32BIT_PFN) this.max32Size = DMA_32BIT_PFN;
    if (iova.lo >= this.cached.lo) this.cached = above;
    above.below = iova.below;
    if (iova.below !== null) iova.below.above = above;
    this.byStart.delete(iova.lo);
  }
}
