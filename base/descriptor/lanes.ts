import type { LayoutMemory } from '../layout/memory';

/** Loads `size` bytes as little-endian 32-bit words. The bytes of the last word past the end are zero. */
export const loadLanes = (memory: LayoutMemory, address: number, size: number, lanes: Int32Array, at: number): void => {
  const whole = size >>> 2;
  for (let i = 0; i < whole; i++) lanes[at + i] = memory.load32(address + 4 * i);
  if ((size & 3) === 0) return;
  let rest = 0;
  for (let byte = 4 * whole; byte < size; byte++) rest |= memory.load8(address + byte) << (8 * (byte & 3));
  lanes[at + whole] = rest;
};

/** Stores `size` bytes of lanes. */
export const storeLanes = (
  memory: LayoutMemory,
  address: number,
  size: number,
  lanes: Int32Array,
  at: number,
): void => {
  const whole = size >>> 2;
  for (let i = 0; i < whole; i++) memory.store32(address + 4 * i, lanes[at + i]! >>> 0);
  for (let byte = 4 * whole; byte < size; byte++) {
    memory.store8(address + byte, (lanes[at + whole]! >>> (8 * (byte & 3))) & 0xff);
  }
};
