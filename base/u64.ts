/**
 * 64-bit values as two 32-bit halves, for paths where a bigint would cost ten times the work itself.
 */

const TWO_32 = 0x1_0000_0000;

/** A 64-bit value as two unsigned halves. Mutable: hot paths keep one and reuse it. */
export interface U64 {
  lo: number;
  hi: number;
}

/** A fresh, zero 64-bit value. */
export const u64 = (lo = 0, hi = 0): U64 => ({ lo: lo >>> 0, hi: hi >>> 0 });

/** The halves of a bigint (its low 64 bits). */
export const u64FromBigInt = (value: bigint, into: U64 = u64()): U64 => {
  into.lo = Number(value & 0xffff_ffffn);
  into.hi = Number((value >> 32n) & 0xffff_ffffn);
  return into;
};

/** The value as a bigint. */
export const u64ToBigInt = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);

/** The value as a number; exact only below 2^53. */
export const u64ToNumber = (lo: number, hi: number): number => (hi >>> 0) * TWO_32 + (lo >>> 0);

/** The low half of a non-negative safe integer. */
export const lowHalf = (value: number): number => value >>> 0;
/** The high half of a non-negative safe integer. */
export const highHalf = (value: number): number => Math.floor(value / TWO_32);

/** Low half of `page << 12 | offset`, for a page number of up to 52 bits. */
export const addressLow = (page: number, offset: number): number => ((page << 12) | offset) >>> 0;
/** High half of `page << 12 | offset`, for a page number of up to 52 bits. */
export const addressHigh = (page: number): number => Math.floor(page / 0x10_0000) >>> 0;
/** The page number of an address given as halves. */
export const pageOfHalves = (lo: number, hi: number): number => (hi >>> 0) * 0x10_0000 + (lo >>> 12);

/** The bytes of an array of words. */
export const bytesOfWords = (words: Int32Array): Uint8Array =>
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

/** `0x` and lower-case hex digits without padding, as Linux prints addresses. */
export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
