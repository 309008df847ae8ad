import { virtAddr, type VirtAddr } from '../../base/address';
import {
  SG_MITER_FROM_SG,
  SG_MITER_LOCAL,
  SG_MITER_TO_SG,
  SgMappingIter,
  sg_miter_next,
  sg_miter_skip,
  sg_miter_start,
  sg_miter_stop,
} from './miter';
import type { Scatterlist } from './scatterlist';

/** A linear buffer: kernel memory by address, or bytes outside of the machine (of a test, a scenario). */
export type LinearBuffer = VirtAddr | Uint8Array;

/** What is done with each piece: `at` counts from the start of the buffer. */
type PieceAction = (address: VirtAddr, at: number, length: number) => void;

/** Goes through `buflen` bytes of a list after the first `skip`. @returns how many bytes there were */
const walk = (
  sgl: Scatterlist,
  nents: number,
  buflen: number,
  skip: number,
  direction: number,
  action: PieceAction,
): number => {
  const miter = new SgMappingIter(sgl.kernel);
  sg_miter_start(miter, sgl, nents, SG_MITER_LOCAL | direction);
  if (!sg_miter_skip(miter, skip)) return 0;
  let done = 0;
  while (done < buflen && sg_miter_next(miter)) {
    const length = Math.min(miter.length, buflen - done);
    action(miter.addr, done, length);
    done += length;
  }
  sg_miter_stop(miter);
  return done;
};

/**
 * Copies between a buffer and the list's memory after its first `skip` bytes, whichever way. @returns the bytes copied: fewer
 * where the list ends; 0 where it ends before `skip`
 */
export const sg_copy_buffer = (
  sgl: Scatterlist,
  nents: number,
  buf: LinearBuffer,
  buflen: number,
  skip: number,
  to_buffer: boolean,
): number => {
  const { mm } = sgl.kernel;
  const direction = to_buffer ? SG_MITER_FROM_SG : SG_MITER_TO_SG;
  return walk(sgl, nents, buflen, skip, direction, (address, at, length) => {
    if (typeof buf !== 'number') {
      if (to_buffer) mm.readInto(address, buf, at, length);
      else mm.write(address, buf, at, length);
    } else if (to_buffer) mm.copy(virtAddr(buf + at), address, length);
    else mm.copy(address, virtAddr(buf + at), length);
  });
};

/** Copies from a buffer to the list's memory, after its first `skip` bytes. @returns the bytes copied */
export const sg_pcopy_from_buffer = (
  sgl: Scatterlist,
  nents: number,
  buf: LinearBuffer,
  buflen: number,
  skip: number,
): number => sg_copy_buffer(sgl, nents, buf, buflen, skip, false);

/** Copies from the list's memory, after its first `skip` bytes, to a buffer. @returns the bytes copied */
export const sg_pcopy_to_buffer = (
  sgl: Scatterlist,
  nents: number,
  buf: LinearBuffer,
  buflen: number,
  skip: number,
): number => sg_copy_buffer(sgl, nents, buf, buflen, skip, true);

/** Copies from a buffer to the list's memory. @returns the bytes copied */
export const sg_copy_from_buffer = (sgl: Scatterlist, nents: number, buf: LinearBuffer, buflen: number): number =>
  sg_pcopy_from_buffer(sgl, nents, buf, buflen, 0);

/** Copies from the list's memory to a buffer. @returns the bytes copied */
export const sg_copy_to_buffer = (sgl: Scatterlist, nents: number, buf: LinearBuffer, buflen: number): number =>
  sg_pcopy_to_buffer(sgl, nents, buf, buflen, 0);

/** Zeroes the list's memory after its first `skip` bytes. @returns the bytes zeroed */
export const sg_zero_buffer = (sgl: Scatterlist, nents: number, buflen: number, skip: number): number =>
  walk(sgl, nents, buflen, skip, SG_MITER_TO_SG, (address, _at, length) => sgl.kernel.mm.fill(address, 0, length));
