/** Why the sanitizer looks at the CPU's accesses to a page: the flags in `MemoryWatch.pages`. */

/** Memory on it is lent to a device. */
export const PAGE_LENT = 1;
/** Bytes on it have an origin. */
export const PAGE_ORIGINS = 2;
/** Coherent memory, which CPU and device use at the same time. */
export const PAGE_SHARED = 4;
/** Registers of a bus master. */
export const PAGE_REGISTERS = 8;
/** The cache may hold lines of it that a device has written under. */
export const PAGE_STALE = 16;
/** Descriptors of a queue that is known. */
export const PAGE_QUEUED = 32;
