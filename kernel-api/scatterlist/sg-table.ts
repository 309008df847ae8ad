import { PAGE_SIZE } from '../../base/address';
import { EINVAL, ENOMEM } from '../../base/errno';
import type { Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import type { Page } from '../mm/page';
import { SG_MAX_SINGLE_ALLOC } from './layout';
import {
  for_each_sg,
  sg_chain,
  sg_chain_ptr,
  sg_entry,
  sg_init_table,
  sg_kfree,
  sg_kmalloc,
  sg_mark_end,
  sg_next,
  sg_set_page,
  type Scatterlist,
} from './scatterlist';

/** `struct sg_table`: a list with its two lengths. It lives where its driver keeps it, not in RAM. */
export class SgTable {
  readonly kernel: Kernel;
  /** The list, or NULL. */
  sgl: Scatterlist | null = null;
  /** Mapped segments, once mapped. */
  nents = 0;
  /** Entries of the list. */
  orig_nents = 0;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }
}

/**
 * Allocates a table of `nents` entries, zeroed, chained where they do not fit one piece.
 *
 * @returns 0, -EINVAL for no entries, -ENOMEM. After a failure `sgl` is NULL and everything is freed, but the two
 * lengths keep what they had become by then: one more than the entries of the parts that were there, as in Linux.
 */
export const sg_alloc_table = (table: SgTable, nents: number, gfp: Gfp): number => {
  const error = allocParts(table, nents, gfp);
  if (error !== 0) sg_free_table(table);
  return error;
};

const allocParts = (table: SgTable, nents: number, gfp: Gfp): number => {
  table.sgl = null;
  table.nents = table.orig_nents = 0;
  if (nents <= 0) return -EINVAL;
  let previous: Scatterlist | null = null;
  let left = nents;
  do {
    const allocated = Math.min(left, SG_MAX_SINGLE_ALLOC);
    const used = left > SG_MAX_SINGLE_ALLOC ? allocated - 1 : allocated;
    const sg = sg_kmalloc(table.kernel, allocated, gfp);
    if (sg === null) {
      // The last entry of the part before will lead nowhere: it counts as data, so that the part is freed by its full size.
      if (previous !== null) table.nents = ++table.orig_nents;
      return -ENOMEM;
    }
    left -= used;
    sg_init_table(sg, allocated);
    table.nents = table.orig_nents += used;
    if (previous === null) table.sgl = sg;
    else sg_chain(previous, SG_MAX_SINGLE_ALLOC, sg);
    if (left === 0) sg_mark_end(sg_entry(sg, used - 1));
    previous = sg;
  } while (left > 0);
  return 0;
};

/** Frees the list. It goes by `orig_nents`, which must be what it was after the allocation; the lengths stay. */
export const sg_free_table = (table: SgTable): void => {
  let sgl = table.sgl;
  let left = table.orig_nents;
  while (left > 0 && sgl !== null) {
    const isChained = left > SG_MAX_SINGLE_ALLOC;
    const size = isChained ? SG_MAX_SINGLE_ALLOC : left;
    const next: Scatterlist | null = isChained ? sg_chain_ptr(sg_entry(sgl, SG_MAX_SINGLE_ALLOC - 1)) : null;
    left -= isChained ? size - 1 : size;
    sg_kfree(sgl, size);
    sgl = next;
  }
  table.sgl = null;
};

/** Every entry of the table: what the CPU sees. */
export const for_each_sgtable_sg = (table: SgTable): Generator<Scatterlist, void, undefined> =>
  for_each_sg(table.sgl, table.orig_nents);

/** Every mapped segment of the table: what the device sees. */
export const for_each_sgtable_dma_sg = (table: SgTable): Generator<Scatterlist, void, undefined> =>
  for_each_sg(table.sgl, table.nents);

/** Index after the last page of the run that begins at `first` and takes `maxPages` at most. */
const endOfRun = (pages: readonly Page[], first: number, count: number, maxPages: number): number => {
  let end = first + 1;
  while (end < count && end - first < maxPages && pages[end]!.pfn === pages[end - 1]!.pfn + 1) end++;
  return end;
};

/**
 * Allocates a table over the bytes `offset … offset + size` of an array of pages. Pages that follow each other in memory
 * share an entry of `max_segment` bytes at most.
 *
 * @returns 0, -EINVAL for a maximum below a page, -ENOMEM; after a failure the table is as it was
 */
export const sg_alloc_table_from_pages_segment = (
  table: SgTable,
  pages: readonly Page[],
  n_pages: number,
  offset: number,
  size: number,
  max_segment: number,
  gfp: Gfp,
): number => {
  const maxPages = Math.floor(max_segment / PAGE_SIZE);
  if (maxPages < 1) {
    table.kernel.warn('sg_alloc_table_from_pages_segment', `max_segment ${max_segment} is below a page`);
    return -EINVAL;
  }
  let runs = 0;
  for (let page = 0; page < n_pages; page = endOfRun(pages, page, n_pages, maxPages)) runs++;
  const made = new SgTable(table.kernel);
  const error = sg_alloc_table(made, runs, gfp);
  if (error !== 0) return error;
  table.sgl = made.sgl;
  table.nents = made.nents;
  table.orig_nents = made.orig_nents;
  fillFromPages(made.sgl, pages, n_pages, offset, size, maxPages);
  return 0;
};

const fillFromPages = (
  sgl: Scatterlist | null,
  pages: readonly Page[],
  count: number,
  offset: number,
  size: number,
  maxPages: number,
): void => {
  let sg = sgl;
  let start = offset;
  let left = size;
  let page = 0;
  while (page < count && sg !== null) {
    const end = endOfRun(pages, page, count, maxPages);
    const bytes = (end - page) * PAGE_SIZE - start;
    sg_set_page(sg, pages[page]!, Math.min(left, bytes), start);
    left -= bytes;
    start = 0;
    page = end;
    sg = sg_next(sg);
  }
};

/** `sg_alloc_table_from_pages_segment` with entries as large as they come. */
export const sg_alloc_table_from_pages = (
  table: SgTable,
  pages: readonly Page[],
  n_pages: number,
  offset: number,
  size: number,
  gfp: Gfp,
): number => sg_alloc_table_from_pages_segment(table, pages, n_pages, offset, size, 0xffff_ffff, gfp);
