import { LabError } from '../../base/errors';
import type { DmaAddr } from '../../base/address';
import { BUS_NO_ADDRESS } from '../../base/bus-outcome';
import type { StructDevice } from '../base/struct-device';
import { kernelFault } from '../mm/kernel-fault';

/**
 * Arguments that C's types rule out and JavaScript's do not, and NULL pointers. A size that is no `size_t` and an address
 * that is no bigint cannot come out of any driver in C: they are mistakes in using the lab. A NULL device is an oops.
 */

const DMA_ADDR_MAX = 0xffff_ffff_ffff_ffffn;

/** @throws LabError unless the value is a whole number from 0 on that a double holds exactly */
export const checkSize = (where: string, size: number): void => {
  if (!(size >= 0 && size <= Number.MAX_SAFE_INTEGER && Math.floor(size) === size)) refuse(where, 'a size', size);
};

/** The same for a number of entries: in C an `int`, where a negative number means no entries. */
export const checkCount = (where: string, count: number): void => {
  if (!(count >= -(2 ** 31) && count < 2 ** 31 && Math.floor(count) === count)) {
    refuse(where, 'a number of entries', count);
  }
};

/** @throws LabError unless the value is a 64-bit number */
export const checkDmaAddr = (where: string, address: DmaAddr): void => {
  if (typeof address !== 'bigint') refuse(where, 'a DMA address (a bigint)', address);
  if (address < 0n || address > DMA_ADDR_MAX) refuse(where, 'a DMA address of 64 bits', address);
};

/** @throws LabError unless the value is a bigint. Bits above the 63rd are cut off later, as in C. */
export const checkMask = (where: string, mask: bigint): void => {
  if (typeof mask !== 'bigint') refuse(where, 'a mask (a bigint)', mask);
};

const refuse = (where: string, what: string, value: unknown): never => {
  throw new LabError(`${where}: ${String(value)} is not ${what}.`);
};

/** @throws KernelOops for a NULL device: what Linux does when it looks into one */
export const checkDevice = (dev: StructDevice | null | undefined): void => {
  if (dev === null || dev === undefined) throw kernelFault(0, BUS_NO_ADDRESS);
};
