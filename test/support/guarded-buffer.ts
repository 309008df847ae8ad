import { physAddr } from '../../base/address';
import { expect } from 'chai';
import type { Kernel } from '../../kernel-api/kernel';

const GUARD = 0xa5;
const GUARD_BYTES = 64;

/** Bytes of RAM. */
export const bytesAt = (kernel: Kernel, phys: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  kernel.cpu.readBytes(physAddr(phys), bytes, 0, length);
  return bytes;
};

/** Puts bytes into RAM. */
export const writeAt = (kernel: Kernel, phys: number, bytes: Uint8Array): void =>
  void kernel.cpu.writeBytes(physAddr(phys), bytes, 0, bytes.length);

/** Bytes that differ from place to place, and from `seed` to `seed`. */
export const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + (i >>> 8) * 13 + seed * 31 + 1) & 0xff);

/** Fills a buffer and puts guards around it. @returns what is in it */
export const makeBuffer = (kernel: Kernel, phys: number, length: number, seed: number): Uint8Array => {
  const contents = pattern(length, seed);
  kernel.cpu.fillBytes(physAddr(phys - GUARD_BYTES), GUARD, length + 2 * GUARD_BYTES);
  writeAt(kernel, phys, contents);
  return contents;
};

/** Checks what is in a buffer, and its guards. */
export const expectBuffer = (kernel: Kernel, phys: number, contents: Uint8Array, what: string): void => {
  expect(bytesAt(kernel, phys, contents.length), what).to.deep.equal(contents);
  const guards = [
    ...bytesAt(kernel, phys - GUARD_BYTES, GUARD_BYTES),
    ...bytesAt(kernel, phys + contents.length, GUARD_BYTES),
  ];
  expect(
    guards.every((byte) => byte === GUARD),
    `${what}: guards`,
  ).to.equal(true);
};
