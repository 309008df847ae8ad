/**
 * What a bus answers to an access. Outcomes are returned, never thrown: an error response is something that hardware
 * does, and each requester has its own way of dealing with it.
 *
 * All errors are negative, so that a function which returns a page number or a loaded value can return the outcome
 * in its place.
 */

/** The access was carried out. */
export const BUS_OK = 0;
/** Nothing answers at this address (AXI: DECERR). */
export const BUS_NO_ADDRESS = -1;
/** Something is there and refused the access: a protection or translation fault, a range that faults (AXI: SLVERR). */
export const BUS_ACCESS_FAULT = -2;
/** The access was carried out and the data is known to be corrupt (poison, an uncorrectable ECC error). */
export const BUS_POISONED = -3;

/** One of the `BUS_*` outcomes. */
export type BusOutcome = typeof BUS_OK | typeof BUS_NO_ADDRESS | typeof BUS_ACCESS_FAULT | typeof BUS_POISONED;

const NAMES = ['ok', 'no such address', 'access fault', 'poisoned data'] as const;

/** The outcome in words. */
export const busOutcomeName = (outcome: number): string => NAMES[-outcome] ?? `bus outcome ${outcome}`;
