const NOTHING = Number.MAX_SAFE_INTEGER;

/**
 * `struct iommu_iotlb_gather`: what has been taken out of page tables and not yet out of the IOMMU's caches.
 * One is meant to be kept and reused; `init` empties it.
 */
export class IotlbGather {
  /** First page number that changed; beyond any page while nothing is gathered. */
  start = NOTHING;
  /** Last page number that changed; -1 while nothing is gathered. */
  end = -1;
  /** Bit `n`: leaves of level `n` were removed. */
  leafLevels = 0;
  /** Bit `n`: an entry of level `n` that pointed to a table was removed. */
  tableLevels = 0;
  /** A flush of the whole domain is going to follow, later (`queued`): nothing has to be invalidated on the way. */
  queued = false;
  /** Page frames of tables that nothing points to any more, to be freed after the invalidation. */
  readonly freelist: number[] = [];

  /** Forgets everything (`iommu_iotlb_gather_init`). The list of tables must be empty by then. */
  init(): void {
    this.start = NOTHING;
    this.end = -1;
    this.leafLevels = 0;
    this.tableLevels = 0;
    this.queued = false;
  }

  /** Adds a range of pages (`iommu_iotlb_gather_add_range`). */
  addRange(page: number, count: number): void {
    if (count === 0) return;
    const end = page + count - 1;
    if (page < this.start) this.start = page;
    if (end > this.end) this.end = end;
  }

  /** Whether there is nothing to invalidate. */
  get empty(): boolean {
    return this.end < this.start;
  }
}
