import { SIZE_MAX } from '../../base/address';
import { BUS_NO_ADDRESS } from '../../base/bus-outcome';
import { EINVAL } from '../../base/errno';
import { kernelFault } from '../mm/kernel-fault';
import { BUG_ON, KernelOops } from '../oops';
import { for_each_sg, sg_is_last, sg_next, type Scatterlist } from './scatterlist';

/** Counting entries of a list (`lib/scatterlist.c`). */

/**
 * The entries up to the one that is marked as the last. A list that leads back into itself has none: where Linux spins for
 * ever, this is an oops.
 */
export function* entriesToEnd(sg: Scatterlist | null): Generator<Scatterlist, void, undefined> {
  let marker: Scatterlist | null = null;
  let steps = 0;
  let limit = 128;
  for (let entry = sg; entry !== null; entry = sg_next(entry)) {
    if (entry === marker) throw new KernelOops('soft lockup: a scatterlist leads back into itself');
    yield entry;
    if (++steps < limit) continue;
    // Brent's way to find a cycle: the marker moves on at growing distances.
    marker = entry;
    steps = 0;
    limit *= 2;
  }
}

/** How many entries there are up to the one marked as the last. */
export const sg_nents = (sg: Scatterlist | null): number => {
  let nents = 0;
  for (const _entry of entriesToEnd(sg)) nents++;
  return nents;
};

/** How many entries it takes to have `len` bytes. 0 for none; -EINVAL if the list has fewer. */
export const sg_nents_for_len = (sg: Scatterlist | null, len: number): number => {
  if (len === 0) return 0;
  let nents = 0;
  let total = 0;
  for (const entry of entriesToEnd(sg)) {
    nents++;
    total += entry.length;
    if (total >= len) return nents;
  }
  return -EINVAL;
};

/** `DIV_ROUND_UP` of a `size_t`: the sum wraps, and RISC-V divides by zero without a trap. */
const divRoundUp = (value: number, by: number): number => {
  if (by === 0) return -1;
  if (by === SIZE_MAX) return value === 1 ? 1 : 0;
  return Math.ceil(value / by);
};

/** How many transfers of at most `len` bytes the first `sglen` mapped segments make. */
export const sg_nents_for_dma = (sgl: Scatterlist | null, sglen: number, len: number): number => {
  let nents = 0;
  for (const sg of for_each_sg(sgl, sglen)) nents += divRoundUp(sg.dma_length, len);
  return nents;
};

/** The last of `nents` entries; a list that does not end there is a bug. */
export const sg_last = (sgl: Scatterlist, nents: number): Scatterlist => {
  let last: Scatterlist | null = null;
  for (const sg of for_each_sg(sgl, nents)) last = sg;
  if (last === null) throw kernelFault(0, BUS_NO_ADDRESS);
  BUG_ON(!sg_is_last(last), 'kernel BUG at lib/scatterlist.c: sg_last: the last entry is not marked');
  return last;
};
