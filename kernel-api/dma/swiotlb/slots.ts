/** Figures of `include/linux/swiotlb.h`. */

/** log2 of the bytes of a slot. */
export const IO_TLB_SHIFT = 11;
/** Bytes of a slot: what bounce buffers are made of. */
export const IO_TLB_SIZE = 1 << IO_TLB_SHIFT;
/** Slots of a segment. A bounce buffer lies in one, so that it has 256 KiB at the most. */
export const IO_TLB_SEGSIZE = 128;
/** Bytes of the default pool, unless the machine is small. */
export const IO_TLB_DEFAULT_SIZE = 64 << 20;
/** Fewer slots than this (1 MiB) are not tried for when memory is short. */
export const IO_TLB_MIN_SLABS = (1 << 20) >> IO_TLB_SHIFT;

/** Slots that hold a number of bytes. */
export const nrSlots = (bytes: number): number => Math.ceil(bytes / IO_TLB_SIZE);

/** Rounds a number of slots up to whole segments. */
export const alignToSegment = (slots: number): number => Math.ceil(slots / IO_TLB_SEGSIZE) * IO_TLB_SEGSIZE;
