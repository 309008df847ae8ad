import type { DmaAddr, VirtAddr } from '../../base/address';
import { virtAddr } from '../../base/address';
import { __GFP_ZERO, type Gfp } from '../gfp';
import type { DmaPool } from './dmapool';

/**
 * The checks of a pool that `mm/dmapool.c` makes with DMAPOOL_DEBUG: free blocks hold a pattern, and what is freed has to be a
 * block of the pool that is in use. In Linux they come with CONFIG_SLUB_DEBUG_ON, a kernel in which `slab_debug` is the
 * default; here they come with `slab_debug` (or `slub_debug`) on the command line.
 */

const POOL_POISON_FREED = 0xa7;
const POOL_POISON_ALLOCATED = 0xa9;
/** What the list of free blocks keeps at the head of each. */
const BLOCK_HEADER = 16;

const tell = ({ dev, name }: DmaPool, where: string, what: string): void =>
  dev.kernel.warn(where, `${dev.name}: ${where} ${name}, ${what}`);

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** Fills new memory of a pool (`pool_init_page`). */
export const poisonPage = ({ dev, allocation }: DmaPool, vaddr: VirtAddr): void =>
  dev.kernel.mm.fill(vaddr, POOL_POISON_FREED, allocation);

/** A block is handed out: tells if anybody has written to it since it was freed (`pool_check_block`). */
export const checkBlock = (pool: DmaPool, block: VirtAddr, gfp: Gfp): void => {
  const { mm } = pool.dev.kernel;
  const bytes = mm.read(block, pool.size);
  const at = bytes.findIndex((byte, index) => index >= BLOCK_HEADER && byte !== POOL_POISON_FREED);
  if (at >= 0) {
    const found = `${hex(bytes[at]!)} at offset ${at}`;
    tell(pool, 'pool_check_block', `${hex(block)} (corrupted): ${found}`);
  }
  if ((gfp & __GFP_ZERO) === 0) mm.fill(block, POOL_POISON_ALLOCATED, pool.size);
};

/** Whether a block is on the list of free ones. The list is followed no further than it can be long. */
const isFree = (pool: DmaPool, vaddr: VirtAddr): boolean => {
  let block = pool.firstFree;
  for (let left = pool.nr_blocks; block !== 0 && left > 0; left--) {
    if (block === vaddr) return true;
    block = virtAddr(pool.dev.kernel.mm.loadPointer(block));
  }
  return false;
};

/** A block is put back: true, after telling so, if it is none of the pool's or is free already (`pool_block_err`). */
export const isWrongBlock = (pool: DmaPool, vaddr: VirtAddr, dma: DmaAddr): boolean => {
  const size = BigInt(pool.allocation);
  if (!pool.pages.some((page) => dma >= page.dma && dma - page.dma < size)) {
    tell(pool, 'pool_block_err', `${hex(vaddr)}/${hex(dma)} (bad dma)`);
    return true;
  }
  if (isFree(pool, vaddr)) {
    tell(pool, 'pool_block_err', `dma ${hex(dma)} already free`);
    return true;
  }
  pool.dev.kernel.mm.fill(vaddr, POOL_POISON_FREED, pool.size);
  return false;
};
