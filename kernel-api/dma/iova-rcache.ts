import type { Kernel } from '../kernel';
import { msecs_to_jiffies } from '../sched/jiffies';
import { cancel_delayed_work, DelayedWork, INIT_DELAYED_WORK, schedule_delayed_work } from '../sched/workqueue';

/**
 * Caches of freed I/O ranges by size (`drivers/iommu/iova.c`): ranges of 1, 2, 4, … 32 pages that were freed stay taken in
 * the tree, and the next request for one of that size gets the one freed last. Magazines of 127 as in Linux: two that the
 * CPU works with, full ones behind them in a depot, from which one goes back to the tree every 100 ms.
 */

/** log2 of the largest range that is cached, plus one (`IOVA_RANGE_CACHE_MAX_SIZE`). */
export const IOVA_RANGE_CACHE_MAX_SIZE = 6;
/** Ranges in a magazine. */
const IOVA_MAG_SIZE = 127;
const IOVA_DEPOT_DELAY_MS = 100;
/** What the depot keeps: a magazine for each CPU. */
const DEPOT_KEEPS = 1;

/** The largest range that is cached, in pages. */
const LARGEST = 2 ** (IOVA_RANGE_CACHE_MAX_SIZE - 1);

/** log2 of a size that is cached, rounded up (`order_base_2`). */
const orderOf = (size: number): number => (size <= 1 ? 0 : 32 - Math.clz32(size - 1));

/** First pages of ranges of one size. */
class Magazine {
  readonly pages = new Float64Array(IOVA_MAG_SIZE);
  size = 0;

  get full(): boolean {
    return this.size === IOVA_MAG_SIZE;
  }

  push(page: number): void {
    this.pages[this.size++] = page;
  }

  /** The last one that begins at `limit` or below; 0 if none does. */
  pop(limit: number): number {
    const { pages } = this;
    let at = this.size - 1;
    while (at >= 0 && pages[at]! > limit) at--;
    if (at < 0) return 0;
    const page = pages[at]!;
    pages[at] = pages[--this.size]!;
    return page;
  }
}

/** The cache of one size. */
class RangeCache {
  loaded = new Magazine();
  previous = new Magazine();
  readonly depot: Magazine[] = [];
  work: DelayedWork | null = null;

  swap(): void {
    const { loaded } = this;
    this.loaded = this.previous;
    this.previous = loaded;
  }
}

/** The caches of one address space. */
export class IovaRangeCaches {
  private readonly kernel: Kernel | null;
  private readonly release: (page: number) => void;
  private readonly caches = Array.from({ length: IOVA_RANGE_CACHE_MAX_SIZE }, () => new RangeCache());

  /**
   * @param kernel whose workqueue empties depots; without one they stay as they are
   * @param release gives a range back to the tree
   */
  constructor(kernel: Kernel | null, release: (page: number) => void) {
    this.kernel = kernel;
    this.release = release;
  }

  /** Takes a range of `size` pages (a power of two, if it is cached) that ends below `end`; 0 if there is none. */
  get(size: number, end: number): number {
    if (size > LARGEST) return 0;
    const cache = this.caches[orderOf(size)]!;
    if (cache.loaded.size === 0) {
      if (cache.previous.size > 0) cache.swap();
      else if (cache.depot.length > 0) cache.loaded = cache.depot.pop()!;
      else return 0;
    }
    return cache.loaded.pop(end - size);
  }

  /** Keeps a range; false if it is too large for that. */
  insert(page: number, size: number): boolean {
    if (size > LARGEST) return false;
    const cache = this.caches[orderOf(size)]!;
    if (cache.loaded.full) {
      if (cache.previous.full) {
        cache.depot.push(cache.loaded);
        cache.loaded = new Magazine();
        this.scheduleWork(cache);
      } else {
        cache.swap();
      }
    }
    cache.loaded.push(page);
    return true;
  }

  /** Gives everything back to the tree. */
  flush(): void {
    for (const cache of this.caches) {
      this.empty(cache.loaded);
      this.empty(cache.previous);
    }
    for (const { depot } of this.caches) while (depot.length > 0) this.empty(depot.pop()!);
  }

  /** The first pages of all ranges that are kept. */
  pages(): Set<number> {
    const pages = new Set<number>();
    for (const { loaded, previous, depot } of this.caches) {
      for (const { pages: kept, size } of [loaded, previous, ...depot]) {
        for (let i = 0; i < size; i++) pages.add(kept[i]!);
      }
    }
    return pages;
  }

  /** Stops the work. The address space is at its end. */
  destroy(): void {
    for (const { work } of this.caches) if (work !== null) cancel_delayed_work(work);
  }

  private empty(magazine: Magazine): void {
    for (let i = 0; i < magazine.size; i++) this.release(magazine.pages[i]!);
    magazine.size = 0;
  }

  private scheduleWork(cache: RangeCache): void {
    const { kernel } = this;
    if (kernel === null) return;
    if (cache.work === null) {
      cache.work = new DelayedWork(kernel);
      INIT_DELAYED_WORK(cache.work, () => this.trimDepot(cache));
    }
    schedule_delayed_work(cache.work, msecs_to_jiffies(IOVA_DEPOT_DELAY_MS));
  }

  private trimDepot(cache: RangeCache): void {
    if (cache.depot.length <= DEPOT_KEEPS) return;
    this.empty(cache.depot.pop()!);
    this.scheduleWork(cache);
  }
}
