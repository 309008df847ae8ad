import { dmaAddrOf, dmaPageOf, pageAlign, PAGE_SIZE } from '../../base/address';
import { lowHalf } from '../../base/u64';
import type { StructDevice } from '../base/struct-device';
import { __GFP_COMP, __GFP_DMA, __GFP_DMA32, type Gfp } from '../gfp';
import { pfn_to_page, type Page } from '../mm/page';
import { sg_alloc_table_from_pages, sg_free_table, SgTable } from '../scatterlist/sg-table';
import type { DmaAttrs } from './attrs';
import type { DmaDataDirection } from './direction';
import type { DmaNoncontiguousOps } from './dma-map-ops';
import { unmapPages } from './iommu-dma';
import { allocScattered, freeScattered, mapScattered } from './iommu-dma-pages';

/** `iommu_dma_alloc_noncontiguous` and its siblings (`drivers/iommu/dma-iommu.c`): scattered pages, one segment. */

const pagesOf = (dev: StructDevice, pfns: readonly number[]): Page[] => pfns.map((pfn) => pfn_to_page(dev.kernel, pfn));

const alloc = (dev: StructDevice, size: number, _dir: DmaDataDirection, gfp: Gfp, attrs: DmaAttrs): SgTable | null => {
  const bytes = pageAlign(size);
  const pfns = size === 0 ? null : allocScattered(dev, bytes / PAGE_SIZE, attrs, gfp);
  if (pfns === null) return null;
  const sgt = new SgTable(dev.kernel);
  const flags = gfp & ~(__GFP_DMA | __GFP_DMA32 | __GFP_COMP);
  const error = sg_alloc_table_from_pages(sgt, pagesOf(dev, pfns), pfns.length, 0, bytes, flags);
  const iovaPage = error === 0 ? mapScattered(dev, pfns, attrs) : 0;
  if (iovaPage === 0) {
    if (error === 0) sg_free_table(sgt);
    freeScattered(dev, pfns);
    return null;
  }
  sgt.sgl!.dma_address = dmaAddrOf(iovaPage, 0);
  sgt.sgl!.dma_length = lowHalf(bytes);
  dev.dma.iommu!.noncontiguous.set(sgt, pfns);
  return sgt;
};

/** What an unknown table describes is not touched. */
const free = (dev: StructDevice, size: number, sgt: SgTable): void => {
  const { noncontiguous } = dev.dma.iommu!;
  const pfns = noncontiguous.get(sgt);
  if (pfns === undefined) {
    dev.kernel.warn('dma_free_noncontiguous', `${dev.name}: the table is not of dma_alloc_noncontiguous`);
    return;
  }
  noncontiguous.delete(sgt);
  unmapPages(dev, dmaPageOf(sgt.sgl!.dma_address), pageAlign(size) / PAGE_SIZE);
  freeScattered(dev, pfns);
  sg_free_table(sgt);
};

export const iommuNoncontiguous: DmaNoncontiguousOps = {
  alloc,
  free,
  pages: (dev, sgt) => pagesOf(dev, dev.dma.iommu!.noncontiguous.get(sgt) ?? []),
};
