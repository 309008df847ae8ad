import { PAGE_SIZE, virtAddr, type VirtAddr } from '../../base/address';
import { __GFP_ZERO, type Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { FRAME_COMPOUND, FRAME_HEAD, FRAME_LARGE_KMALLOC, FRAME_RESERVED, FRAME_SLAB } from './frame-table';
import { PAGE_OFFSET } from './layout';
import { pfn_to_page, virt_to_page, type Page } from './page';

export {
  get_order,
  nth_page,
  page_address,
  page_to_pfn,
  page_to_phys,
  pageAtAddress,
  pfn_to_page,
  pfn_valid,
  phys_to_page,
  virt_addr_valid,
  virt_to_page,
} from './page';
export type { Page } from './page';

/** Allocates `1 << order` physically contiguous pages, aligned to their size. NULL if there are none. */
export const alloc_pages = (kernel: Kernel, gfp: Gfp, order: number): Page | null => {
  const pfn = kernel.mm.pages.alloc(gfp, order);
  return pfn < 0 ? null : pfn_to_page(kernel, pfn);
};

/** Allocates one page. NULL if there is none. */
export const alloc_page = (kernel: Kernel, gfp: Gfp): Page | null => alloc_pages(kernel, gfp, 0);

/** Drops a reference to pages of `alloc_pages`, and frees them if it was the last. A wrong page or order is a warning. */
export const __free_pages = (page: Page, order: number): void => page.kernel.mm.pages.free(page.pfn, order);

/** Frees one page. */
export const __free_page = (page: Page): void => __free_pages(page, 0);

/** Allocates pages; their address in the linear map, or 0. */
export const __get_free_pages = (kernel: Kernel, gfp: Gfp, order: number): VirtAddr => {
  const pfn = kernel.mm.pages.alloc(gfp, order);
  return virtAddr(pfn < 0 ? 0 : PAGE_OFFSET + pfn * PAGE_SIZE);
};

/** Allocates one page; its address in the linear map, or 0. */
export const __get_free_page = (kernel: Kernel, gfp: Gfp): VirtAddr => __get_free_pages(kernel, gfp, 0);

/** Allocates one page of zeroes; its address in the linear map, or 0. */
export const get_zeroed_page = (kernel: Kernel, gfp: Gfp): VirtAddr => __get_free_pages(kernel, gfp | __GFP_ZERO, 0);

/** Frees pages of `__get_free_pages`. Address 0 is ignored. */
export const free_pages = (kernel: Kernel, address: VirtAddr, order: number): void => {
  if (address !== 0) __free_pages(virt_to_page(kernel, address), order);
};

/** Frees a page of `__get_free_page`. */
export const free_page = (kernel: Kernel, address: VirtAddr): void => free_pages(kernel, address, 0);

/** The `FRAME_*` flags of the block a page belongs to, and its first frame. */
const folioOf = (page: Page): { frame: number; flags: number } => {
  const { frames } = page.kernel.mm.pages;
  const own = frames.frameOf(page.pfn);
  if (own < 0) return { frame: -1, flags: 0 };
  const head = frames.headOf(own);
  const isFolio = (frames.flags[head]! & (FRAME_COMPOUND | FRAME_SLAB | FRAME_LARGE_KMALLOC)) !== 0;
  const frame = isFolio ? head : own;
  return { frame, flags: frames.flags[frame]! };
};

/** The first page of a compound page; any other page itself. */
export const compound_head = (page: Page): Page => {
  const { frame } = folioOf(page);
  return frame < 0 ? page : pfn_to_page(page.kernel, page.kernel.mm.pages.frames.pfnOf(frame));
};

/** The order of a compound page, given its first page; 0 for any other. */
export const compound_order = (page: Page): number => {
  const { frames } = page.kernel.mm.pages;
  const frame = frames.frameOf(page.pfn);
  return frame >= 0 && (frames.flags[frame]! & FRAME_COMPOUND) !== 0 ? frames.order[frame]! : 0;
};

/** Whether the page belongs to the slab allocator (`kmalloc` of up to 8 KiB). */
export const PageSlab = (page: Page): boolean => (folioOf(page).flags & FRAME_SLAB) !== 0;

/** Whether the page is not the allocator's: firmware, kernel image, reserved memory. */
export const PageReserved = (page: Page): boolean => (folioOf(page).flags & FRAME_RESERVED) !== 0;

/** How many references the page (of a compound page: its head) has. 0 for a free page. */
export const page_ref_count = (page: Page): number => {
  const { frame } = folioOf(page);
  return frame < 0 ? 0 : page.kernel.mm.pages.frames.refcount[frame]!;
};

/** Takes a reference. Pages of the slab allocator have none to take, and a free page cannot be held: a warning. */
export const get_page = (page: Page): void => {
  const { frame, flags } = folioOf(page);
  const { frames } = page.kernel.mm.pages;
  if ((flags & (FRAME_SLAB | FRAME_LARGE_KMALLOC)) !== 0)
    page.kernel.warn('get_page', 'a page of kmalloc is not counted');
  else if (frame < 0 || frames.refcount[frame]! <= 0) page.kernel.warn('get_page', 'the page is free');
  else frames.refcount[frame]!++;
};

/**
 * Drops a reference; the last one frees the page: a compound page as a whole, of any other block the first page only (the
 * rest leaks, as in Linux).
 */
export const put_page = (page: Page): void => {
  const { frame, flags } = folioOf(page);
  const { frames } = page.kernel.mm.pages;
  if ((flags & (FRAME_SLAB | FRAME_LARGE_KMALLOC)) !== 0) return;
  if (frame < 0 || frames.refcount[frame]! <= 0) page.kernel.warn('put_page', 'the page is already free');
  else if (frames.refcount[frame]! > 1) frames.refcount[frame]!--;
  else if ((flags & FRAME_HEAD) !== 0) page.kernel.mm.pages.releaseFolio(frame);
  else page.kernel.warn('put_page', 'the last reference to a reserved page was dropped');
};

/** Makes single pages of a non-compound block, each with its own reference, to be freed one by one. */
export const split_page = (page: Page, order: number): void => page.kernel.mm.pages.split(page.pfn, order);
