import { EINVAL, ENOMEM } from '../../base/errno';
import type { Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { sg_chain, sg_chain_ptr, sg_entry, sg_init_table, sg_mark_end, type Scatterlist } from './scatterlist';

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

/** Allocates a part of `nents` entries (`sg_alloc_fn`); NULL if there is no memory. */
export type SgAllocFn = (kernel: Kernel, nents: number, gfp: Gfp) => Scatterlist | null;
/** Frees a part (`sg_free_fn`). */
export type SgFreeFn = (sg: Scatterlist, nents: number) => void;

/**
 * Makes a table of `nents` zeroed entries from parts of at most `max_ents`, chained: in each part but the last one, the last
 * entry is the link.
 *
 * @param first_chunk a first part that the caller has, of `nents_first_chunk` entries; NULL and 0 for none
 * @returns 0, -EINVAL for no entries, -ENOMEM. After a failure the caller frees what is there with `__sg_free_table`; the
 * lengths are then one more than the entries of the parts that are there, as the last of them leads nowhere
 */
export const __sg_alloc_table = (
  table: SgTable,
  nents: number,
  max_ents: number,
  first_chunk: Scatterlist | null,
  nents_first_chunk: number,
  gfp: Gfp,
  alloc_fn: SgAllocFn,
): number => {
  table.sgl = null;
  table.nents = table.orig_nents = 0;
  let left = nents >>> 0;
  if (left === 0) return -EINVAL;
  let given = first_chunk;
  let room = nents_first_chunk === 0 ? max_ents : nents_first_chunk;
  let roomBefore = 0;
  let previous: Scatterlist | null = null;
  do {
    const allocated = Math.min(left, room);
    const used = left > room ? allocated - 1 : allocated;
    left -= used;
    const sg: Scatterlist | null = given ?? alloc_fn(table.kernel, allocated, gfp);
    given = null;
    if (sg === null) {
      if (previous !== null) table.nents = ++table.orig_nents;
      return -ENOMEM;
    }
    sg_init_table(sg, allocated);
    table.nents = table.orig_nents += used;
    if (previous === null) table.sgl = sg;
    else sg_chain(previous, roomBefore, sg);
    if (left === 0) sg_mark_end(sg_entry(sg, used - 1));
    previous = sg;
    roomBefore = room;
    room = max_ents;
  } while (left > 0);
  return 0;
};

/**
 * Frees the parts of a table. The numbers must be those it was made with, and `num_ents` what it had then; a first part of
 * the caller's own is left alone. The lengths stay.
 */
export const __sg_free_table = (
  table: SgTable,
  max_ents: number,
  nents_first_chunk: number,
  free_fn: SgFreeFn,
  num_ents: number,
): void => {
  if (table.sgl === null) return;
  let sgl: Scatterlist | null = table.sgl;
  let isCallers = nents_first_chunk !== 0;
  let room = isCallers ? nents_first_chunk : max_ents;
  let left = num_ents;
  while (left > 0 && sgl !== null) {
    const isChained: boolean = left > room;
    const size = isChained ? room : left;
    const next: Scatterlist | null = isChained ? sg_chain_ptr(sg_entry(sgl, room - 1)) : null;
    left -= isChained ? size - 1 : size;
    if (!isCallers) free_fn(sgl, size);
    isCallers = false;
    sgl = next;
    room = max_ents;
  }
  table.sgl = null;
};
