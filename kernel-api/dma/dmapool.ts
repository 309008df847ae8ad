import { dmaAddr, PAGE_SIZE, virtAddr, type DmaAddr, type VirtAddr } from '../../base/address';
import { u64, u64FromBigInt, u64ToBigInt, u64ToNumber, highHalf, lowHalf, type U64 } from '../../base/u64';
import type { StructDevice } from '../base/struct-device';
import { out, type Out } from '../err';
import { __GFP_DIRECT_RECLAIM, __GFP_ZERO, type Gfp } from '../gfp';
import { might_sleep } from '../sched/atomic';
import { checkDmaAddr, checkSize } from './arguments';
import { dma_alloc_coherent, dma_free_coherent } from './coherent';
import { checkBlock, isWrongBlock, poisonPage } from './dmapool-debug';

/**
 * Small blocks of coherent memory (`mm/dmapool.c`): pages are split into blocks, and the free blocks of a pool form a list.
 *
 * The list is kept in the blocks themselves, as in Linux: the first 16 bytes of a free block are the CPU address of the next
 * one and the block's own DMA address. So a device that still writes into a block after it was freed corrupts the list,
 * and a block that was not asked for zeroed shows what was in it.
 */

const DMA_BLOCK_SIZE = 16;
const INT_MAX = 2 ** 31 - 1;
const NUMA_NO_NODE = -1;

interface DmaPage {
  readonly vaddr: VirtAddr;
  readonly dma: DmaAddr;
}

const isPowerOfTwo = (value: number): boolean => value > 0 && Number.isInteger(Math.log2(value));

/** `struct dma_pool`. Made by `dma_pool_create`. */
export class DmaPool {
  readonly name: string;
  readonly dev: StructDevice;
  /** Bytes from one block to the next. */
  readonly size: number;
  /** No block crosses a multiple of this. */
  readonly boundary: number;
  /** Bytes taken from `dma_alloc_coherent` at a time. */
  readonly allocation: number;
  /** Blocks there are, and blocks that are in use. */
  nr_blocks = 0;
  nr_active = 0;
  readonly pages: DmaPage[] = [];
  /** Every block is checked, and filled with a pattern while it is free. */
  readonly debug: boolean;
  private next_block = virtAddr(0);
  private readonly word: U64 = u64();

  constructor(name: string, dev: StructDevice, size: number, boundary: number, allocation: number) {
    this.name = name;
    this.dev = dev;
    this.size = size;
    this.boundary = boundary;
    this.allocation = allocation;
    const { commandLine } = dev.kernel;
    this.debug = commandLine.get('slab_debug') !== undefined || commandLine.get('slub_debug') !== undefined;
  }

  /** The block that is handed out next; 0 if there is none. */
  get firstFree(): VirtAddr {
    return this.next_block;
  }

  /** Pieces of memory it consists of. */
  get nr_pages(): number {
    return this.pages.length;
  }

  /** Takes a block off the list of free ones; 0 if there is none. @param handle receives its DMA address */
  pop(handle: Out<DmaAddr>): VirtAddr {
    const block = this.next_block;
    if (block === 0) return block;
    const { mm } = this.dev.kernel;
    mm.load64(block, this.word);
    this.next_block = virtAddr(u64ToNumber(this.word.lo, this.word.hi));
    mm.load64(virtAddr(block + 8), this.word);
    handle.value = dmaAddr(u64ToBigInt(this.word.lo, this.word.hi));
    this.nr_active++;
    return block;
  }

  /** Puts a block on the list of free ones. */
  push(block: VirtAddr, dma: DmaAddr): void {
    this.write(block, this.next_block, dma);
    this.next_block = block;
    this.nr_active--;
  }

  /** Splits new memory into blocks, which come before those that are free already. */
  add(page: DmaPage): void {
    if (this.debug) poisonPage(this, page.vaddr);
    let offset = 0;
    let boundary = this.boundary;
    const offsets: number[] = [];
    while (offset + this.size <= this.allocation) {
      if (offset + this.size > boundary) {
        offset = boundary;
        boundary += this.boundary;
        continue;
      }
      offsets.push(offset);
      offset += this.size;
    }
    offsets.forEach((at, index) => {
      const following = offsets[index + 1];
      const next = following === undefined ? this.next_block : virtAddr(page.vaddr + following);
      this.write(virtAddr(page.vaddr + at), next, dmaAddr(page.dma + BigInt(at)));
    });
    this.next_block = page.vaddr;
    this.nr_blocks += offsets.length;
    this.pages.push(page);
  }

