import { PAGE_SIZE, virtAddr, type VirtAddr } from '../../base/address';
import type { Kernel } from '../kernel';
import { page_address, type Page } from '../mm/page';
import { preempt_disable, preempt_enable } from '../sched/atomic';
import { SgPageIter, __sg_page_iter_next, __sg_page_iter_start, sg_page_iter_page } from './page-iter';
import type { Scatterlist } from './scatterlist';

/** From a piece to the stop after it the code may not sleep (`kmap_atomic`). */
export const SG_MITER_ATOMIC = 1 << 0;
/** The caller writes to the list's memory. */
export const SG_MITER_TO_SG = 1 << 1;
/** The caller reads the list's memory. */
export const SG_MITER_FROM_SG = 1 << 2;
/** The code may sleep, and getting the next piece does not (`kmap_local_page`). */
export const SG_MITER_LOCAL = 1 << 3;

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
  readonly piter = new SgPageIter();
  /** Offset in the page of what is left of it. */
  __offset = 0;
  /** Bytes left of the page. */
  __remaining = 0;
  __flags = 0;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }
}

/** Starts at the beginning of a list. Flags without a direction are a warning. */
export const sg_miter_start = (miter: SgMappingIter, sgl: Scatterlist | null, nents: number, flags: number): void => {
  miter.page = null;
  miter.addr = virtAddr(0);
  miter.length = miter.consumed = miter.__offset = miter.__remaining = 0;
  __sg_page_iter_start(miter.piter, sgl, nents, 0);
  if ((flags & (SG_MITER_TO_SG | SG_MITER_FROM_SG)) === 0) miter.kernel.warn('sg_miter_start', 'no direction is given');
  miter.__flags = flags;
};

const nextPage = (miter: SgMappingIter): boolean => {
  if (miter.__remaining !== 0) return true;
  const { piter } = miter;
  if (!__sg_page_iter_next(piter)) return false;
  const sg = piter.sg!;
  const { offset } = sg;
  const start = piter.sg_pgoffset > 0 ? 0 : offset;
  piter.sg_pgoffset += Math.floor(start / PAGE_SIZE);
  miter.__offset = start % PAGE_SIZE;
  const left = (offset + sg.length - piter.sg_pgoffset * PAGE_SIZE - miter.__offset) >>> 0;
  miter.__remaining = Math.min(left, PAGE_SIZE - miter.__offset);
  return true;
};

/** Counts bytes of the current page as done; 32 bits, unsigned, as in Linux. */
const consume = (miter: SgMappingIter, bytes: number): void => {
  miter.__offset = (miter.__offset + bytes) >>> 0;
  miter.__remaining = (miter.__remaining - bytes) >>> 0;
};

/** Ends the current piece: what was not consumed comes again. */
export const sg_miter_stop = (miter: SgMappingIter): void => {
  const { kernel } = miter;
  if (miter.consumed > miter.length) kernel.warn('sg_miter_stop', 'more was consumed than there was');
  if (miter.addr === 0) return;
  consume(miter, miter.consumed);
  if ((miter.__flags & SG_MITER_ATOMIC) !== 0) preempt_enable(kernel);
  miter.page = null;
  miter.addr = virtAddr(0);
  miter.length = miter.consumed = 0;
};

/** Goes on by `offset` bytes, after a stop. False if the list ends before that. */
export const sg_miter_skip = (miter: SgMappingIter, offset: number): boolean => {
  sg_miter_stop(miter);
  let left = offset;
  while (left !== 0) {
    if (!nextPage(miter)) return false;
    const consumed = Math.min(left, miter.__remaining);
    consume(miter, consumed);
    left -= consumed;
  }
  return true;
};

/** Goes on to the next piece. False at the end of the list. May sleep unless a flag says otherwise. */
export const sg_miter_next = (miter: SgMappingIter): boolean => {
  sg_miter_stop(miter);
  if (!nextPage(miter)) return false;
  miter.page = sg_page_iter_page(miter.piter);
  miter.consumed = miter.length = miter.__remaining;
  if ((miter.__flags & SG_MITER_ATOMIC) !== 0) preempt_disable(miter.kernel);
  else if ((miter.__flags & SG_MITER_LOCAL) === 0) miter.kernel.sched.mightSleep('kmap');
  miter.addr = virtAddr(page_address(miter.page) + miter.__offset);
  return true;
};
