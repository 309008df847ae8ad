import { BUS_NO_ADDRESS } from '../../../base/bus-outcome';
import { kernelFault } from '../kernel-fault';
import { compound_head, nth_page, type Page } from '../page-alloc';
import { dropPin, set_page_dirty_lock } from './page-refs';

/** Giving pinned pages back (`mm/gup.c`). */

/** The page at an index of an array; beyond its end there is no page, and following that is an oops. */
const pageAt = (pages: readonly Page[], index: number): Page => {
  const page = pages[index];
  if (page === undefined) throw kernelFault(0, BUS_NO_ADDRESS);
  return page;
};

/** Drops the pin of a page. One that has none is a warning, and nothing changes. */
export const unpin_user_page = (page: Page): void => dropPin(page, 'unpin_user_page');

/** Drops the pins of `npages` pages. A negative number, which is an error that nobody looked at, is a warning. */
export const unpin_user_pages = (pages: readonly Page[], npages: number): void => {
  if (npages < 0) {
    pages[0]?.kernel.warn('unpin_user_pages', `the number of pages is an error: ${npages}`);
    return;
  }
  for (let index = 0; index < npages; index++) dropPin(pageAt(pages, index), 'unpin_user_pages');
};

/**
 * Drops the pins of pages that a device may have written to (`make_dirty`): each is marked dirty first, or what the device
 * wrote could be forgotten when memory gets short.
 */
export const unpin_user_pages_dirty_lock = (pages: readonly Page[], npages: number, make_dirty: boolean): void => {
  if (!make_dirty) {
    unpin_user_pages(pages, npages);
    return;
  }
  const count = npages < 0 ? Infinity : npages;
  for (let index = 0; index < count; index++) {
    const page = pageAt(pages, index);
    set_page_dirty_lock(compound_head(page));
    dropPin(page, 'unpin_user_pages_dirty_lock');
  }
};

/** The same for consecutive pages. */
export const unpin_user_page_range_dirty_lock = (page: Page, npages: number, make_dirty: boolean): void => {
  for (let index = 0; index < npages; index++) {
    const at = nth_page(page, index);
    if (make_dirty) set_page_dirty_lock(compound_head(at));
    dropPin(at, 'unpin_user_page_range_dirty_lock');
  }
};
