import type { U64 } from '../../base/u64';

/** FNV-1a, 32 bits. */
const FNV_PRIME = 0x0100_0193;

/** Checksum of no bytes. */
export const CHECKSUM_START = 0x811c_9dc5;

/** The checksum after one more byte. */
export const checksumByte = (checksum: number, byte: number): number => Math.imul(checksum ^ byte, FNV_PRIME) >>> 0;

/** The checksum of bytes, as the checksum registers count it. */
export const streamChecksum = (bytes: ArrayLike<number>): number => {
  let checksum = CHECKSUM_START;
  for (let i = 0; i < bytes.length; i++) checksum = checksumByte(checksum, bytes[i]!);
  return checksum;
};

/** Mixes 32 bits so that neighbouring inputs share nothing (the finalizer of MurmurHash3, public domain). */
const mix = (value: number): number => {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85eb_ca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35);
  return (x ^ (x >>> 16)) >>> 0;
};

/** The item that the source produces at a position: depends on seed and position only. Its low bytes are used. */
export const patternItem = (seed: number, position: number, into: U64): void => {
  into.lo = mix(seed + Math.imul(position, 0x9e37_79b9));
  into.hi = mix(into.lo ^ 0x5bd1_e995);
};

/** The bytes that the source produces from a position on. */
export const patternBytes = (seed: number, position: number, items: number, width: number): Uint8Array => {
  const bytes = new Uint8Array(items * width);
  const item = { lo: 0, hi: 0 };
  for (let i = 0; i < items; i++) {
    patternItem(seed, position + i, item);
    for (let at = 0; at < width; at++)
      bytes[i * width + at] = (at < 4 ? item.lo >>> (8 * at) : item.hi >>> (8 * at - 32)) & 0xff;
  }
  return bytes;
};
