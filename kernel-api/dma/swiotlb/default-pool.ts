import { PAGE_SIZE, pageAlign } from '../../../base/address';
import { memoryFrames, reservedFrames, subtractRanges, type Memblock } from '../../mm/memblock';
import {
  alignToSegment,
  IO_TLB_DEFAULT_SIZE,
  IO_TLB_MIN_SLABS,
  IO_TLB_SEGSIZE,
  IO_TLB_SHIFT,
  IO_TLB_SIZE,
} from './slots';
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

/** Slots and areas of the pool that is wanted; both powers of two, as with one area or more they always are. */
const wantedSlots = (
  ram: number,
  parameter: SwiotlbParameter,
  kmallocOnly: boolean,
): { nslabs: number; nareas: number } => {
  const nareas = roundUpToPowerOfTwo(Math.max(parameter.nareas ?? 1, 1));
  let nslabs = parameter.nslabs ?? alignToSegment(defaultPoolSize(ram) >> IO_TLB_SHIFT);
  if (kmallocOnly && parameter.nslabs === undefined && nareas * IO_TLB_SEGSIZE <= nslabs) {
    const bytes = Math.min(nslabs * IO_TLB_SIZE, Math.ceil(ram / 1024));
    nslabs = alignToSegment(Math.ceil(bytes / IO_TLB_SIZE));
  }
  return { nslabs: roundUpToPowerOfTwo(Math.max(nslabs, IO_TLB_SEGSIZE * nareas)), nareas };
};

/**
 * Decides whether there is a default pool and where it lies (`arch_mm_preinit` of RISC-V, `swiotlb_init_remap`): there is one
 * if some memory is beyond 4 GiB and some is not, if the caches of this machine can be in the way of DMA (small buffers of
 * kmalloc are bounced then), or if the command line forces it. It takes whole pages of the highest memory below 4 GiB.
 *
 * @param cacheAlignment `dma_get_cache_alignment`: 1 where caches do not matter
 */
export const planDefaultPool = (
  memblock: Memblock,
  parameter: SwiotlbParameter,
  cacheAlignment: number,
): DefaultPool => {
  const none = { base: -1, nslabs: 0, nareas: 0, force: false };
  const addressing = someOutOfReach(memblock);
  const kmallocOnly = !addressing && cacheAlignment !== 1;
  if ((!addressing && !kmallocOnly && !parameter.force) || parameter.noforce) return none;
  const wanted = wantedSlots(memorySize(memblock), parameter, kmallocOnly);
  let { nslabs } = wanted;
  for (;;) {
    const base = findHighest(memblock, pageAlign(nslabs * IO_TLB_SIZE), kmallocOnly ? Infinity : DMA32_LIMIT);
    const nareas = Math.min(wanted.nareas, Math.floor(nslabs / IO_TLB_SEGSIZE));
    if (base >= 0) return { base, nslabs, nareas, force: parameter.force };
    if (nslabs <= IO_TLB_MIN_SLABS) return none;
    nslabs = alignToSegment(Math.floor(nslabs / 2));
  }
};
