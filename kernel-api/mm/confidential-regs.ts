/** The driver's header of the memory guard (`dmalab,memory-guard`), which knows what memory the guest shares with devices. */

/** Reads as `MGRD` in ASCII. */
export const GUARD_ID = 0x000;
export const GUARD_ID_VALUE = 0x4d47_5244;
/** Major version in the upper half: this driver knows 1. */
export const GUARD_VERSION = 0x004;
export const GUARD_VERSION_MAJOR_SHIFT = 16;
export const GUARD_MAJOR = 1;
export const GUARD_STATUS = 0x008;
export const GUARD_STATUS_FAILED = 1;
/** A command takes effect with its write. */
export const GUARD_COMMAND = 0x00c;
export const GUARD_COMMAND_SHARE = 1;
export const GUARD_COMMAND_UNSHARE = 2;
/** What a command is for: the first page's number, 64 bits, and how many pages. */
export const GUARD_FIRST = 0x010;
export const GUARD_COUNT = 0x018;
export const GUARD_SIZE = 0x1000;
