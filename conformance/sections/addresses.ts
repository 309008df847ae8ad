/** A 64-bit value from JSON, whose numbers round the largest ones up to 2^64. */
export const widen = (value: number): bigint => (value >= 2 ** 64 ? 2n ** 64n - 1n : BigInt(value));

/** The place in a slot of swiotlb: what of an address is not up to the search for free slots. */
const SLOT_BYTES = 2048;

export const bouncedBits = (address: number): number => ((address % SLOT_BYTES) + SLOT_BYTES) % SLOT_BYTES;
