import { PAGE_SIZE, pageAlign } from '../../../base/address';
import { memoryFrames, reservedFrames, subtractRanges, type Memblock } from '../../mm/memblock';
import { alignToSegment, IO_TLB_DEFAULT_SIZE, IO_TLB_MIN_SLABS, IO_TLB_SEGSIZE, IO_TLB_SIZE, nrSlots } from './slots';
import type { SwiotlbParameter } from './parameter';

/** The default pool as boot code has set it apart. */
export interface DefaultPool {
  /** Its first byte; -1 if there is none. */
  readonly base: number;
  readonly nslabs: number;
  readonly nareas: number;
  /** Everything is to be bounced. */
  readonly force: boolean;
}

/** The end of what a 32-bit mask reaches. */
const DMA32_LIMIT = 2 ** 32;
/** The share of RAM that the pool has on a machine with less than 1 GiB: 4 MiB of 128 MiB. */
const SMALL_SHARE = 32;
const GIB = 2 ** 30;
/** The share of RAM of a confidential guest, if that is more than the default, and up to 1 GiB. */
const GUEST_SHARE = 0.06;

const NO_POOL: DefaultPool = { base: -1, nslabs: 0, nareas: 0, force: false };

const roundUpToPowerOfTwo = (value: number): number => 2 ** Math.ceil(Math.log2(value));

const memorySize = ({ memory }: Memblock): number =>
  memoryFrames(memory).reduce((sum, { first, end }) => sum + (end - first) * PAGE_SIZE, 0);

/** Bytes of the default pool where nothing says otherwise. */
export const defaultPoolSize = (ram: number): number =>
  ram >= GIB ? IO_TLB_DEFAULT_SIZE : Math.max(IO_TLB_MIN_SLABS * IO_TLB_SIZE, Math.floor(ram / SMALL_SHARE));

/** Whether some memory is out of a 32-bit mask's reach, and some is not. */
const someOutOfReach = ({ memory }: Memblock): boolean => {
  const ranges = memoryFrames(memory);
  return (
    ranges.some(({ end }) => end * PAGE_SIZE > DMA32_LIMIT) &&
    ranges.some(({ first }) => first * PAGE_SIZE < DMA32_LIMIT)
  );
};

/** The highest free run of memory that ends at a limit or below (`memblock_alloc`); -1 if there is none. */
const findHighest = (memblock: Memblock, bytes: number, limit: number): number => {
  const free = subtractRanges(memoryFrames(memblock.memory), reservedFrames(memblock.reserved));
  for (const { first, end } of free.toReversed()) {
    const base = Math.min(end * PAGE_SIZE, limit) - bytes;
    if (base >= first * PAGE_SIZE) return base;
  }
  return -1;
};

/** What the platform has to say. */
export interface PoolNeeds {
  /** `dma_get_cache_alignment`: 1 where caches do not matter. */
  readonly cacheAlignment: number;
  /** Whether the kernel is a confidential guest: nothing but the pool is shared with devices then. */
  readonly isGuest: boolean;
}

/** Why there is a pool. */
type Reason = 'guest' | 'addressing' | 'kmalloc' | 'forced';

const reasonFor = (memblock: Memblock, { force, noforce }: SwiotlbParameter, needs: PoolNeeds): Reason | null => {
  if (noforce) return null;
  if (needs.isGuest) return 'guest';
  if (someOutOfReach(memblock)) return 'addressing';
  if (needs.cacheAlignment !== 1) return 'kmalloc';
  return force ? 'forced' : null;
};

/** Bytes of a pool whose size the command line does not tell (`swiotlb_adjust_size` of the platforms). */
const adjustedSize = (ram: number, reason: Reason): number => {
  const size = defaultPoolSize(ram);
  if (reason === 'guest') return Math.min(Math.max(size, Math.floor(ram * GUEST_SHARE)), GIB);
  return reason === 'kmalloc' ? Math.min(size, Math.ceil(ram / 1024)) : size;
};

/** Slots and areas of the pool that is wanted; both are powers of two. */
const wantedSlots = (ram: number, parameter: SwiotlbParameter, reason: Reason): { nslabs: number; nareas: number } => {
  const nareas = roundUpToPowerOfTwo(Math.max(parameter.nareas ?? 1, 1));
  const bytes = adjustedSize(ram, reason);
  const nslabs = parameter.nslabs ?? alignToSegment(nrSlots(bytes));
  return { nslabs: roundUpToPowerOfTwo(Math.max(nslabs, IO_TLB_SEGSIZE * nareas)), nareas };
};

/**
 * Decides whether there is a default pool and where it lies (`arch_mm_preinit` of RISC-V, `swiotlb_init_remap`): there is one
 * if some memory is beyond 4 GiB and some is not, if the caches of this machine can be in the way of DMA (small buffers of
 * kmalloc are bounced then), in a confidential guest, or if the command line forces it. It takes whole pages of the highest
 * memory below 4 GiB; where it is for small buffers only, of the highest memory.
 */
export const planDefaultPool = (memblock: Memblock, parameter: SwiotlbParameter, needs: PoolNeeds): DefaultPool => {
  const reason = reasonFor(memblock, parameter, needs);
  if (reason === null) return NO_POOL;
  const limit = reason === 'kmalloc' ? Infinity : DMA32_LIMIT;
  const wanted = wantedSlots(memorySize(memblock), parameter, reason);
  let { nslabs } = wanted;
  for (;;) {
    const base = findHighest(memblock, pageAlign(nslabs * IO_TLB_SIZE), limit);
    const nareas = Math.min(wanted.nareas, Math.floor(nslabs / IO_TLB_SEGSIZE));
    if (base >= 0) return { base, nslabs, nareas, force: parameter.force };
    if (nslabs <= IO_TLB_MIN_SLABS) return NO_POOL;
    nslabs = alignToSegment(Math.floor(nslabs / 2));
  }
};
