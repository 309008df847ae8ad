import { BUS_ACCESS_FAULT, BUS_NO_ADDRESS, BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import { u64, type U64 } from '../../base/u64';
import type { AccessWidth, MmioTarget } from './mmio';
import type { MmioMount } from './mmio-map';

/** Width of the single accesses of a run. */
const RUN_WIDTH = 4;

/**
 * How an access of `length` bytes at an offset is carried out: its width if it is one aligned access, or `RUN_WIDTH` if
 * it is a run of aligned words; 0 if registers refuse it.
 */
const widthOf = (offset: number, length: number): AccessWidth | 0 => {
  const single = length === 1 || length === 2 || length === 4 || length === 8;
  if (single && offset % length === 0) return length;
  return offset % RUN_WIDTH === 0 && length % RUN_WIDTH === 0 ? RUN_WIDTH : 0;
};

type ReadAccess = (target: MmioTarget, offset: number, width: AccessWidth, into: U64) => BusOutcome;

const readAccess: ReadAccess = (target, offset, width, into) => target.read(offset, width, into);
const peekAccess: ReadAccess = (target, offset, width, into) => target.peek(offset, width, into);

const readRun = (
  mount: MmioMount,
  address: number,
  into: Uint8Array,
  at: number,
  length: number,
  access: ReadAccess,
): BusOutcome => {
  if (address + length > mount.end) return BUS_NO_ADDRESS;
  const offset = address - mount.base;
  const width = widthOf(offset, length);
  if (width === 0) return BUS_ACCESS_FAULT;
  // Not kept for the next access: a register with side effects may lead to another access before this one is over.
  const value = u64();
  for (let done = 0; done < length; done += width) {
    const outcome = access(mount.target, offset + done, width, value);
    if (outcome !== BUS_OK) return outcome;
    for (let i = 0; i < width; i++) {
      into[at + done + i] = i < 4 ? value.lo >>> (8 * i) : value.hi >>> (8 * (i - 4));
    }
  }
  return BUS_OK;
};

/** Reads registers: one access, or a run of words. */
export const readRegisters = (
  mount: MmioMount,
  address: number,
  into: Uint8Array,
  at: number,
  length: number,
): BusOutcome => readRun(mount, address, into, at, length, readAccess);

/** Reads registers without side effects. */
export const peekRegisters = (
  mount: MmioMount,
  address: number,
  into: Uint8Array,
  at: number,
  length: number,
): BusOutcome => readRun(mount, address, into, at, length, peekAccess);

/** Writes registers: one access, or a run of words. */
export const writeRegisters = (
  mount: MmioMount,
  address: number,
  from: Uint8Array,
  at: number,
  length: number,
): BusOutcome => {
  if (address + length > mount.end) return BUS_NO_ADDRESS;
  const offset = address - mount.base;
  const width = widthOf(offset, length);
  if (width === 0) return BUS_ACCESS_FAULT;
  for (let done = 0; done < length; done += width) {
    const lo = littleEndian(from, at + done, Math.min(width, 4));
    const hi = width === 8 ? littleEndian(from, at + done + 4, 4) : 0;
    const outcome = mount.target.write(offset + done, width, lo, hi);
    if (outcome !== BUS_OK) return outcome;
  }
  return BUS_OK;
};

const littleEndian = (from: Uint8Array, at: number, count: number): number => {
  let value = 0;
  for (let i = 0; i < count; i++) value |= (from[at + i] ?? 0) << (8 * i);
  return value >>> 0;
};
