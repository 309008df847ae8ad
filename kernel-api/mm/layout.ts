import { PAGE_SIZE, physAddr, virtAddr, type PhysAddr, type VirtAddr } from '../../base/address';

/**
 * The kernel's virtual address space. Real kernels use the upper half of 64 bits; everything here lies below 2^52, so that
 * pointers are exact doubles. The order is that of RISC-V Linux: user space below, then vmemmap, vmalloc, the linear map,
 * the kernel image.
 */

/** User addresses are below this. */
export const TASK_SIZE = 0x0040_0000_0000;
/** The array of `struct page`: one 64-byte entry per page frame number. Only its addresses exist (`page_link` holds them). */
export const VMEMMAP_START = 0x4_0000_0000_0000;
/** `sizeof(struct page)`. */
export const STRUCT_PAGE_SIZE = 64;
/** Virtually contiguous mappings: vmalloc, kernel stacks (`CONFIG_VMAP_STACK`), ioremap, uncached aliases. */
export const VMALLOC_START = 0x6_0000_0000_0000;
export const VMALLOC_END = 0x7_0000_0000_0000;
/** The linear map of all physical memory. */
export const PAGE_OFFSET = 0x8_0000_0000_0000;
/** How far the linear map reaches. */
export const LINEAR_MAP_SIZE = 0x4_0000_0000_0000;
/** Kernel text and static data. */
export const KERNEL_LINK_ADDR = 0xe_0000_0000_0000;
/** Bytes reserved for the kernel image. */
export const KERNEL_IMAGE_SIZE = 0x1000_0000;

/** The linear-map address of a physical address. */
export const phys_to_virt = (physical: PhysAddr): VirtAddr => virtAddr(physical + PAGE_OFFSET);
/** The physical address behind an address of the linear map. For any other address the result is nonsense, as in Linux. */
export const virt_to_phys = (address: VirtAddr): PhysAddr => physAddr(address - PAGE_OFFSET);
/** Whether an address lies in the linear map. */
export const isLinearMapAddress = (address: VirtAddr): boolean =>
  address >= PAGE_OFFSET && address < PAGE_OFFSET + LINEAR_MAP_SIZE;
/** Whether an address lies in the vmalloc area (`is_vmalloc_addr`). */
export const is_vmalloc_addr = (address: VirtAddr): boolean => address >= VMALLOC_START && address < VMALLOC_END;
/** The address of the `struct page` of a page frame. */
export const pfnToPageAddress = (pfn: number): VirtAddr => virtAddr(VMEMMAP_START + pfn * STRUCT_PAGE_SIZE);
/** The page frame number of a `struct page` address. */
export const pageAddressToPfn = (address: VirtAddr): number => (address - VMEMMAP_START) / STRUCT_PAGE_SIZE;
/** The first physical address of a page frame. */
export const PFN_PHYS = (pfn: number): PhysAddr => physAddr(pfn * PAGE_SIZE);
