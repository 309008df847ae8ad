import { PAGE_SIZE } from '../../base/address';
import { BUG_ON } from '../oops';

/** A piece of memory of a pool, and which of its pages are taken. */
interface Chunk {
  readonly cpu: number;
  readonly physical: number;
  readonly taken: Uint8Array;
  free: number;
}

/** The smallest power of two that is not below a number of pages. */
const alignmentOf = (count: number): number => 2 ** Math.ceil(Math.log2(count));

/**
 * A pool of pages that can be taken without sleeping (`lib/genalloc.c`, with `gen_pool_first_fit_order_align`): the first
 * fit, aligned in its piece of memory to the power of two that holds it. The piece that was added last is searched first.
 */
export class GenPool {
  private readonly chunks: Chunk[] = [];

  /** Bytes that are free, in all pieces together (`gen_pool_avail`). */
  get available(): number {
    return this.chunks.reduce((sum, { free }) => sum + free, 0) * PAGE_SIZE;
  }

  /** Bytes (`gen_pool_size`). */
  get size(): number {
    return this.chunks.reduce((sum, { taken }) => sum + taken.length, 0) * PAGE_SIZE;
  }

  /** Adds memory. @param size whole pages */
  add(cpu: number, physical: number, size: number): void {
    const pages = size / PAGE_SIZE;
    this.chunks.unshift({ cpu, physical, taken: new Uint8Array(pages), free: pages });
  }

  /** Takes memory. @param size whole pages @returns its address for the CPU, or 0 */
  alloc(size: number): number {
    const count = size / PAGE_SIZE;
    if (count === 0) return 0;
    for (const chunk of this.chunks) {
      const first = count <= chunk.free ? findFree(chunk.taken, count) : -1;
      if (first < 0) continue;
      chunk.taken.fill(1, first, first + count);
      chunk.free -= count;
      return chunk.cpu + first * PAGE_SIZE;
    }
    return 0;
  }

  /** The physical address behind an address of the pool, or -1. */
  toPhysical(cpu: number): number {
    const chunk = this.chunkAt(cpu, 1);
    return chunk === undefined ? -1 : chunk.physical + (cpu - chunk.cpu);
  }

  /** The address for the CPU of a physical address, or -1. */
  toVirtual(physical: number): number {
    const chunk = this.chunks.find(
      (one) => physical >= one.physical && physical < one.physical + one.taken.length * PAGE_SIZE,
    );
    return chunk === undefined ? -1 : chunk.cpu + (physical - chunk.physical);
  }

  /** Whether all of a range is in the pool. */
  has(cpu: number, size: number): boolean {
    return this.chunkAt(cpu, size) !== undefined;
  }

  /** Gives memory back that is in the pool. @throws KernelOops if it is not taken: Linux stops there as well */
  free(cpu: number, size: number): void {
    const chunk = this.chunkAt(cpu, size)!;
    const first = Math.floor((cpu - chunk.cpu) / PAGE_SIZE);
    const count = size / PAGE_SIZE;
    BUG_ON(chunk.taken.subarray(first, first + count).includes(0), 'gen_pool_free: memory is freed that is free');
    chunk.taken.fill(0, first, first + count);
    chunk.free += count;
  }

  private chunkAt(cpu: number, size: number): Chunk | undefined {
    return this.chunks.find((one) => cpu >= one.cpu && cpu + size <= one.cpu + one.taken.length * PAGE_SIZE);
  }
}

const findFree = (taken: Uint8Array, count: number): number => {
  const step = alignmentOf(count);
  for (let first = 0; first + count <= taken.length; first += step) {
    if (!taken.subarray(first, first + count).includes(1)) return first;
  }
  return -1;
};
