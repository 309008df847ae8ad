import type { VirtAddr } from '../base/address';
import { hex } from '../base/u64';
import type { Kernel } from '../kernel-api/kernel';
import { ScenarioFailure } from './failure';

/**
 * Position-dependent data: every byte depends on where it is, so that bytes which end up in the wrong place, are
 * missing, or are stale from the round before cannot look right.
 */

/** The byte at a position of the pattern with a given seed. Neighbours differ, and so do equal offsets in other pages. */
export const patternByte = (seed: number, position: number): number => {
  let mixed = Math.imul(position ^ (position >>> 12) ^ seed, 0x9e37_79b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85eb_ca77);
  return (mixed ^ (mixed >>> 13)) & 0xff;
};

/** `length` bytes of the pattern, from `position` on. */
export const patternBytes = (seed: number, position: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = patternByte(seed, position + i);
  return bytes;
};

/** Fills kernel memory with the pattern, from `position` on. */
export const fillPattern = (kernel: Kernel, to: VirtAddr, length: number, seed: number, position = 0): void => {
  kernel.mm.write(to, patternBytes(seed, position, length));
};

/** The index of the first byte that differs; -1 if the arrays are equal. Compares the common length. */
export const firstDifference = (actual: Uint8Array, expected: Uint8Array): number => {
  const length = Math.min(actual.length, expected.length);
  for (let i = 0; i < length; i++) if (actual[i] !== expected[i]) return i;
  return actual.length === expected.length ? -1 : length;
};

const dump = (bytes: Uint8Array, from: number): string =>
  Array.from(bytes.subarray(from, from + 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ');

/** Fails the scenario, naming the first byte that differs, unless the arrays are equal. */
export const expectBytes = (actual: Uint8Array, expected: Uint8Array, what: string): void => {
  const at = firstDifference(actual, expected);
  if (at < 0) return;
  let wrong = 0;
  for (let i = at; i < expected.length; i++) if (actual[i] !== expected[i]) wrong++;
  throw new ScenarioFailure(
    `${what}: byte ${at} (${hex(at)}) of ${expected.length} is wrong, and ${wrong - 1} more after it; ` +
      `expected ${dump(expected, at)} …, found ${dump(actual, at)} …`,
  );
};

/** Fails the scenario unless kernel memory holds the pattern, from `position` on. */
export const expectPattern = (
  kernel: Kernel,
  at: VirtAddr,
  length: number,
  seed: number,
  what: string,
  position = 0,
): void => {
  expectBytes(kernel.mm.read(at, length), patternBytes(seed, position, length), what);
};
