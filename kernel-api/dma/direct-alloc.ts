import { PAGE_SIZE, pageAlign, pageOf, physAddr, virtAddr, type DmaAddr, type VirtAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { Out } from '../err';
import { __GFP_DIRECT_RECLAIM, __GFP_NOWARN, __GFP_ZERO, type Gfp } from '../gfp';
import { force_dma_unencrypted, set_memory_decrypted, set_memory_encrypted } from '../mm/confidential';
import { is_vmalloc_addr, PFN_PHYS, phys_to_virt } from '../mm/layout';
import { get_order, page_address, pageAtAddress, pageStructAddress, pfn_to_page, type Page } from '../mm/page';
import { PAGE_KERNEL, vunmap } from '../mm/vmalloc';
import type { SgTable } from '../scatterlist/sg-table';
import { arch_dma_prep_coherent } from './arch-sync';
import { DMA_ATTR_NO_KERNEL_MAPPING, DMA_ATTR_NO_WARN, type DmaAttrs } from './attrs';
import { singleEntry } from './common-ops';
import { directToDma, directToPhysical } from './direct-address';
import { allocDirectPages, atomicPoolGfp, coherentOk } from './direct-pages';
import type { DmaDataDirection } from './direction';
import type { DmaAllocOps } from './dma-map-ops';
import { dma_common_contiguous_remap, dma_common_forget_remap, dma_pgprot } from './remap';
import { swiotlb_free } from './swiotlb/restricted-pool';
import { is_swiotlb_for_alloc } from './swiotlb/swiotlb-map';

/**
 * Memory for DMA of devices without an IOMMU (`kernel/dma/direct.c`): contiguous pages within the device's reach. For a device
 * that does not snoop they are mapped once more, past the caches; in a confidential guest they are shared first.
 */

const NULL = virtAddr(0);

/** Whether pages have to be shared before the device can use them. A restricted pool is shared already. */
const isPrivate = (dev: StructDevice): boolean => force_dma_unencrypted(dev) && !is_swiotlb_for_alloc(dev);

/** Shares pages with the device in a confidential guest. False if that failed: the pages are then lost. */
const share = (dev: StructDevice, pfn: number, size: number): boolean =>
  !isPrivate(dev) || set_memory_decrypted(dev.kernel, phys_to_virt(PFN_PHYS(pfn)), pageAlign(size) / PAGE_SIZE) === 0;

/** Undoes `share`. False if that failed: the pages must not be used for anything else. */
const unshare = (dev: StructDevice, cpu: VirtAddr, size: number): boolean => {
  if (!isPrivate(dev)) return true;
  if (set_memory_encrypted(dev.kernel, cpu, pageAlign(size) / PAGE_SIZE) === 0) return true;
  dev.kernel.log.warn({ device: dev.name }, 'memory that cannot be made private again is given up');
  return false;
};

/** Gives pages back: to the device's restricted pool, or to the page allocator (`__dma_direct_free_pages`). */
const freePages = (dev: StructDevice, pfn: number, size: number): void => {
  if (!swiotlb_free(dev, pfn, size)) dev.kernel.mm.freePfn(pfn, get_order(size));
};

/** Whether the CPU gets no address, but a cookie. */
const isUnmapped = (dev: StructDevice, attrs: DmaAttrs): boolean =>
  (attrs & DMA_ATTR_NO_KERNEL_MAPPING) !== 0 && !force_dma_unencrypted(dev) && !is_swiotlb_for_alloc(dev);

/** `dma_direct_alloc_no_mapping`. The memory is not zeroed, as in Linux. @returns the address of the `struct page` */
const allocUnmapped = (dev: StructDevice, size: number, handle: Out<DmaAddr>, gfp: Gfp): VirtAddr => {
  const pfn = allocDirectPages(dev, size, gfp & ~__GFP_ZERO);
  if (pfn < 0) return NULL;
  arch_dma_prep_coherent(dev.kernel, PFN_PHYS(pfn), size);
  handle.value = directToDma(dev, PFN_PHYS(pfn));
  return pageStructAddress(pfn_to_page(dev.kernel, pfn));
};

/** Whether the memory has to come from a pool, as making it ready would sleep (`dma_direct_use_pool`). */
const usesPool = (dev: StructDevice, gfp: Gfp): boolean =>
  (gfp & __GFP_DIRECT_RECLAIM) === 0 && !is_swiotlb_for_alloc(dev);

const allocFromPool = (dev: StructDevice, size: number, handle: Out<DmaAddr>, gfp: Gfp): VirtAddr => {
  const flags = gfp | atomicPoolGfp(dev);
  const memory = dev.kernel.dma.atomicPools.alloc(dev, size, flags, (pfn, bytes) => coherentOk(dev, pfn, bytes));
  if (memory === null) return NULL;
  handle.value = directToDma(dev, PFN_PHYS(memory.pfn));
  return memory.cpu;
};

/** The address at which the CPU is to use pages. 0 if there is none; the pages are then freed, or lost. */
const mapForCpu = (dev: StructDevice, pfn: number, size: number, attrs: DmaAttrs): VirtAddr => {
  const { kernel } = dev;
  if (dev.dma.dma_coherent) return share(dev, pfn, size) ? phys_to_virt(PFN_PHYS(pfn)) : NULL;
  arch_dma_prep_coherent(kernel, PFN_PHYS(pfn), size);
  const prot = dma_pgprot(dev, PAGE_KERNEL, attrs);
  const cpu = dma_common_contiguous_remap(kernel, pfn_to_page(kernel, pfn), size, prot);
  if (cpu === 0) freePages(dev, pfn, size);
  return cpu;
};

/** `dma_direct_alloc`. @returns 0 if there is no memory that the device can reach */
const directAlloc = (
  dev: StructDevice,
  requested: number,
  handle: Out<DmaAddr>,
  gfp: Gfp,
  attrs: DmaAttrs,
): VirtAddr => {
  const size = pageAlign(requested);
  const flags = gfp | ((attrs & DMA_ATTR_NO_WARN) === 0 ? 0 : __GFP_NOWARN);
  if (isUnmapped(dev, attrs)) return allocUnmapped(dev, size, handle, flags);
  const mustSleep = !dev.dma.dma_coherent || force_dma_unencrypted(dev);
  if (mustSleep && usesPool(dev, flags)) return allocFromPool(dev, size, handle, flags);
  const pfn = allocDirectPages(dev, size, flags & ~__GFP_ZERO);
  if (pfn < 0) return NULL;
  const cpu = mapForCpu(dev, pfn, size, attrs);
  if (cpu === 0) return NULL;
  dev.kernel.mm.fill(cpu, 0, size);
  handle.value = directToDma(dev, PFN_PHYS(pfn));
  return cpu;
};

/** `dma_direct_free`. Which pages are freed follows from the DMA address, as in Linux. */
const directFree = (dev: StructDevice, size: number, cpu: VirtAddr, handle: DmaAddr, attrs: DmaAttrs): void => {
  const { kernel } = dev;
  if (isUnmapped(dev, attrs)) {
    kernel.mm.freePfn(pageAtAddress(kernel, cpu).pfn, get_order(size));
    return;
  }
  if (kernel.dma.atomicPools.free(cpu, pageAlign(size))) return;
  if (is_vmalloc_addr(cpu)) {
    dma_common_forget_remap(kernel, cpu);
    vunmap(kernel, cpu);
  } else if (!unshare(dev, cpu, size)) return;
  freePages(dev, pageOf(directToPhysical(dev, handle)), size);
};

/** `dma_direct_alloc_pages`. */
const directAllocPages = (
  dev: StructDevice,
  size: number,
  handle: Out<DmaAddr>,
  _dir: DmaDataDirection,
  gfp: Gfp,
): Page | null => {
  const { kernel } = dev;
  if (force_dma_unencrypted(dev) && usesPool(dev, gfp)) {
    const cpu = allocFromPool(dev, size, handle, gfp);
    return cpu === 0 ? null : pfn_to_page(kernel, pageOf(directToPhysical(dev, handle.value)));
  }
  const pfn = allocDirectPages(dev, size, gfp);
  if (pfn < 0 || !share(dev, pfn, size)) return null;
  kernel.mm.fill(phys_to_virt(PFN_PHYS(pfn)), 0, size);
  handle.value = directToDma(dev, PFN_PHYS(pfn));
  return pfn_to_page(kernel, pfn);
};

/** `dma_direct_free_pages`. */
const directFreePages = (dev: StructDevice, size: number, page: Page): void => {
  if (dev.kernel.dma.atomicPools.freePfn(page.pfn, size)) return;
  if (unshare(dev, page_address(page), size)) freePages(dev, page.pfn, size);
};

/** `dma_direct_get_sgtable`: goes by the DMA address, unlike other back ends. */
const directGetSgtable = (dev: StructDevice, sgt: SgTable, _cpu: VirtAddr, handle: DmaAddr, size: number): number =>
  singleEntry(sgt, pfn_to_page(dev.kernel, pageOf(physAddr(directToPhysical(dev, handle)))), size);

/** Memory for DMA without an IOMMU. */
export const directAllocation: DmaAllocOps = {
  alloc: directAlloc,
  free: directFree,
  getSgtable: directGetSgtable,
  allocPages: directAllocPages,
  freePages: directFreePages,
};
