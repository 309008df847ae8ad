import { physAddr } from '../../../base/address';
import type { Kernel } from '../../kernel';
import { KERNEL_IMAGE_BYTES } from '../../mm/kernel-image';
import { ARCH_KMALLOC_MINALIGN } from '../../mm/kmalloc-sizes';
import { memblockFindLowest, type Memblock } from '../../mm/memblock';
import { of_find_compatible_node } from '../../of/device-tree';
import { dma_get_cache_alignment } from '../arch-sync';
import { planDefaultPool, type DefaultPool } from './default-pool';
import { parseSwiotlbParameter } from './parameter';
import { IO_TLB_SIZE } from './slots';

/** What is left for the page allocator, and how it is to be used. */
export interface BootMemory {
  /** The memory without the pool. */
  readonly memblock: Memblock;
  readonly pool: DefaultPool;
  /** The least that objects of kmalloc are aligned to: where small ones cannot be bounced, they fill cache lines. */
  readonly kmallocMinAlign: number;
}

const withoutImage = (memblock: Memblock): Memblock => {
  const base = memblockFindLowest(memblock, KERNEL_IMAGE_BYTES);
  if (base === undefined) return memblock;
  return { ...memblock, reserved: [...memblock.reserved, { base, size: KERNEL_IMAGE_BYTES }] };
};

/** Sets the default pool apart, before there is an allocator. The kernel image has the first choice of memory. */
export const reserveDefaultPool = (kernel: Kernel, memblock: Memblock): BootMemory => {
  const parameter = parseSwiotlbParameter(kernel.commandLine.get('swiotlb'));
  const alignment = dma_get_cache_alignment(kernel);
  const isGuest = of_find_compatible_node(kernel, null, 'dmalab,memory-guard') !== null;
  const pool = planDefaultPool(withoutImage(memblock), parameter, { cacheAlignment: alignment, isGuest });
  if (pool.base < 0) return { memblock, pool, kmallocMinAlign: Math.max(alignment, ARCH_KMALLOC_MINALIGN) };
  const range = { base: physAddr(pool.base), size: pool.nslabs * IO_TLB_SIZE };
  return {
    memblock: { ...memblock, reserved: [...memblock.reserved, range] },
    pool,
    kmallocMinAlign: ARCH_KMALLOC_MINALIGN,
  };
};
