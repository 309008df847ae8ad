/**
 * How many elements an array has: a whole number from 1 on. A literal that is none does not compile. (C has arrays of no
 * elements; nothing can be allocated for them, so they are not layouts here.)
 */
export type Count<N extends number> = `${N}` extends '0' | `-${string}` | `${string}.${string}` ? never : N;

/** The largest number of bytes that a layout may have: sizes stay exact in every sum and product. */
export const MAX_LAYOUT_SIZE = 2 ** 40;

/** Whether a number is a count. */
export const isCount = (count: unknown): count is number =>
  typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= MAX_LAYOUT_SIZE;
