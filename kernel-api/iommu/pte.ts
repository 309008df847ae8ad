/**
 * Page-table entries of Sv39, Sv48 and Sv57 (RISC-V privileged architecture, "Sv39: Page-Based 39-bit Virtual-Memory
 * System" and its siblings, "Svnapot" and "Svpbmt"), as 32-bit halves.
 */

export const PTE_V = 1 << 0;
export const PTE_R = 1 << 1;
export const PTE_W = 1 << 2;
export const PTE_X = 1 << 3;
export const PTE_U = 1 << 4;
export const PTE_A = 1 << 6;
export const PTE_D = 1 << 7;
/** An entry with any of these is a leaf. */
export const PTE_RWX = PTE_R | PTE_W | PTE_X;

/** In the high half: memory type "non-cacheable" of Svpbmt. */
export const PTE_HIGH_NC = 1 << (61 - 32);
/** In the high half: memory type "I/O" of Svpbmt. */
export const PTE_HIGH_IO = 1 << (62 - 32);
/** In the high half: the entry is one of a naturally aligned power of two of them. */
export const PTE_HIGH_N = 0x8000_0000;

/** Entries per table, as a shift. */
export const TABLE_SHIFT = 9;
/** Entries per table. */
export const TABLE_ENTRIES = 512;
/** Pages of a Svnapot leaf: 64 KiB, the only size there is. */
export const NAPOT_PAGES = 16;
/** `ppn[3:0]` of a 64 KiB Svnapot leaf. */
export const NAPOT_PPN_BITS = NAPOT_PAGES / 2;
/** Physical page numbers have 44 bits. */
export const PPN_LIMIT = 2 ** 44;

const PPN_HIGH_UNIT = 2 ** 22;
const PPN_HIGH_MASK = 0x3f_ffff;

/** The low half of an entry that points to a page. @param bits its low ten bits */
export const pteLow = (ppn: number, bits: number): number => ((ppn << 10) | bits) >>> 0;
/** The high half of an entry that points to a page. @param bits its bits above 53, as bits of the half */
export const pteHigh = (ppn: number, bits: number): number =>
  ppn < PPN_HIGH_UNIT ? bits : (Math.floor(ppn / PPN_HIGH_UNIT) | bits) >>> 0;
/** The page number in an entry. */
export const ptePpn = (lo: number, hi: number): number => (hi & PPN_HIGH_MASK) * PPN_HIGH_UNIT + (lo >>> 10);
/** Whether a valid entry is a leaf. Below the last level one that is none points to a table. */
export const pteIsLeaf = (lo: number): boolean => (lo & PTE_RWX) !== 0;
