/**
 * Attributes of a DMA mapping or allocation (`include/linux/dma-mapping.h`): all of them, with the kernel's values. What the
 * hints do on RISC-V, which is nothing, is said with each.
 */
export type DmaAttrs = number;

/** Accesses may pass each other. A hint that RISC-V does not take up. */
export const DMA_ATTR_WEAK_ORDERING = 1 << 1;
/**
 * Writes of the CPU may be combined. RISC-V has no CONFIG_ARCH_HAS_DMA_WRITE_COMBINE: coherent memory of a device that does
 * not snoop is mapped so anyway, and that of one that snoops never.
 */
export const DMA_ATTR_WRITE_COMBINE = 1 << 2;
/**
 * The CPU needs no address of coherent memory. Without an IOMMU what is returned is then the address of the `struct page`:
 * a cookie for `dma_mmap_attrs` and `dma_free_attrs`. Behind one the attribute is ignored.
 */
export const DMA_ATTR_NO_KERNEL_MAPPING = 1 << 4;
/** The caller keeps CPU caches and bounce buffers in step itself. */
export const DMA_ATTR_SKIP_CPU_SYNC = 1 << 5;
/** Coherent memory has to be contiguous physically, not only for the device. */
export const DMA_ATTR_FORCE_CONTIGUOUS = 1 << 6;
/** Coherent memory need not consist of large pages. Only the IOMMU back end takes it up. */
export const DMA_ATTR_ALLOC_SINGLE_PAGES = 1 << 7;
/** No warning when an allocation fails, or a bounce buffer has no room. */
export const DMA_ATTR_NO_WARN = 1 << 8;
/** The mapping is for privileged accesses. A hint that the driver of the RISC-V IOMMU does not take up. */
export const DMA_ATTR_PRIVILEGED = 1 << 9;
/** The address is that of registers or other memory-mapped I/O: never cached, never bounced. */
export const DMA_ATTR_MMIO = 1 << 10;
/** For the debugging of the DMA API: buffers of this mapping may share cache lines. Accepted; nothing looks at it. */
export const DMA_ATTR_DEBUGGING_IGNORE_CACHELINES = 1 << 11;
/** Fail rather than map for a device that does not snoop CPU caches, or by way of a bounce buffer. */
export const DMA_ATTR_REQUIRE_COHERENT = 1 << 12;
/** The memory is shared with the world outside of a confidential guest: it is mapped as it is, never bounced. */
export const DMA_ATTR_CC_SHARED = 1 << 13;
