import { FRAME_DIRTY, FRAME_HEAD, FRAME_LARGE_KMALLOC, FRAME_SLAB } from '../frame-table';
import { compound_head, compound_order, page_ref_count, type Page } from '../page-alloc';

/** A pin of a single page counts as so many references (`include/linux/mm.h`). */
export const GUP_PIN_COUNTING_BIAS = 1024;

/** Whether the page is the one of zeroes that untouched memory reads as. It is never counted. */
export const is_zero_page = (page: Page): boolean => page.kernel.mm.user.isZeroPfn(page.pfn);

const frameOf = (page: Page): number => page.kernel.mm.pages.frames.frameOf(compound_head(page).pfn);

/** Adds references to a page that has some (`folio_ref_add`). False, and a warning, if it is free or no memory. */
export const addRefs = (page: Page, refs: number): boolean => {
  const frame = frameOf(page);
  if (frame < 0 || page_ref_count(page) <= 0) {
    page.kernel.warn('try_grab_folio', `page frame 0x${page.pfn.toString(16)} is free`);
    return false;
  }
  page.kernel.mm.pages.frames.refcount[frame]! += refs;
  return true;
};

/** Drops references; the last one frees the page (`folio_put_refs`). More than there are: a warning, and nothing else. */
export const putRefs = (page: Page, refs: number, where = 'put_page'): void => {
  const { kernel } = page;
  const { frames } = kernel.mm.pages;
  const frame = frameOf(page);
  const count = frame < 0 ? 0 : frames.refcount[frame]!;
  if (count < refs) {
    kernel.warn(where, `page frame 0x${page.pfn.toString(16)} has ${count} references, not ${refs}`);
  } else if (count > refs) {
    frames.refcount[frame] = count - refs;
  } else if ((frames.flags[frame]! & FRAME_HEAD) === 0) {
    kernel.warn(where, 'the last reference to a reserved page was dropped');
  } else {
    kernel.mm.pages.releaseFolio(frame);
  }
};

/** Whether pins of the page have a counter of their own: compound pages have (`folio_has_pincount`). */
const hasPincount = (page: Page): boolean => compound_order(compound_head(page)) > 0;

/** Pins a page (`try_grab_folio` with `FOLL_PIN`). False if it is free. */
export const addPin = (page: Page): boolean => {
  const { user } = page.kernel.mm;
  if (is_zero_page(page)) return true;
  const large = hasPincount(page);
  if (!addRefs(page, large ? 1 : GUP_PIN_COUNTING_BIAS)) return false;
  const head = compound_head(page).pfn;
  if (large) user.pincounts.set(head, (user.pincounts.get(head) ?? 0) + 1);
  user.pins++;
  return true;
};

/** Undoes one `addPin` (`gup_put_folio`). A page that has no pin is a warning, and nothing changes. */
export const dropPin = (page: Page, where: string): void => {
  const { user } = page.kernel.mm;
  if (is_zero_page(page)) return;
  if (!page_maybe_dma_pinned(page)) {
    page.kernel.warn(where, `page frame 0x${page.pfn.toString(16)} is not pinned`);
    return;
  }
  user.pins--;
  if (!hasPincount(page)) {
    putRefs(page, GUP_PIN_COUNTING_BIAS, where);
    return;
  }
  const head = compound_head(page).pfn;
  const left = user.pincounts.get(head)! - 1;
  if (left > 0) user.pincounts.set(head, left);
  else user.pincounts.delete(head);
  putRefs(page, 1, where);
};

/**
 * Whether the page is pinned for DMA, as far as its count tells: 1024 plain references to a single page look like a pin
 * (`folio_maybe_dma_pinned`).
 */
export const page_maybe_dma_pinned = (page: Page): boolean =>
  hasPincount(page)
    ? page.kernel.mm.user.pincounts.has(compound_head(page).pfn)
    : page_ref_count(page) >= GUP_PIN_COUNTING_BIAS;

/** Whether the page belongs to an allocator that counts no references (`page_has_type`). */
export const isSlabMemory = (page: Page): boolean => {
  const frame = frameOf(page);
  return frame >= 0 && (page.kernel.mm.pages.frames.flags[frame]! & (FRAME_SLAB | FRAME_LARGE_KMALLOC)) !== 0;
};

/** Whether somebody said that the page was written to since it was allocated. */
export const PageDirty = (page: Page): boolean => {
  const frame = frameOf(page);
  return frame >= 0 && (page.kernel.mm.pages.frames.flags[frame]! & FRAME_DIRTY) !== 0;
};

/** Says that the page was written to. @returns whether that was news */
export const set_page_dirty_lock = (page: Page): boolean => {
  const frame = frameOf(page);
  if (frame < 0 || page_ref_count(page) <= 0 || PageDirty(page)) return false;
  page.kernel.mm.pages.frames.flags[frame]! |= FRAME_DIRTY;
  return true;
};
