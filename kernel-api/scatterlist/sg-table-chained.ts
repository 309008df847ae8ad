import { GFP_ATOMIC } from '../gfp';
import { BUS_NO_ADDRESS } from '../../base/bus-outcome';
import { kernelFault } from '../mm/kernel-fault';
import { BUG_ON } from '../oops';
import { __sg_alloc_table, __sg_free_table, type SgAllocFn, type SgFreeFn, type SgTable } from './table-parts';
import { SG_CHUNK_SIZE } from './layout';
import { sg_init_table, type Scatterlist } from './scatterlist';

/** Tables whose first part belongs to the caller, the rest to pools (`lib/sg_pool.c`): what block drivers use. */

const allocFromPool: SgAllocFn = ({ scatterlists }, nents, gfp) => {
  const address = scatterlists.pools.alloc(nents, gfp);
  return address === 0 ? null : scatterlists.at(address);
};

const freeToPool: SgFreeFn = (sg, nents) => sg.kernel.scatterlists.pools.free(sg.address, nents);

/**
 * Makes a table of `nents` entries that begins with the caller's `first_chunk` and goes on in parts of the pools. If the
 * first part is enough, it must be `table.sgl` already: nothing else is then used. A first part of one entry is ignored, as
 * that would be a link only.
 *
 * @returns 0, or -ENOMEM. After a failure in the second part the table still points to the first one
 */
export const sg_alloc_table_chained = (
  table: SgTable,
  nents: number,
  first_chunk: Scatterlist | null,
  nents_first_chunk: number,
): number => {
  BUG_ON(nents === 0, 'kernel BUG at lib/sg_pool.c: sg_alloc_table_chained: no entries');
  if (first_chunk !== null && nents_first_chunk > 0 && nents >>> 0 <= nents_first_chunk) {
    table.nents = table.orig_nents = nents;
    if (table.sgl === null) throw kernelFault(0, BUS_NO_ADDRESS);
    sg_init_table(table.sgl, nents);
    return 0;
  }
  const usesFirst = nents_first_chunk > 1;
  const first = usesFirst ? first_chunk : null;
  const room = usesFirst ? nents_first_chunk : 0;
  const error = __sg_alloc_table(table, nents, SG_CHUNK_SIZE, first, room, GFP_ATOMIC, allocFromPool);
  if (error !== 0) sg_free_table_chained(table, room);
  return error;
};

/** Frees the parts of the pools. @param nents_first_chunk as it was given to `sg_alloc_table_chained` */
export const sg_free_table_chained = (table: SgTable, nents_first_chunk: number): void => {
  if (table.orig_nents <= nents_first_chunk) return;
  const room = nents_first_chunk === 1 ? 0 : nents_first_chunk;
  __sg_free_table(table, SG_CHUNK_SIZE, room, freeToPool, table.orig_nents);
};
