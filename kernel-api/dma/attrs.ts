/**
 * Attributes of a DMA mapping or allocation (`include/linux/dma-mapping.h`): the ones that mean something here. An attribute
 * that is a hint elsewhere (`DMA_ATTR_WEAK_ORDERING`, `DMA_ATTR_WRITE_COMBINE`, …) is absent rather than ignored.
 */
export type DmaAttrs = number;

/** The caller keeps CPU caches and bounce buffers in step itself. */
export const DMA_ATTR_SKIP_CPU_SYNC = 1 << 5;
/** Coherent memory has to be contiguous physically, not only for the device. */
export const DMA_ATTR_FORCE_CONTIGUOUS = 1 << 6;
/** Coherent memory need not consist of large pages. */
export const DMA_ATTR_ALLOC_SINGLE_PAGES = 1 << 7;
/** No warning when an allocation fails. */
export const DMA_ATTR_NO_WARN = 1 << 8;
/** The address is that of registers or other memory-mapped I/O: never cached, never bounced. */
export const DMA_ATTR_MMIO = 1 << 10;
/** Fail rather than map for a device that does not snoop CPU caches. */
export const DMA_ATTR_REQUIRE_COHERENT = 1 << 12;
/** The memory is shared with the world outside of a confidential guest: it is mapped as it is, never bounced. */
export const DMA_ATTR_CC_SHARED = 1 << 13;
