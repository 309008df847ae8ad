/**
 * The driver's header of the requester gate (`dmalab,requester-gate`), a block between the bus masters and the bus that
 * turns away the accesses of those requesters that software has closed.
 */

/** Reads as `GATE` in ASCII. */
export const GATE_ID = 0x000;
export const GATE_ID_VALUE = 0x4741_5445;
/** Major version in the upper half: this driver knows 1. */
export const GATE_VERSION = 0x004;
export const GATE_VERSION_MAJOR_SHIFT = 16;
export const GATE_MAJOR = 1;
/** How many requesters it guards, in the lower half: ids from 0 on. */
export const GATE_CONFIG = 0x008;
export const GATE_CONFIG_REQUESTERS = 0xffff;
/** Which requester the counters are of. */
export const GATE_SELECT = 0x010;
export const GATE_DROPPED_READS = 0x014;
export const GATE_DROPPED_WRITES = 0x018;
/** One bit per requester, 32 to a register; 1: turned away. */
export const GATE_CLOSED = 0x100;
