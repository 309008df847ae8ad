/**
 * Allocation flags (`include/linux/gfp_types.h`): the ones that mean something on this machine. The bits are our own, as
 * the kernel's are not an ABI.
 */

/** A set of `GFP_*` / `__GFP_*` flags. */
export type Gfp = number;

/** May sleep: in atomic context this is reported. */
export const __GFP_DIRECT_RECLAIM = 1 << 0;
/** Zero the memory. */
export const __GFP_ZERO = 1 << 1;
/** Memory below 4 GiB. */
export const __GFP_DMA32 = 1 << 2;
/** No warning when the allocation fails. */
export const __GFP_NOWARN = 1 << 3;
/** A compound page: its order is remembered, and it is freed as one. */
export const __GFP_COMP = 1 << 4;
/** Memory of ZONE_DMA, where the machine has one. */
export const __GFP_DMA = 1 << 5;
/** Give up early: the caller has a smaller size to fall back to. */
export const __GFP_NORETRY = 1 << 6;

export const GFP_KERNEL: Gfp = __GFP_DIRECT_RECLAIM;
export const GFP_ATOMIC: Gfp = 0;
export const GFP_NOWAIT: Gfp = __GFP_NOWARN;
export const GFP_DMA32: Gfp = __GFP_DMA32;
export const GFP_DMA: Gfp = __GFP_DMA;
