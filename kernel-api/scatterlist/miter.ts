import { PAGE_SIZE, virtAddr, type VirtAddr } from '../../base/address';
import type { Kernel } from '../kernel';
import { nth_page, page_address, type Page } from '../mm/page';
import { sg_next, sg_page, type Scatterlist } from './scatterlist';

/** The mapped pages must not be slept with (`kmap_atomic`). */
export const SG_MITER_ATOMIC = 1 << 0;
/** The caller writes to the list's memory. */
export const SG_MITER_TO_SG = 1 << 1;
/** The caller reads the list's memory. */
export const SG_MITER_FROM_SG = 1 << 2;
/** `kmap_local_page`. */
export const SG_MITER_LOCAL = 1 << 3;

/** `struct sg_page_iter`: goes through a list page by page. */
export class SgPageIter {
  sg: Scatterlist | null;
  /** Page within the entry. */
  sg_pgoffset: number;
  private left: number;
  private advance = 0;

  constructor(sglist: Scatterlist | null, nents: number, pgoffset: number) {
    this.sg = sglist;
    this.left = nents;
    this.sg_pgoffset = pgoffset;
  }

  /** `__sg_page_iter_next`: goes on to the next page. @returns false at the end of the list, or after `nents` entries */
  next(): boolean {
    if (this.left === 0 || this.sg === null) return false;
    this.sg_pgoffset += this.advance;
    this.advance = 1;
    for (;;) {
      const pages: number = Math.ceil((this.sg.offset + this.sg.length) / PAGE_SIZE);
      if (this.sg_pgoffset < pages) return true;
      this.sg_pgoffset -= pages;
      this.sg = sg_next(this.sg);
      if (--this.left === 0 || this.sg === null) return false;
    }
  }

  /** `sg_page_iter_page`: the page it is at. */
  page(): Page {
    return nth_page(sg_page(this.sg!), this.sg_pgoffset);
  }
}

/** Every page of the first `nents` entries, from the given page of the first one on. */
export function* for_each_sg_page(
  sglist: Scatterlist | null,
  nents: number,
  pgoffset: number,
): Generator<Page, void, undefined> {
  const iterator = new SgPageIter(sglist, nents, pgoffset);
  while (iterator.next()) yield iterator.page();
}

/**
 * `struct sg_mapping_iter`: goes through the memory of a list in pieces that never cross a page. It can be stopped
 * (`sg_miter_stop`) and goes on where it was; `consumed` tells how much of the piece counts as done.
 */
export class SgMappingIter {
  readonly kernel: Kernel;
  page: Page | null = null;
  /** Where the piece is mapped; 0 while stopped. */
  addr: VirtAddr = virtAddr(0);
  length = 0;
  consumed = 0;
  piter = new SgPageIter(null, 0, 0);
  /** Offset in the page of what is left of it. */
  offset = 0;
  /** Bytes left of the page. */
  remaining = 0;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }
}

/** Starts at the beginning of a list. Flags without a direction are a warning. */
export const sg_miter_start = (miter: SgMappingIter, sgl: Scatterlist | null, nents: number, flags: number): void => {
  miter.page = null;
  miter.addr = virtAddr(0);
  miter.length = miter.consumed = miter.offset = miter.remaining = 0;
  miter.piter = new SgPageIter(sgl, nents, 0);
  if ((flags & (SG_MITER_TO_SG | SG_MITER_FROM_SG)) === 0) miter.kernel.warn('sg_miter_start', 'no direction is given');
};

const nextPage = (miter: SgMappingIter): boolean => {
  if (miter.remaining > 0) return true;
  const { piter } = miter;
  if (!piter.next()) return false;
  const sg = piter.sg!;
  const start = piter.sg_pgoffset > 0 ? 0 : sg.offset;
  piter.sg_pgoffset += Math.floor(start / PAGE_SIZE);
  miter.offset = start % PAGE_SIZE;
  const left = sg.offset + sg.length - piter.sg_pgoffset * PAGE_SIZE - miter.offset;
  miter.remaining = Math.min(left, PAGE_SIZE - miter.offset);
  return true;
};

/** Ends the current piece: what was not consumed comes again. */
export const sg_miter_stop = (miter: SgMappingIter): void => {
  if (miter.consumed > miter.length) miter.kernel.warn('sg_miter_stop', 'more was consumed than there was');
  if (miter.addr === 0) return;
  miter.offset += miter.consumed;
  miter.remaining -= miter.consumed;
  miter.page = null;
  miter.addr = virtAddr(0);
  miter.length = miter.consumed = 0;
};

/** Goes on by `offset` bytes. @returns false if the list ends before that */
export const sg_miter_skip = (miter: SgMappingIter, offset: number): boolean => {
  sg_miter_stop(miter);
  let left = offset;
  while (left > 0) {
    if (!nextPage(miter)) return false;
    const consumed = Math.min(left, miter.remaining);
    miter.offset += consumed;
    miter.remaining -= consumed;
    left -= consumed;
  }
  return true;
};

/** Goes on to the next piece. @returns false at the end of the list */
export const sg_miter_next = (miter: SgMappingIter): boolean => {
  sg_miter_stop(miter);
  if (!nextPage(miter)) return false;
  miter.page = miter.piter.page();
  miter.consumed = miter.length = miter.remaining;
  miter.addr = virtAddr(page_address(miter.page) + miter.offset);
  return true;
};
