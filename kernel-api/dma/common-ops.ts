import { PAGE_SIZE, pageAlign, physAddr, type DmaAddr, type VirtAddr } from '../../base/address';
import { EINVAL } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import type { Out } from '../err';
import { GFP_KERNEL, type Gfp } from '../gfp';
import { is_vmalloc_addr } from '../mm/layout';
import { get_order, page_address, pfn_to_page, virt_to_page, type Page } from '../mm/page';
import { vmalloc_to_page } from '../mm/vmalloc';
import { sg_set_page } from '../scatterlist/scatterlist';
import { sg_alloc_table, sg_alloc_table_from_pages, type SgTable } from '../scatterlist/sg-table';
import { DMA_ATTR_SKIP_CPU_SYNC } from './attrs';
import type { DmaDataDirection } from './direction';
import { DMA_MAPPING_ERROR } from './dma-address';
import { dma_common_find_pages } from './remap';

/** What back ends share (`kernel/dma/ops_helpers.c`): memory that consists of ordinary pages. */

/** The page behind memory for DMA, in the vmalloc area or in the linear map; null where nothing is mapped. */
const vaddrToPage = (dev: StructDevice, cpu: VirtAddr): Page | null =>
  is_vmalloc_addr(cpu) ? vmalloc_to_page(dev.kernel, cpu) : virt_to_page(dev.kernel, cpu);

/** Makes a list of one entry. 0, or a negative error. */
export const singleEntry = (sgt: SgTable, page: Page, size: number): number => {
  const error = sg_alloc_table(sgt, 1, GFP_KERNEL);
  if (error === 0) sg_set_page(sgt.sgl!, page, pageAlign(size), 0);
  return error;
};

/**
 * Describes memory of `dma_alloc_attrs` by a list (`iommu_dma_get_sgtable`): of all its pages where they are scattered,
 * else of one entry. 0, `-EINVAL` where nothing is mapped, `-ENOMEM`.
 */
export const dma_common_get_sgtable = (
  dev: StructDevice,
  sgt: SgTable,
  cpu: VirtAddr,
  _handle: DmaAddr,
  size: number,
): number => {
  const pfns = dma_common_find_pages(dev.kernel, cpu);
  if (pfns !== null) {
    const pages = pfns.map((pfn) => pfn_to_page(dev.kernel, pfn));
    return sg_alloc_table_from_pages(sgt, pages, pageAlign(size) / PAGE_SIZE, 0, size, GFP_KERNEL);
  }
  const page = vaddrToPage(dev, cpu);
  return page === null ? nothingThere(dev, cpu) : singleEntry(sgt, page, size);
};

const nothingThere = (dev: StructDevice, cpu: VirtAddr): number => {
  dev.kernel.warn('dma_get_sgtable', `${dev.name}: 0x${cpu.toString(16)} is no memory for DMA`);
  return -EINVAL;
};

/** Allocates contiguous pages and maps them (`dma_common_alloc_pages`), for back ends that translate. */
export const dma_common_alloc_pages = (
  dev: StructDevice,
  size: number,
  handle: Out<DmaAddr>,
  dir: DmaDataDirection,
  gfp: Gfp,
): Page | null => {
  const { mm } = dev.kernel;
  const order = get_order(size);
  const pfn = mm.allocPfn(gfp, order);
  if (pfn < 0) return null;
  const page = pfn_to_page(dev.kernel, pfn);
  const address = dev.dma.ops.mapPhys(dev, physAddr(pfn * PAGE_SIZE), size, dir, DMA_ATTR_SKIP_CPU_SYNC);
  handle.value = address;
  if (address === DMA_MAPPING_ERROR) {
    mm.freePfn(pfn, order);
    return null;
  }
  mm.fill(page_address(page), 0, size);
  return page;
};

/** Undoes `dma_common_alloc_pages`. */
export const dma_common_free_pages = (
  dev: StructDevice,
  size: number,
  page: Page,
  handle: DmaAddr,
  dir: DmaDataDirection,
): void => {
  dev.dma.ops.unmapPhys(dev, handle, size, dir, DMA_ATTR_SKIP_CPU_SYNC);
  dev.kernel.mm.freePfn(page.pfn, get_order(size));
};