  /** The pool is gone: it has no blocks any more, whoever still uses it. */
  drop(): void {
    this.next_block = virtAddr(0);
  }

  private write(block: VirtAddr, next: VirtAddr, dma: DmaAddr): void {
    const { mm } = this.dev.kernel;
    mm.store64(block, lowHalf(next), highHalf(next));
    const { lo, hi } = u64FromBigInt(dma, this.word);
    mm.store64(virtAddr(block + 8), lo, hi);
  }
}

/** `dma_pool_create` with the node that the kernel's own data should come from: there is one node. */
export const dma_pool_create_node = (
  name: string,
  dev: StructDevice | null,
  size: number,
  align: number,
  boundary: number,
  _node: number,
): DmaPool | null => {
  if (dev === null) return null;
  for (const value of [size, align, boundary]) checkSize('dma_pool_create', value);
  return createPool(name, dev, size, align, boundary);
};

/**
 * Creates a pool of blocks of `size` bytes (rounded up to `align`, a power of two, and to at least 16), none of which
 * crosses a multiple of `boundary` (a power of two, or 0 for none).
 * @returns null if the arguments make no sense
 */
export const dma_pool_create = (
  name: string,
  dev: StructDevice | null,
  size: number,
  align: number,
  boundary: number,
): DmaPool | null => dma_pool_create_node(name, dev, size, align, boundary, NUMA_NO_NODE);

const createPool = (name: string, dev: StructDevice, size: number, align: number, boundary: number): DmaPool | null => {
  if (align !== 0 && !isPowerOfTwo(align)) return null;
  if (size === 0 || size > INT_MAX) return null;
  const step = align === 0 ? 1 : align;
  const rounded = Math.ceil(Math.max(size, DMA_BLOCK_SIZE) / step) * step;
  if (boundary !== 0 && (boundary < rounded || !isPowerOfTwo(boundary))) return null;
  const allocation = Math.max(rounded, PAGE_SIZE);
  const limit = boundary === 0 ? allocation : Math.min(boundary, allocation);
  return new DmaPool(name.slice(0, 31), dev, rounded, limit, allocation);
};

/** Allocates new memory for a pool; false if there is none. */
const grow = (pool: DmaPool, gfp: Gfp): boolean => {
  const handle = out(dmaAddr(0));
  const vaddr = dma_alloc_coherent(pool.dev, pool.allocation, handle, gfp & ~__GFP_ZERO);
  if (vaddr === 0) return false;
  pool.add({ vaddr, dma: handle.value });
  return true;
};

/** Takes a block out of a pool; `handle` receives its DMA address. 0 (NULL) if there is no memory. */
export const dma_pool_alloc = (pool: DmaPool, gfp: Gfp, handle: Out<DmaAddr>): VirtAddr => {
  const { kernel } = pool.dev;
  if ((gfp & __GFP_DIRECT_RECLAIM) !== 0) might_sleep(kernel, 'dma_pool_alloc');
  let block = pool.pop(handle);
  if (block === 0) {
    if (!grow(pool, gfp)) return virtAddr(0);
    block = pool.pop(handle);
  }
  if (pool.debug) checkBlock(pool, block, gfp);
  if ((gfp & __GFP_ZERO) !== 0) kernel.mm.fill(block, 0, pool.size);
  return block;
};

/** `dma_pool_alloc` of a block of zeroes. */
export const dma_pool_zalloc = (pool: DmaPool, gfp: Gfp, handle: Out<DmaAddr>): VirtAddr =>
  dma_pool_alloc(pool, gfp | __GFP_ZERO, handle);

/**
 * Puts a block back. The pool believes what it is told: a wrong address spoils it, as in Linux, unless it is a debugging
 * kernel (`dmapool-debug.ts`).
 */
export const dma_pool_free = (pool: DmaPool, vaddr: VirtAddr, dma: DmaAddr): void => {
  checkDmaAddr('dma_pool_free', dma);
  if (!pool.debug || !isWrongBlock(pool, vaddr, dma)) pool.push(vaddr, dma);
};

/** Destroys a pool. If blocks are still in use, its memory is not freed, and an error is logged and counted. */
export const dma_pool_destroy = (pool: DmaPool | null): void => {
  if (pool === null) return;
  const { dev } = pool;
  if (pool.nr_active !== 0) dev.kernel.warn('dma_pool_destroy', `${dev.name}: dma_pool_destroy ${pool.name} busy`);
  else for (const page of pool.pages) dma_free_coherent(dev, pool.allocation, page.vaddr, page.dma);
  pool.pages.length = 0;
  pool.drop();
};
