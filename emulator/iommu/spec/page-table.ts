/**
 * First-stage page tables: the formats Sv39, Sv48 and Sv57 of the Privileged specification, with Svnapot.
 *
 * A PTE is handled as two halves; these are bits of the low half unless they say otherwise.
 */
export const PTE_V = 0x01;
export const PTE_R = 0x02;
export const PTE_W = 0x04;
export const PTE_X = 0x08;
export const PTE_U = 0x10;
export const PTE_G = 0x20;
export const PTE_A = 0x40;
export const PTE_D = 0x80;

/** Bits of the high half. N stands for a naturally aligned power-of-two range (Svnapot). */
export const PTE_HI_N = 0x8000_0000;
export const PTE_HI_PBMT = 0x6000_0000;
/** Bits 60:59: reserved, or software's if Svrsw60t59b is implemented. */
export const PTE_HI_RSW60T59 = 0x1800_0000;
/** Bits 58:54. */
export const PTE_HI_RESERVED = 0x07c0_0000;

/** log2 of the pages in a Svnapot range, the only one that is defined (64 KiB), and the PPN bits that encode it. */
export const NAPOT_ORDER = 4;
export const NAPOT_PPN_MASK = 0xf;
export const NAPOT_PPN_64K = 0x8;

/** Bits of a page number that one level translates. */
export const VPN_BITS = 9;
/** Bits of an I/O virtual page number: 64-bit addresses, 4 KiB pages. */
export const IOVA_PAGE_BITS = 52;

/**
 * The half of the canonical range of a table with this many levels, in pages: a canonical page number is below it, or
 * among the last as many of all 2^52.
 */
export const canonicalHalf = (levels: number): number => 2 ** (VPN_BITS * levels - 1);
