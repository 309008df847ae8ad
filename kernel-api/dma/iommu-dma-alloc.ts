import { dmaAddrOf, pageAlign, PAGE_SIZE, virtAddr, type DmaAddr, type VirtAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { Out } from '../err';
import { __GFP_DIRECT_RECLAIM, __GFP_NORETRY, __GFP_NOWARN, __GFP_ZERO, type Gfp } from '../gfp';
import { is_vmalloc_addr, PFN_PHYS, phys_to_virt, virt_to_phys } from '../mm/layout';
import { split_page } from '../mm/page-alloc';
import { get_order, pfn_to_page } from '../mm/page';
import { PAGE_KERNEL, VM_MAP, vmap, vunmap } from '../mm/vmalloc';
import { DMA_ATTR_ALLOC_SINGLE_PAGES, DMA_ATTR_FORCE_CONTIGUOUS, type DmaAttrs } from './attrs';
import { DMA_BIDIRECTIONAL } from './direction';
import { DMA_MAPPING_ERROR } from './dma-address';
import { allocIova, mapRange, protectionOf, unmapAddress, unmapPages, unmapRange } from './iommu-dma';

/**
 * Coherent memory behind an IOMMU (`drivers/iommu/dma-iommu.c`): pages from anywhere, contiguous for the device by its
 * page tables and for the CPU by a mapping in the vmalloc area. A caller that must not sleep gets contiguous pages.
 */

const NULL = virtAddr(0);

/** The orders of pages worth having: those that make one leaf of the tables, at most the largest block there is. */
const usefulOrders = (dev: StructDevice, attrs: DmaAttrs): number =>
  (attrs & DMA_ATTR_ALLOC_SINGLE_PAGES) !== 0 ? 1 : Number((dev.dma.iommu!.domain.pgsize_bitmap >> 12n) & 0x7ffn) | 1;

const freeEach = (dev: StructDevice, pfns: readonly number[]): void => {
  for (const pfn of pfns) dev.kernel.mm.freePfn(pfn, 0);
};

/** One block of the largest order in the set that there is memory for; its order, or -1. Adds its pages to `pfns`. */
const allocBlock = (dev: StructDevice, orders: number, gfp: Gfp, pfns: number[]): number => {
  const { kernel } = dev;
  for (let order = 31 - Math.clz32(orders); order >= 0; order--) {
    if ((orders & (1 << order)) === 0) continue;
    const smallest = (orders & ((1 << order) - 1)) === 0;
    const pfn = kernel.mm.allocPfn(gfp | __GFP_NOWARN | (smallest ? 0 : __GFP_NORETRY), order);
    if (pfn < 0) continue;
    if (order > 0) split_page(pfn_to_page(kernel, pfn), order);
    for (let i = 0; i < 1 << order; i++) pfns.push(pfn + i);
    return order;
  }
  return -1;
};

/** `count` pages in as large blocks as there are; null, and nothing allocated, if there are not enough. */
const allocScattered = (dev: StructDevice, count: number, attrs: DmaAttrs, gfp: Gfp): number[] | null => {
  const pfns: number[] = [];
  let orders = usefulOrders(dev, attrs);
  while (pfns.length < count) {
    const left = count - pfns.length;
    orders &= left >= 1024 ? 0x7ff : 2 ** (32 - Math.clz32(left)) - 1;
    const order = allocBlock(dev, orders, gfp, pfns);
    if (order < 0) {
      freeEach(dev, pfns);
      return null;
    }
    // An order that failed once is not tried again.
    orders &= 2 ** (order + 1) - 1;
  }
  return pfns;
};

/** Maps pages into a range of I/O pages, each contiguous run at once. False, and nothing mapped, if that failed. */
const mapScattered = (dev: StructDevice, iovaPage: number, pfns: readonly number[], prot: number): boolean => {
  const { domain } = dev.dma.iommu!;
  for (let start = 0; start < pfns.length;) {
    let end = start + 1;
    while (end < pfns.length && pfns[end] === pfns[end - 1]! + 1) end++;
    if (domain.mapPages(iovaPage + start, pfns[start]!, end - start, prot) < 0) {
      if (start > 0) unmapRange(domain, iovaPage, start);
      return false;
    }
    start = end;
  }
  return true;
};

/** Gives pages a contiguous range of I/O addresses; its first page, or 0. */
const mapPages = (dev: StructDevice, pfns: readonly number[], attrs: DmaAttrs): number => {
  const { iovad } = dev.dma.iommu!;
  const iovaPage = allocIova(dev, pfns.length, dev.dma.coherentLimit);
  if (iovaPage === 0) return 0;
  if (mapScattered(dev, iovaPage, pfns, protectionOf(dev, DMA_BIDIRECTIONAL, attrs))) return iovaPage;
  iovad.freeFast(iovaPage, pfns.length);
  return 0;
};

/** `iommu_dma_alloc_remap`. */
const allocRemapped = (dev: StructDevice, size: number, handle: Out<DmaAddr>, gfp: Gfp, attrs: DmaAttrs): VirtAddr => {
  const { kernel } = dev;
  const count = pageAlign(size) / PAGE_SIZE;
  const pfns = allocScattered(dev, count, attrs, gfp);
  if (pfns === null) return NULL;
  const iovaPage = mapPages(dev, pfns, attrs);
  if (iovaPage === 0) {
    freeEach(dev, pfns);
    return NULL;
  }
  const pages = pfns.map((pfn) => pfn_to_page(kernel, pfn));
  const cpu = vmap(kernel, pages, pages.length, VM_MAP, PAGE_KERNEL);
  if (cpu === 0) {
    unmapPages(dev, iovaPage, count);
    freeEach(dev, pfns);
    return NULL;
  }
  kernel.dma.remapped.set(cpu, pfns);
  handle.value = dmaAddrOf(iovaPage, 0);
  return cpu;
};

/** Contiguous pages in the linear map, for callers that cannot sleep or want them so. */
const allocContiguous = (
  dev: StructDevice,
  size: number,
  handle: Out<DmaAddr>,
  gfp: Gfp,
  attrs: DmaAttrs,
): VirtAddr => {
  const { mm } = dev.kernel;
  const order = get_order(pageAlign(size));
  const pfn = mm.allocPfn(gfp, order);
  if (pfn < 0) return NULL;
  const cpu = phys_to_virt(PFN_PHYS(pfn));
  mm.fill(cpu, 0, pageAlign(size));
  const prot = protectionOf(dev, DMA_BIDIRECTIONAL, attrs);
  const address = mapRange(dev, PFN_PHYS(pfn), size, prot, dev.dma.coherentLimit);
  if (address === DMA_MAPPING_ERROR) {
    mm.freePfn(pfn, order);
    return NULL;
  }
  handle.value = address;
  return cpu;
};

/** `iommu_dma_alloc`. @returns 0 if there is no memory or no address */
export const iommuAlloc = (
  dev: StructDevice,
  size: number,
  handle: Out<DmaAddr>,
  gfp: Gfp,
  attrs: DmaAttrs,
): VirtAddr => {
  if (size === 0) return NULL;
  const zeroed = gfp | __GFP_ZERO;
  const scattered = (gfp & __GFP_DIRECT_RECLAIM) !== 0 && (attrs & DMA_ATTR_FORCE_CONTIGUOUS) === 0;
  return (scattered ? allocRemapped : allocContiguous)(dev, size, handle, zeroed, attrs);
};

/** `iommu_dma_free`: the IOMMU forgets the pages before they are free for others. */
export const iommuFree = (dev: StructDevice, size: number, cpu: VirtAddr, handle: DmaAddr): void => {
  const { kernel } = dev;
  unmapAddress(dev, handle, size);
  if (!is_vmalloc_addr(cpu)) {
    kernel.mm.freePfn(virt_to_phys(cpu) / PAGE_SIZE, get_order(pageAlign(size)));
    return;
  }
  const pfns = kernel.dma.remapped.get(cpu);
  if (pfns === undefined) {
    kernel.warn('dma_common_free_remap', `trying to free invalid coherent area: 0x${cpu.toString(16)}`);
    return;
  }
  kernel.dma.remapped.delete(cpu);
  vunmap(kernel, cpu);
  freeEach(dev, pfns);
};
