import { PAGE_SIZE, virtAddr, type VirtAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { __GFP_DMA, __GFP_DMA32, __GFP_NOWARN, GFP_KERNEL, type Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { set_memory_decrypted } from '../mm/confidential';
import { MAX_ORDER_NR_PAGES, MAX_PAGE_ORDER } from '../mm/frame-table';
import { get_order, page_address, pfn_to_page } from '../mm/page';
import { ZONE_DMA, ZONE_DMA32, ZONE_NORMAL } from '../mm/page-allocator';
import { PAGE_KERNEL, pgprot_dmacoherent } from '../mm/vmalloc';
import { schedule_work, WorkStruct } from '../sched/workqueue';
import { arch_dma_prep_coherent } from './arch-sync';
import { GenPool } from './gen-pool';
import { memparse } from './memparse';
import { dma_common_contiguous_remap, dma_common_free_remap } from './remap';

/** Without `coherent_pool=`: 128 KiB for each GiB of memory, and at least 128 KiB. */
const SMALLEST = 128 * 1024;
const GIB_PER_POOL = 2 ** 30 / SMALLEST;

/** Memory of a pool that was taken. */
export interface PoolMemory {
  readonly cpu: VirtAddr;
  readonly pfn: number;
}

/** Whether a device can use memory: its first page frame, and its length in bytes. */
type Fits = (pfn: number, size: number) => boolean;

interface ZonePool {
  readonly pool: GenPool;
  readonly gfp: Gfp;
}

/**
 * Coherent memory for callers that cannot sleep, where it has to be mapped past the caches or shared with the host first
 * (`kernel/dma/pool.c`): set apart while booting, one pool per zone, each more of it in the background when it runs low.
 */
export class AtomicPools {
  /** What each pool begins with, and what has to be left of it, in bytes. */
  private target = 0;
  private readonly kernel: Kernel;
  private normal: ZonePool | null = null;
  private dma32: ZonePool | null = null;
  private dma: ZonePool | null = null;
  private work: WorkStruct | null = null;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** Sets the pools up (`dma_atomic_pool_init`). */
  init(): void {
    const { mm, commandLine } = this.kernel;
    const free = [ZONE_DMA, ZONE_DMA32, ZONE_NORMAL].map((zone) => mm.pages.freePages(zone));
    this.target = memparse(commandLine.get('coherent_pool') ?? '');
    if (this.target === 0) {
      const total = free.reduce((sum, pages) => sum + pages, mm.pages.allocatedPages);
      this.target = Math.max(Math.min(Math.floor(total / GIB_PER_POOL), MAX_ORDER_NR_PAGES) * PAGE_SIZE, SMALLEST);
    }
    this.work = new WorkStruct(this.kernel, () => this.resize());
    if (free[ZONE_NORMAL]! > 0) this.normal = this.create(GFP_KERNEL);
    if (free[ZONE_DMA]! > 0) this.dma = this.create(GFP_KERNEL | __GFP_DMA);
    if (free[ZONE_DMA32]! > 0) this.dma32 = this.create(GFP_KERNEL | __GFP_DMA32);
  }

  private create(gfp: Gfp): ZonePool | null {
    const zone = { pool: new GenPool(), gfp };
    const { log } = this.kernel;
    if (this.expand(zone, this.target)) {
      log.info({}, `DMA: preallocated ${zone.pool.size / 1024} KiB ${nameOf(gfp)} pool for atomic allocations`);
      return zone;
    }
    const wanted = Math.floor(this.target / 1024);
    log.error({}, `DMA: failed to allocate ${wanted} KiB ${nameOf(gfp)} pool for atomic allocation`);
    return null;
  }

  /** Adds memory, as much of `wanted` bytes as there is in one piece. False if there is none. */
  private expand({ pool, gfp }: ZonePool, wanted: number): boolean {
    const { kernel } = this;
    let order = Math.min(get_order(wanted), MAX_PAGE_ORDER);
    let pfn = -1;
    for (; order >= 0; order--) {
      pfn = kernel.mm.allocPfn(gfp | __GFP_NOWARN, order);
      if (pfn >= 0) break;
    }
    if (pfn < 0) return false;
    const size = PAGE_SIZE * 2 ** order;
    const page = pfn_to_page(kernel, pfn);
    arch_dma_prep_coherent(kernel, pfn * PAGE_SIZE, size);
    const cpu = dma_common_contiguous_remap(kernel, page, size, pgprot_dmacoherent(PAGE_KERNEL));
    const failed = cpu === 0 || set_memory_decrypted(kernel, page_address(page), 2 ** order) !== 0;
    if (failed) {
      if (cpu !== 0) dma_common_free_remap(kernel, cpu);
      kernel.mm.freePfn(pfn, order);
      return false;
    }
    pool.add(cpu, pfn * PAGE_SIZE, size);
    return true;
  }

  private resize(): void {
    for (const zone of [this.dma, this.dma32, this.normal]) {
      if (zone !== null && zone.pool.available < this.target) this.expand(zone, zone.pool.size);
    }
  }

  /** The pools to try for a request, the likeliest first (`dma_guess_pool`). */
  private order(gfp: Gfp): ZonePool[] {
    const { normal, dma32, dma } = this;
    let first: ZonePool | null;
    if ((gfp & __GFP_DMA) !== 0) first = dma ?? dma32 ?? normal;
    else if ((gfp & __GFP_DMA32) !== 0) first = dma32 ?? dma ?? normal;
    else first = normal ?? dma32 ?? dma;
    const all = [normal, dma32, dma];
    return all.slice(all.indexOf(first)).filter((zone) => zone !== null);
  }

  /**
   * Takes zeroed memory for a device (`dma_alloc_from_pool`); null, after a warning, if there is none that fits.
   * @param size whole pages @param fits left out where any memory will do
   */
  alloc(dev: StructDevice, size: number, gfp: Gfp, fits?: Fits): PoolMemory | null {
    const pools = this.order(gfp);
    for (const { pool } of pools) {
      const memory = this.take(pool, size, fits);
      if (memory !== null) return memory;
    }
    if (pools.length === 0) this.kernel.warn('dma_alloc_from_pool', `there is no atomic pool for ${dev.name}`);
    else if ((gfp & __GFP_NOWARN) === 0) this.kernel.warn('dma_alloc_from_pool', `DMA pool exhausted for ${dev.name}`);
    return null;
  }

  private take(pool: GenPool, size: number, fits: Fits | undefined): PoolMemory | null {
    const cpu = pool.alloc(size);
    if (cpu === 0) return null;
    const pfn = pool.toPhysical(cpu) / PAGE_SIZE;
    if (fits?.(pfn, size) === false) {
      pool.free(cpu, size);
      return null;
    }
    if (pool.available < this.target) schedule_work(this.work!);
    this.kernel.mm.fill(virtAddr(cpu), 0, size);
    return { cpu: virtAddr(cpu), pfn };
  }

  /** Gives memory back, if it is of a pool (`dma_free_from_pool`). @param size whole pages */
  free(cpu: number, size: number): boolean {
    const zone = [this.normal, this.dma32, this.dma].find((one) => one?.pool.has(cpu, size) === true);
    zone?.pool.free(cpu, size);
    return zone !== undefined && zone !== null;
  }

  /** `free` of memory that is known by its page frame. Linux goes by an address that no pool has, and frees it wrongly. */
  freePfn(pfn: number, size: number): boolean {
    for (const zone of [this.normal, this.dma32, this.dma]) {
      const cpu = zone?.pool.toVirtual(pfn * PAGE_SIZE) ?? -1;
      if (cpu >= 0) return this.free(cpu, size);
    }
    return false;
  }

  /** Bytes of all pools, and bytes of them that are free. */
  get statistics(): { readonly size: number; readonly available: number } {
    const pools = [this.normal, this.dma32, this.dma].flatMap((zone) => (zone === null ? [] : [zone.pool]));
    return {
      size: pools.reduce((sum, { size }) => sum + size, 0),
      available: pools.reduce((sum, { available }) => sum + available, 0),
    };
  }
}

const nameOf = (gfp: Gfp): string => {
  if ((gfp & __GFP_DMA) !== 0) return 'GFP_KERNEL|GFP_DMA';
  return (gfp & __GFP_DMA32) !== 0 ? 'GFP_KERNEL|GFP_DMA32' : 'GFP_KERNEL';
};
