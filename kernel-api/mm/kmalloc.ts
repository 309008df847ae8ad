import { virtAddr, type VirtAddr } from '../../base/address';
import { __GFP_ZERO, type Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { ZERO_SIZE_PTR } from './kmalloc-sizes';

/** `include/linux/slab.h`. */

/** Allocates `size` bytes; 0 if there are none. A power of two is naturally aligned; other sizes at least to 8 bytes. */
export const kmalloc = (kernel: Kernel, size: number, flags: Gfp): VirtAddr =>
  virtAddr(kernel.mm.slabs.alloc(size, flags));

/** Allocates zeroed memory. */
export const kzalloc = (kernel: Kernel, size: number, flags: Gfp): VirtAddr =>
  virtAddr(kernel.mm.slabs.alloc(size, flags | __GFP_ZERO));

/** Allocates an array; 0 if its size does not fit 64 bits. */
export const kmalloc_array = (kernel: Kernel, n: number, size: number, flags: Gfp): VirtAddr =>
  n * size >= 2 ** 64 ? virtAddr(0) : kmalloc(kernel, n * size, flags);

/** Allocates a zeroed array. */
export const kcalloc = (kernel: Kernel, n: number, size: number, flags: Gfp): VirtAddr =>
  kmalloc_array(kernel, n, size, flags | __GFP_ZERO);

/** Gives memory of `kmalloc` back. NULL is ignored; anything else that is no live object is a warning. */
export const kfree = (kernel: Kernel, object: VirtAddr): void => kernel.mm.slabs.free(object);

/** How many bytes an object really has. */
export const ksize = (kernel: Kernel, object: VirtAddr): number => kernel.mm.slabs.sizeOf(object);

/**
 * Makes an object larger or smaller, keeping its contents. @returns where it is now; 0 if there is no memory (the old one
 * is then untouched)
 */
export const krealloc = (kernel: Kernel, object: VirtAddr, size: number, flags: Gfp): VirtAddr => {
  if (size === 0) {
    kfree(kernel, object);
    return virtAddr(ZERO_SIZE_PTR);
  }
  const had = ksize(kernel, object);
  if (had >= size) return object;
  const moved = kmalloc(kernel, size, flags);
  if (moved !== 0) {
    if (had > 0) kernel.mm.copy(moved, object, had);
    kfree(kernel, object);
  }
  return moved;
};
