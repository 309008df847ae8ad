import { PAGE_SIZE } from '../../base/address';
import { BUS_NO_ADDRESS } from '../../base/bus-outcome';
import { EINVAL, ENOMEM } from '../../base/errno';
import type { Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { kernelFault } from '../mm/kernel-fault';
import type { Page } from '../mm/page';
import { __sg_free_table, SgTable } from './table-parts';
import { SG_MAX_SINGLE_ALLOC } from './layout';
import {
  __sg_chain,
  sg_init_table,
  sg_is_last,
  sg_kfree,
  sg_kmalloc,
  sg_mark_end,
  sg_next,
  sg_phys,
  sg_set_page,
  type Scatterlist,
} from './scatterlist';

/** `struct sg_append_table`: a table that pages are added to in several calls. */
export class SgAppendTable {
  readonly sgt: SgTable;
  /** The last entry with data; NULL before the first call. */
  prv: Scatterlist | null = null;
  /** Entries that there is memory for, chain links left out. */
  total_nents = 0;

  constructor(kernel: Kernel) {
    this.sgt = new SgTable(kernel);
  }
}

/** Pages `first … count - 1` of an array, and how many of them may share an entry. */
interface PageRuns {
  readonly pages: readonly Page[];
  readonly count: number;
  readonly maxPages: number;
}

const pageAt = (pages: readonly Page[], index: number): Page => {
  const page = pages[index];
  if (page === undefined) throw kernelFault(0, BUS_NO_ADDRESS);
  return page;
};

/** Index after the last page of the run that begins at `first`. */
const endOfRun = ({ pages, count, maxPages }: PageRuns, first: number): number => {
  let end = first + 1;
  let { pfn } = pageAt(pages, first);
  while (end < count && end - first < maxPages && pageAt(pages, end).pfn === pfn + 1) {
    end++;
    pfn++;
  }
  return end;
};

/** Adds pages to the last entry as long as they follow it in memory. @returns how many */
const growLast = (prv: Scatterlist, { pages, count, maxPages }: PageRuns): number => {
  const following = Math.floor((sg_phys(prv) + prv.length) / PAGE_SIZE);
  let taken = 0;
  if (pageAt(pages, 0).pfn !== following) return 0;
  while (taken < count && pageAt(pages, taken).pfn === following + taken) {
    if (prv.length + PAGE_SIZE > maxPages * PAGE_SIZE) break;
    prv.length += PAGE_SIZE;
    taken++;
  }
  return taken;
};

/** The entry after `cur`; the last one of a part becomes a link to a new part if more than one is needed. -ENOMEM. */
const nextEntry = (table: SgAppendTable, cur: Scatterlist | null, needed: number, gfp: Gfp): Scatterlist | number => {
  const { sgt } = table;
  const next = cur === null ? null : sg_next(cur);
  if (cur !== null) {
    if (next === null) throw kernelFault(0, BUS_NO_ADDRESS);
    if (!sg_is_last(next) || needed === 1) return next;
  }
  const allocated = Math.min(needed, SG_MAX_SINGLE_ALLOC);
  const part = sg_kmalloc(sgt.kernel, allocated, gfp);
  if (part === null) return -ENOMEM;
  sg_init_table(part, allocated);
  if (next === null) {
    sgt.sgl = part;
    table.total_nents = allocated;
  } else {
    table.total_nents += allocated - 1;
    __sg_chain(next, part);
  }
  return part;
};

const countRuns = (runs: PageRuns, first: number): number => {
  let count = 0;
  let page = first;
  do {
    page = endOfRun(runs, page);
    count++;
  } while (page < runs.count);
  return count;
};

/** Makes an entry for each run from page `first` on. @returns the last entry, or -ENOMEM */
const addRuns = (
  table: SgAppendTable,
  runs: PageRuns,
  first: number,
  offset: number,
  size: number,
  leftPages: number,
  gfp: Gfp,
): Scatterlist | number => {
  const count = countRuns(runs, first);
  let last = table.prv;
  let start = offset;
  let left = size;
  let page = first;
  for (let index = 0; index < count; index++) {
    const sg = nextEntry(table, last, count - index + leftPages, gfp);
    if (typeof sg === 'number') return sg;
    const end = endOfRun(runs, page);
    const bytes = ((end - page) * PAGE_SIZE - start) >>> 0;
    // What is left is unsigned: once it is below zero, it is more than any entry takes.
    sg_set_page(sg, runs.pages[page]!, left < 0 ? bytes : Math.min(left, bytes), start >>> 0);
    left -= bytes;
    start = 0;
    page = end;
    last = sg;
  }
  table.sgt.nents += count;
  table.sgt.orig_nents = table.sgt.nents;
  table.prv = last;
  return last!;
};

/**
 * Adds the bytes `offset … offset + size` of an array of pages to a table. Pages that follow each other in memory share an
 * entry of `max_segment` bytes at most, the last entry of the call before included; `offset` is for the first call only.
 *
 * @param left_pages how many pages will come in later calls: 0 ends the list
 * @returns 0; -EINVAL for a maximum below a page or an offset in a later call; -ENOMEM. After a failure the table still has
 * what it had, and `sg_free_append_table` frees it
 */
export const sg_alloc_append_table_from_pages = (
  sgt_append: SgAppendTable,
  pages: readonly Page[],
  n_pages: number,
  offset: number,
  size: number,
  max_segment: number,
  left_pages: number,
  gfp: Gfp,
): number => {
  const { prv, sgt } = sgt_append;
  const where = 'sg_alloc_append_table_from_pages';
  const runs: PageRuns = { pages, count: n_pages, maxPages: Math.floor(max_segment / PAGE_SIZE) };
  if (runs.maxPages < 1) sgt.kernel.warn(where, `max_segment ${max_segment} is below a page`);
  else if (prv !== null && offset !== 0) sgt.kernel.warn(where, 'pages that are added have no offset');
  if (runs.maxPages < 1 || (prv !== null && offset !== 0)) return -EINVAL;
  const prvLength = prv === null ? 0 : prv.length;
  const taken = prv === null ? 0 : growLast(prv, runs);
  let last: Scatterlist | number | null = prv;
  if (prv === null || taken < n_pages) last = addRuns(sgt_append, runs, taken, offset, size, left_pages, gfp);
  if (typeof last === 'number') {
    if (prv !== null) prv.length = prvLength;
    return last;
  }
  if (left_pages === 0) sg_mark_end(last!);
  return 0;
};

/** Frees the list of an append table. */
export const sg_free_append_table = (table: SgAppendTable): void =>
  __sg_free_table(table.sgt, SG_MAX_SINGLE_ALLOC, 0, sg_kfree, table.total_nents);

/**
 * Allocates a table over the bytes `offset … offset + size` of an array of pages. Pages that follow each other in memory
 * share an entry of `max_segment` bytes at most.
 *
 * @returns 0, -EINVAL for a maximum below a page, -ENOMEM; after a failure the table is as it was
 */
export const sg_alloc_table_from_pages_segment = (
  sgt: SgTable,
  pages: readonly Page[],
  n_pages: number,
  offset: number,
  size: number,
  max_segment: number,
  gfp: Gfp,
): number => {
  const append = new SgAppendTable(sgt.kernel);
  const error = sg_alloc_append_table_from_pages(append, pages, n_pages, offset, size, max_segment, 0, gfp);
  if (error !== 0) {
    sg_free_append_table(append);
    return error;
  }
  sgt.sgl = append.sgt.sgl;
  sgt.nents = append.sgt.nents;
  sgt.orig_nents = append.sgt.orig_nents;
  return 0;
};

/** `sg_alloc_table_from_pages_segment` with entries as large as they come. */
export const sg_alloc_table_from_pages = (
  sgt: SgTable,
  pages: readonly Page[],
  n_pages: number,
  offset: number,
  size: number,
  gfp: Gfp,
): number => sg_alloc_table_from_pages_segment(sgt, pages, n_pages, offset, size, 0xffff_ffff, gfp);
