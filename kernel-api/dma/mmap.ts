import { PAGE_SIZE, pageAlign, pageOf, type DmaAddr, type VirtAddr } from '../../base/address';
import { ENXIO } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import { is_vmalloc_addr } from '../mm/layout';
import { pfn_to_page, virt_to_page, type Page } from '../mm/page';
import { remap_pfn_range, vm_map_pages } from '../mm/user/remap';
import { vma_pages, type VmAreaStruct } from '../mm/user/vm-area-struct';
import { vmalloc_to_pfn } from '../mm/vmalloc';
import { sg_page } from '../scatterlist/scatterlist';
import type { SgTable } from '../scatterlist/sg-table';
import { checkDevice, checkDmaAddr, checkSize } from './arguments';
import { DMA_ATTR_WRITE_COMBINE, type DmaAttrs } from './attrs';
import { directToPhysical } from './direct-address';
import { dma_common_find_pages, dma_pgprot } from './remap';

/**
 * Memory for DMA in user space (`dma_mmap_*` of `kernel/dma/` and `drivers/iommu/dma-iommu.c`). A user mapping begins
 * `vm_pgoff` pages into the memory and must not reach over its end: `-ENXIO`.
 */

const pagesOf = (size: number): number => pageAlign(size) / PAGE_SIZE;

/** Whether a user mapping lies within `count` pages. */
const fits = (vma: VmAreaStruct, count: number): boolean =>
  vma.vm_pgoff < count && vma_pages(vma) <= count - vma.vm_pgoff;

/** Maps contiguous page frames, of which there are `count`. */
const mapFrames = (vma: VmAreaStruct, pfn: number, count: number): number =>
  fits(vma, count)
    ? remap_pfn_range(vma, vma.vm_start, pfn + vma.vm_pgoff, vma_pages(vma) * PAGE_SIZE, vma.vm_page_prot)
    : -ENXIO;

/**
 * Maps memory of the device's own into user space. Null if the memory is none of it: then the back end has to do it; else 0
 * or a negative error. In C the result is an out-parameter, and what is returned is whether there is one.
 */
export const dma_mmap_from_dev_coherent = (
  dev: StructDevice,
  vma: VmAreaStruct,
  vaddr: VirtAddr,
  size: number,
): number | null => {
  const mem = dev.dma.dma_mem;
  if (mem?.has(vaddr) !== true || vaddr + size > mem.virt_base + mem.size * PAGE_SIZE) return null;
  return mapFrames(vma, mem.pfn_base + pageOf(vaddr - mem.virt_base), pagesOf(size));
};

/** The pages behind memory for DMA: a list where they are scattered, else the first page frame (-1 if there is none). */
const behind = (dev: StructDevice, cpu: VirtAddr): number | readonly number[] => {
  const { kernel } = dev;
  if (!is_vmalloc_addr(cpu)) return virt_to_page(kernel, cpu).pfn;
  return dma_common_find_pages(kernel, cpu) ?? vmalloc_to_pfn(kernel, cpu);
};

/**
 * Maps memory of `dma_alloc_attrs` into user space, with the same size and attributes; it must not be freed before the
 * mapping is gone. The mapping goes past the cache if the device does not snoop.
 * @returns 0, `-ENXIO` for a mapping that reaches over the end, or what `remap_pfn_range` returns
 */
export const dma_mmap_attrs = (
  dev: StructDevice,
  vma: VmAreaStruct,
  cpu: VirtAddr,
  handle: DmaAddr,
  size: number,
  attrs: DmaAttrs,
): number => {
  checkDevice(dev);
  checkSize('dma_mmap_attrs', size);
  checkDmaAddr('dma_mmap_attrs', handle);
  vma.vm_page_prot = dma_pgprot(dev, vma.vm_page_prot, attrs);
  const own = dma_mmap_from_dev_coherent(dev, vma, cpu, size);
  if (own !== null) return own;
  const count = pagesOf(size);
  if (!fits(vma, count)) return -ENXIO;
  // Without an IOMMU Linux goes by the DMA address, so that a cookie for the CPU's address will do.
  const pages = dev.dma.ops.name === 'direct' ? pageOf(directToPhysical(dev, handle)) : behind(dev, cpu);
  if (typeof pages !== 'number') return mapPages(dev, vma, pages, count);
  return pages < 0 ? -ENXIO : mapFrames(vma, pages, count);
};

const mapPages = (dev: StructDevice, vma: VmAreaStruct, pfns: readonly number[], count: number): number =>
  vm_map_pages(
    vma,
    pfns.map((pfn) => pfn_to_page(dev.kernel, pfn)),
    count,
  );

/** `dma_mmap_attrs` without attributes. */
export const dma_mmap_coherent = (
  dev: StructDevice,
  vma: VmAreaStruct,
  cpu: VirtAddr,
  handle: DmaAddr,
  size: number,
): number => dma_mmap_attrs(dev, vma, cpu, handle, size, 0);

/** `dma_mmap_attrs` of memory of `dma_alloc_wc`. */
export const dma_mmap_wc = (
  dev: StructDevice,
  vma: VmAreaStruct,
  cpu: VirtAddr,
  handle: DmaAddr,
  size: number,
): number => dma_mmap_attrs(dev, vma, cpu, handle, size, DMA_ATTR_WRITE_COMBINE);

/** Maps pages of `dma_alloc_pages` into user space: cached, and to be synced, like all streaming mappings. */
export const dma_mmap_pages = (_dev: StructDevice, vma: VmAreaStruct, size: number, page: Page): number => {
  checkSize('dma_mmap_pages', size);
  return mapFrames(vma, page.pfn, pagesOf(size));
};

/** Maps memory of `dma_alloc_noncontiguous` into user space. */
export const dma_mmap_noncontiguous = (dev: StructDevice, vma: VmAreaStruct, size: number, sgt: SgTable): number => {
  checkDevice(dev);
  checkSize('dma_mmap_noncontiguous', size);
  const pages = dev.dma.ops.noncontiguous?.pages(dev, sgt);
  if (pages === undefined) return dma_mmap_pages(dev, vma, size, sg_page(sgt.sgl!));
  return fits(vma, pagesOf(size)) ? vm_map_pages(vma, pages, pagesOf(size)) : -ENXIO;
};

/** Whether memory for DMA can be mapped into user space: with both back ends it can, coherent or not. */
export const dma_can_mmap = (_dev: StructDevice): boolean => true;
