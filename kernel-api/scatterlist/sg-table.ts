import type { Gfp } from '../gfp';
import { SG_MAX_SINGLE_ALLOC } from './layout';
import { for_each_sg, sg_kfree, sg_kmalloc, type Scatterlist } from './scatterlist';
import { __sg_alloc_table, __sg_free_table, type SgTable } from './table-parts';

export { sg_alloc_table_from_pages, sg_alloc_table_from_pages_segment } from './append-table';
export { SgTable, __sg_alloc_table, __sg_free_table, type SgAllocFn, type SgFreeFn } from './table-parts';

/**
 * Allocates a table of `nents` entries, zeroed, chained where they do not fit one piece.
 *
 * @returns 0, -EINVAL for no entries, -ENOMEM. After a failure `sgl` is NULL and everything is freed, but the two
 * lengths keep what they had become by then: one more than the entries of the parts that were there, as in Linux.
 */
export const sg_alloc_table = (table: SgTable, nents: number, gfp: Gfp): number => {
  const error = __sg_alloc_table(table, nents, SG_MAX_SINGLE_ALLOC, null, 0, gfp, sg_kmalloc);
  if (error !== 0) sg_free_table(table);
  return error;
};

/** Frees the list. It goes by `orig_nents`, which must be what it was after the allocation; the lengths stay. */
export const sg_free_table = (table: SgTable): void =>
  __sg_free_table(table, SG_MAX_SINGLE_ALLOC, 0, sg_kfree, table.orig_nents);

/** Every entry of the table: what the CPU sees. */
export const for_each_sgtable_sg = (table: SgTable): Generator<Scatterlist, void, undefined> =>
  for_each_sg(table.sgl, table.orig_nents);

/** Every mapped segment of the table: what the device sees. */
export const for_each_sgtable_dma_sg = (table: SgTable): Generator<Scatterlist, void, undefined> =>
  for_each_sg(table.sgl, table.nents);
