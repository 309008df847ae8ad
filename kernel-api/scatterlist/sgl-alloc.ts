import { PAGE_SIZE } from '../../base/address';
import type { Out } from '../err';
import { __GFP_DMA, type Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { kfree, kmalloc_array } from '../mm/kmalloc';
import { __free_pages, alloc_pages } from '../mm/page-alloc';
import { SG_ENTRY_SIZE } from './layout';
import { entryPfn } from './raw';
import { entriesToEnd } from './sg-count';
import { sg_init_table, sg_next, sg_page, sg_set_page, type Scatterlist } from './scatterlist';

/** Lists that come with their memory (`lib/scatterlist.c`, `CONFIG_SGL_ALLOC`). */

const TWO_32 = 0x1_0000_0000;

/**
 * Allocates a list with blocks of `1 << order` pages for `length` bytes; the last entry is as long as what is left. The list
 * is one piece.
 *
 * @param chainable one more entry, without memory, to make a chain link of
 * @param nent_p gets the number of entries with memory; may be NULL
 * @returns NULL without memory, and for 4 GiB and more. A length of 0 is an oops, as there is no entry to mark
 */
export const sgl_alloc_order = (
  kernel: Kernel,
  length: number,
  order: number,
  chainable: boolean,
  gfp: Gfp,
  nent_p: Out<number> | null,
): Scatterlist | null => {
  const blockSize = PAGE_SIZE * 2 ** order;
  const nent = Math.ceil(length / blockSize) % TWO_32;
  // The bytes are counted in 32 bits here.
  if (length > (nent * blockSize) % TWO_32) return null;
  const nalloc = chainable ? nent + 1 : nent;
  const address = kmalloc_array(kernel, nalloc, SG_ENTRY_SIZE, gfp & ~__GFP_DMA);
  if (address === 0) return null;
  const sgl = kernel.scatterlists.at(address);
  sg_init_table(sgl, nalloc);
  let sg: Scatterlist | null = sgl;
  for (let left = length; left > 0 && sg !== null; left -= blockSize) {
    const page = alloc_pages(kernel, gfp, order);
    if (page === null) {
      sgl_free_order(sgl, order);
      return null;
    }
    sg_set_page(sg, page, Math.min(left, blockSize), 0);
    sg = sg_next(sg);
  }
  if (nent_p !== null) nent_p.value = nent;
  return sgl;
};

/** Allocates a list with single pages for `length` bytes. */
export const sgl_alloc = (kernel: Kernel, length: number, gfp: Gfp, nent_p: Out<number> | null): Scatterlist | null =>
  sgl_alloc_order(kernel, length, 0, false, gfp, nent_p);

/**
 * Frees the memory of the first `nents` entries at most, and the list. Of lists that were chained together, give each its
 * own number, or what follows is freed twice.
 */
export const sgl_free_n_order = (sgl: Scatterlist, nents: number, order: number): void => {
  const { kernel } = sgl;
  let count = 0;
  for (const sg of entriesToEnd(nents > 0 ? sgl : null)) {
    if (entryPfn(kernel, sg.address) >= 0) __free_pages(sg_page(sg), order);
    if (++count >= nents) break;
  }
  kfree(kernel, sgl.address);
};

/** Frees a list of `sgl_alloc_order` with all of its memory. */
export const sgl_free_order = (sgl: Scatterlist, order: number): void => sgl_free_n_order(sgl, 0x7fff_ffff, order);

/** Frees a list of `sgl_alloc`. */
export const sgl_free = (sgl: Scatterlist): void => sgl_free_order(sgl, 0);
