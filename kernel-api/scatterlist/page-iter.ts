import { PAGE_SIZE, type DmaAddr } from '../../base/address';
import { nth_page, type Page } from '../mm/page';
import { sg_next, sg_page, type Scatterlist } from './scatterlist';
import type { SgTable } from './table-parts';

/** Going through a list page by page (`lib/scatterlist.c`). */

/** `struct sg_page_iter`. */
export class SgPageIter {
  /** The entry that the page belongs to. */
  sg: Scatterlist | null = null;
  /** Page within the entry. */
  sg_pgoffset = 0;
  /** Entries left, the current one included. */
  __nents = 0;
  /** Pages that the next step goes on by. */
  __pg_advance = 0;
}

/** `struct sg_dma_page_iter`: goes through the mapped segments. */
export class SgDmaPageIter {
  readonly base = new SgPageIter();
}

/** Starts at a page of the first of at most `nents` entries, or mapped segments. */
export const __sg_page_iter_start = (
  piter: SgPageIter,
  sglist: Scatterlist | null,
  nents: number,
  pgoffset: number,
): void => {
  piter.__pg_advance = 0;
  piter.__nents = nents >>> 0;
  piter.sg = sglist;
  piter.sg_pgoffset = pgoffset >>> 0;
};

/** Pages that `length` bytes at an offset touch, counted from the first page of the entry, in 32 bits. */
const pagesOf = (offset: number, length: number): number => ((offset + length + PAGE_SIZE - 1) >>> 0) >>> 12;

const step = (piter: SgPageIter, pageCount: (sg: Scatterlist) => number): boolean => {
  if (piter.__nents === 0 || piter.sg === null) return false;
  piter.sg_pgoffset += piter.__pg_advance;
  piter.__pg_advance = 1;
  for (;;) {
    const pages: number = pageCount(piter.sg);
    if (piter.sg_pgoffset < pages) return true;
    piter.sg_pgoffset -= pages;
    piter.sg = sg_next(piter.sg);
    if (--piter.__nents === 0 || piter.sg === null) return false;
  }
};

const cpuPages = (sg: Scatterlist): number => pagesOf(sg.offset, sg.length);
const dmaPages = (sg: Scatterlist): number => pagesOf(sg.offset, sg.dma_length);

/** Goes on to the next page. False at the end of the list, or after `nents` entries. */
export const __sg_page_iter_next = (piter: SgPageIter): boolean => step(piter, cpuPages);

/** Goes on to the next page of the mapping. As in Linux, a segment's pages are counted with its entry's own offset. */
export const __sg_page_iter_dma_next = (dma_iter: SgDmaPageIter): boolean => step(dma_iter.base, dmaPages);

/** The page that an iterator is at. */
export const sg_page_iter_page = (piter: SgPageIter): Page => nth_page(sg_page(piter.sg!), piter.sg_pgoffset);

/** The device address of the page that an iterator is at: that of the segment, and so many pages. */
export const sg_page_iter_dma_address = ({ base }: SgDmaPageIter): DmaAddr =>
  BigInt.asUintN(64, base.sg!.dma_address + BigInt((base.sg_pgoffset << 12) >>> 0)) as DmaAddr;

/** Every page of the first `nents` entries, from the given page of the first one on. */
export function* for_each_sg_page(
  sglist: Scatterlist | null,
  nents: number,
  pgoffset: number,
): Generator<Page, void, undefined> {
  const piter = new SgPageIter();
  __sg_page_iter_start(piter, sglist, nents, pgoffset);
  while (__sg_page_iter_next(piter)) yield sg_page_iter_page(piter);
}

/** The device address of every page of the first `dma_nents` mapped segments, which is what `dma_map_sg` returned. */
export function* for_each_sg_dma_page(
  sglist: Scatterlist | null,
  dma_nents: number,
  pgoffset: number,
): Generator<DmaAddr, void, undefined> {
  const dma_iter = new SgDmaPageIter();
  __sg_page_iter_start(dma_iter.base, sglist, dma_nents, pgoffset);
  while (__sg_page_iter_dma_next(dma_iter)) yield sg_page_iter_dma_address(dma_iter);
}

/** Every page of a table: what the CPU sees. */
export const for_each_sgtable_page = (sgt: SgTable, pgoffset: number): Generator<Page, void, undefined> =>
  for_each_sg_page(sgt.sgl, sgt.orig_nents, pgoffset);

/** The device address of every page of a mapped table. */
export const for_each_sgtable_dma_page = (sgt: SgTable, pgoffset: number): Generator<DmaAddr, void, undefined> =>
  for_each_sg_dma_page(sgt.sgl, sgt.nents, pgoffset);
