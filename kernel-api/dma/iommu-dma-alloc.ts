import { dmaAddrOf, dmaPageOf, pageAlign, PAGE_SIZE, virtAddr, type DmaAddr, type VirtAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { Out } from '../err';
import { __GFP_DIRECT_RECLAIM, __GFP_ZERO, type Gfp } from '../gfp';
import { is_vmalloc_addr, PFN_PHYS, phys_to_virt, virt_to_phys } from '../mm/layout';
import { get_order, pfn_to_page } from '../mm/page';
import { PAGE_KERNEL, vmalloc_to_pfn } from '../mm/vmalloc';
import { arch_dma_prep_coherent } from './arch-sync';
import { DMA_ATTR_FORCE_CONTIGUOUS, type DmaAttrs } from './attrs';
import { DMA_BIDIRECTIONAL } from './direction';
import { DMA_MAPPING_ERROR } from './dma-address';
import { mapRange, protectionOf, unmapAddress, unmapPages } from './iommu-dma';
import { allocScattered, freeScattered, mapScattered } from './iommu-dma-pages';
import {
  dma_common_contiguous_remap,
  dma_common_find_pages,
  dma_common_free_remap,
  dma_common_pages_remap,
  dma_pgprot,
} from './remap';

/**
 * Coherent memory behind an IOMMU (`iommu_dma_alloc` of `drivers/iommu/dma-iommu.c`): pages from anywhere, contiguous for the
 * device by its page tables and for the CPU by a mapping in the vmalloc area. A caller that must not sleep gets contiguous
 * pages, of a pool that is mapped past the caches already if the device does not snoop.
 */

const NULL = virtAddr(0);

/** What the CPU is to use, and the first page frame of it. */
interface Memory {
  readonly cpu: VirtAddr;
  readonly pfn: number;
}

/** `iommu_dma_alloc_remap`. */
const allocRemapped = (dev: StructDevice, size: number, handle: Out<DmaAddr>, gfp: Gfp, attrs: DmaAttrs): VirtAddr => {
  const count = pageAlign(size) / PAGE_SIZE;
  const pfns = allocScattered(dev, count, attrs, gfp);
  if (pfns === null) return NULL;
  const iovaPage = mapScattered(dev, pfns, attrs);
  if (iovaPage === 0) {
    freeScattered(dev, pfns);
    return NULL;
  }
  const cpu = dma_common_pages_remap(dev.kernel, pfns, dma_pgprot(dev, PAGE_KERNEL, attrs));
  if (cpu === 0) {
    unmapPages(dev, iovaPage, count);
    freeScattered(dev, pfns);
    return NULL;
  }
  handle.value = dmaAddrOf(iovaPage, 0);
  return cpu;
};

/** Contiguous pages, zeroed, where the device snoops in the linear map (`iommu_dma_alloc_pages`). */
const allocContiguous = (dev: StructDevice, size: number, gfp: Gfp, attrs: DmaAttrs): Memory | null => {
  const { kernel } = dev;
  const order = get_order(size);
  const pfn = kernel.mm.allocPfn(gfp, order);
  if (pfn < 0) return null;
  let cpu = phys_to_virt(PFN_PHYS(pfn));
  if (!dev.dma.dma_coherent) {
    cpu = dma_common_contiguous_remap(kernel, pfn_to_page(kernel, pfn), size, dma_pgprot(dev, PAGE_KERNEL, attrs));
    if (cpu === 0) {
      kernel.mm.freePfn(pfn, order);
      return null;
    }
    arch_dma_prep_coherent(kernel, PFN_PHYS(pfn), size);
  }
  kernel.mm.fill(cpu, 0, size);
  return { cpu, pfn };
};

/** Gives the memory itself back (`__iommu_dma_free`). @param size whole pages */
const freeMemory = (dev: StructDevice, size: number, cpu: VirtAddr): void => {
  const { kernel } = dev;
  if (kernel.dma.atomicPools.free(cpu, size)) return;
  if (!is_vmalloc_addr(cpu)) {
    kernel.mm.freePfn(virt_to_phys(cpu) / PAGE_SIZE, get_order(size));
    return;
  }
  const pfns = dma_common_find_pages(kernel, cpu);
  const pfn = pfns === null ? vmalloc_to_pfn(kernel, cpu) : -1;
  const known = pfns !== null || kernel.dma.contiguousRemaps.has(cpu);
  dma_common_free_remap(kernel, cpu);
  if (!known) return;
  if (pfns !== null) freeScattered(dev, pfns);
  else kernel.mm.freePfn(pfn, get_order(size));
};

/** `iommu_dma_alloc`. @returns 0 if there is no memory or no address */
export const iommuAlloc = (
  dev: StructDevice,
  size: number,
  handle: Out<DmaAddr>,
  flags: Gfp,
  attrs: DmaAttrs,
): VirtAddr => {
  if (size === 0) return NULL;
  const gfp = flags | __GFP_ZERO;
  const maySleep = (gfp & __GFP_DIRECT_RECLAIM) !== 0;
  if (maySleep && (attrs & DMA_ATTR_FORCE_CONTIGUOUS) === 0) return allocRemapped(dev, size, handle, gfp, attrs);
  const bytes = pageAlign(size);
  const memory =
    maySleep || dev.dma.dma_coherent
      ? allocContiguous(dev, bytes, gfp, attrs)
      : dev.kernel.dma.atomicPools.alloc(dev, bytes, gfp);
  if (memory === null) return NULL;
  const prot = protectionOf(dev, DMA_BIDIRECTIONAL, attrs);
  const address = mapRange(dev, PFN_PHYS(memory.pfn), size, prot, dev.dma.coherentLimit);
  if (address === DMA_MAPPING_ERROR) {
    freeMemory(dev, bytes, memory.cpu);
    return NULL;
  }
  handle.value = address;
  return memory.cpu;
};

/** `iommu_dma_free`: the IOMMU forgets the pages before they are free for others, unless invalidation is lazy. */
export const iommuFree = (dev: StructDevice, size: number, cpu: VirtAddr, handle: DmaAddr): void => {
  unmapAddress(dev, handle, size);
  freeMemory(dev, pageAlign(size), cpu);
};

/**
 * Takes memory of `iommuAlloc` from the device, and leaves it to the CPU: when this returns, the IOMMU has forgotten the
 * pages, also where invalidation is lazy. `iommuFreeRevoked` frees it later.
 */
export const iommuRevoke = (dev: StructDevice, size: number, handle: DmaAddr): void =>
  unmapPages(dev, dmaPageOf(handle), pageAlign(size) / PAGE_SIZE, null);

/** Frees memory that `iommuRevoke` has taken from the device. */
export const iommuFreeRevoked = (dev: StructDevice, size: number, cpu: VirtAddr): void =>
  freeMemory(dev, pageAlign(size), cpu);
