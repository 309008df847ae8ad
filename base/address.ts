/**
 * The three address spaces of the machine, as types that do not mix.
 *
 * A physical address handed to a device where an I/O virtual address belongs does not compile. Physical and kernel
 * virtual addresses stay below 2^52 and are plain doubles; what a device emits is a true 64-bit value, because garbage in
 * a descriptor has to reach the IOMMU, and its fault record, bit for bit.
 */

declare const addressSpace: unique symbol;

/** A physical byte address of the board. Always a non-negative integer below 2^52. */
export type PhysAddr = number & { readonly [addressSpace]: 'physical' };

/** A kernel or user virtual byte address. Always a non-negative integer below 2^52; 0 is NULL. */
export type VirtAddr = number & { readonly [addressSpace]: 'virtual' };

/** An address as a device emits it (`dma_addr_t`): any unsigned 64-bit value. */
export type DmaAddr = bigint & { readonly [addressSpace]: 'dma' };

/** log2 of the page size. */
export const PAGE_SHIFT = 12;
/** Bytes in a page. */
export const PAGE_SIZE = 4096;
/** The offset bits of an address within its page: `address & PAGE_OFFSET_MASK` is valid for any safe integer. */
export const PAGE_OFFSET_MASK = PAGE_SIZE - 1;
/** The first address that neither the board nor the kernel's address space may reach. */
export const ADDRESS_LIMIT = 2 ** 52;
/** `SIZE_MAX` of a 64-bit kernel. Sizes are numbers here, so this is a sentinel: compare with it, do not calculate. */
export const SIZE_MAX = 2 ** 64;

/** Names a number a physical address. The caller vouches for its range. */
export const physAddr = (address: number): PhysAddr => address as PhysAddr;
/** Names a number a virtual address. The caller vouches for its range. */
export const virtAddr = (address: number): VirtAddr => address as VirtAddr;
/** Makes a device address; bits above 63 are cut off. */
export const dmaAddr = (address: bigint | number): DmaAddr => BigInt.asUintN(64, BigInt(address)) as DmaAddr;

/** The page number of an address below 2^53. */
export const pageOf = (address: number): number => Math.floor(address / PAGE_SIZE);
/** The first byte of a page, by number. */
export const pageStart = (page: number): number => page * PAGE_SIZE;
/** The offset of an address within its page. Bitwise operators keep the low 32 bits of a double, so this is exact. */
export const offsetInPage = (address: number): number => address & PAGE_OFFSET_MASK;
/** Rounds an address or a size up to a whole page. */
export const pageAlign = (value: number): number => Math.ceil(value / PAGE_SIZE) * PAGE_SIZE;

/** The page number of a device address: exact, it has at most 52 bits. Not for hot paths (bigint). */
export const dmaPageOf = (address: DmaAddr): number => Number(address >> 12n);
/** The offset of a device address within its page. Not for hot paths (bigint). */
export const dmaOffsetOf = (address: DmaAddr): number => Number(address & 0xfffn);
/** Puts a device address together again. Not for hot paths (bigint). */
export const dmaAddrOf = (page: number, offset: number): DmaAddr => ((BigInt(page) << 12n) | BigInt(offset)) as DmaAddr;
