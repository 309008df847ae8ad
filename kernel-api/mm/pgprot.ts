/**
 * How a page is mapped (`pgprot_t`). Only what the CPU does differently is here: its type of memory. Where the CPU has no
 * Svpbmt, Linux has no bits for it, and a page that asks for it is mapped like any other.
 */
export type Pgprot = number;

/** Ordinary memory of the kernel. */
export const PAGE_KERNEL: Pgprot = 0;

/** Svpbmt's NC: idempotent, not cached, weakly ordered (`_PAGE_NOCACHE`). */
const PAGE_NOCACHE = 1 << 0;

/** Not cached, and stores may be combined and reordered until a barrier. */
export const pgprot_writecombine = (prot: Pgprot): Pgprot => prot | PAGE_NOCACHE;

/** What coherent memory of a device that does not snoop is mapped with: on RISC-V the same as `pgprot_writecombine`. */
export const pgprot_dmacoherent = pgprot_writecombine;

/** Whether a mapping goes past the cache. */
export const isUncached = (prot: Pgprot): boolean => (prot & PAGE_NOCACHE) !== 0;
