import type { IoTlbPool } from './io-tlb-pool';

/**
 * What devices bounce in (`struct io_tlb_mem`): the kernel's default memory, or a restricted pool. There is one pool in it,
 * as with CONFIG_SWIOTLB_DYNAMIC off.
 */
export class IoTlbMem {
  /** Null: nothing was allocated. */
  defpool: IoTlbPool | null = null;
  /** Slots of the pool. */
  nslabs = 0;
  /** Every streaming mapping is bounced. */
  force_bounce = false;
  /** Coherent memory comes from here as well. */
  for_alloc = false;
  /** Slots in use (`io_tlb_used`). */
  used = 0;
  /** The most slots that were in use at a time (`io_tlb_used_hiwater`); setting it to 0 starts anew. */
  usedHiwater = 0;

  /** `add_mem_pool`. */
  add(pool: IoTlbPool): void {
    this.defpool = pool;
    this.nslabs = pool.nslabs;
  }

  /** Counts slots that were taken. */
  count(slots: number): void {
    this.used += slots;
    if (this.used > this.usedHiwater) this.usedHiwater = this.used;
  }
}
