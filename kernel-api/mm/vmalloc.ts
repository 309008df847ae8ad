import { PAGE_SIZE, pageOf, virtAddr, type VirtAddr } from '../../base/address';
import { __GFP_ZERO, GFP_KERNEL, type Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { is_vmalloc_addr } from './layout';
import { pfn_to_page, type Page } from './page';
import { isUncached, type Pgprot } from './pgprot';

export { PAGE_KERNEL, pgprot_dmacoherent, pgprot_writecombine, type Pgprot } from './pgprot';

/** `include/linux/vmalloc.h`. */

/** For `vmap`: a mapping of pages. */
export const VM_MAP = 1 << 2;
/** For `vmap`: `vfree` puts the pages as well. */
export const VM_MAP_PUT_PAGES = 1 << 9;

const allocate = (kernel: Kernel, size: number, gfp: Gfp): VirtAddr => {
  kernel.sched.mightSleep('vmalloc');
  return kernel.mm.vmalloc.alloc(size, PAGE_SIZE, gfp, 'vmalloc');
};

/** Allocates virtually contiguous memory; 0 if there is none. */
export const vmalloc = (kernel: Kernel, size: number): VirtAddr => allocate(kernel, size, GFP_KERNEL);

/** Allocates zeroed, virtually contiguous memory. */
export const vzalloc = (kernel: Kernel, size: number): VirtAddr => allocate(kernel, size, GFP_KERNEL | __GFP_ZERO);

/** Frees memory of `vmalloc`. NULL is ignored; an address where no area begins is a warning. */
export const vfree = (kernel: Kernel, address: VirtAddr): void => {
  if (address !== 0) kernel.mm.vmalloc.free(address, 'vfree');
};

/**
 * Maps pages one after the other; the address, or 0.
 * @param prot the type of memory that they are mapped as: `PAGE_KERNEL`, `pgprot_dmacoherent(PAGE_KERNEL)`
 */
export const vmap = (kernel: Kernel, pages: readonly Page[], count: number, flags: number, prot: Pgprot): VirtAddr => {
  const pfns = Float64Array.from(pages.slice(0, count), (page) => page.pfn);
  if (pfns.length === 0) return virtAddr(0);
  const uncached = isUncached(prot) && kernel.isa.hasPageMemoryTypes;
  return kernel.mm.vmalloc.map(pfns, (flags & VM_MAP_PUT_PAGES) !== 0, uncached);
};

/** The same with consecutive pages from `pfn` on. */
export const vmapContiguous = (kernel: Kernel, pfn: number, count: number, prot: Pgprot): VirtAddr =>
  kernel.mm.vmalloc.mapRun(pfn, count, isUncached(prot) && kernel.isa.hasPageMemoryTypes);

/** Takes a mapping of `vmap` away. NULL is ignored. */
export const vunmap = (kernel: Kernel, address: VirtAddr): void => {
  if (address !== 0) kernel.mm.vmalloc.unmap(address, 'vunmap');
};

/** The page frame number behind an address of the vmalloc area; -1 where nothing is mapped. */
export const vmalloc_to_pfn = (kernel: Kernel, address: VirtAddr): number => {
  const physical = is_vmalloc_addr(address) ? kernel.mm.areas.translate(address) : -1;
  return physical < 0 ? -1 : pageOf(physical);
};

/** The page behind an address of the vmalloc area; null where nothing is mapped. */
export const vmalloc_to_page = (kernel: Kernel, address: VirtAddr): Page | null => {
  const pfn = vmalloc_to_pfn(kernel, address);
  return pfn < 0 ? null : pfn_to_page(kernel, pfn);
};
