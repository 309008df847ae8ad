import { dmaAddr, PAGE_SIZE, pageAlign, virtAddr, type DmaAddr, type VirtAddr } from '../../base/address';
import { lowHalf } from '../../base/u64';
import type { StructDevice } from '../base/struct-device';
import { out } from '../err';
import { __GFP_COMP, type Gfp } from '../gfp';
import { page_address } from '../mm/page';
import { PAGE_KERNEL, VM_MAP, vmap, vunmap } from '../mm/vmalloc';
import { sg_dma_address, sg_page, sg_set_page, type Scatterlist } from '../scatterlist/scatterlist';
import { sg_alloc_table, sg_free_table, SgTable } from '../scatterlist/sg-table';
import { checkDevice, checkSize } from './arguments';
import { DMA_ATTR_ALLOC_SINGLE_PAGES, type DmaAttrs } from './attrs';
import { checkDirection, type DmaDataDirection } from './direction';
import { traceMemory } from './dma-trace';
import { allocPages } from './pages';

/**
 * Large memory for streaming DMA that is contiguous for the device only (`kernel/dma/mapping.c`). Without an IOMMU it is
 * contiguous pages after all. It is described by a table: of the pages for the CPU, of one segment for the device.
 */

const putDmaSegment = (sg: Scatterlist, address: DmaAddr, length: number): void => {
  sg.dma_address = address;
  sg.dma_length = length;
};

/** `alloc_single_sgt`. */
const allocSingle = (dev: StructDevice, size: number, dir: DmaDataDirection, gfp: Gfp): SgTable | null => {
  const sgt = new SgTable(dev.kernel);
  if (sg_alloc_table(sgt, 1, gfp) !== 0) return null;
  const handle = out(dmaAddr(0));
  const page = allocPages(dev, size, handle, dir, gfp);
  if (page === null) {
    sg_free_table(sgt);
    return null;
  }
  sg_set_page(sgt.sgl!, page, pageAlign(size), 0);
  putDmaSegment(sgt.sgl!, handle.value, lowHalf(pageAlign(size)));
  return sgt;
};

const trace = (
  dev: StructDevice,
  type: 'dma-alloc' | 'dma-free',
  sgt: SgTable | null,
  size: number,
  dir: DmaDataDirection,
): void => {
  if (!dev.kernel.trace.active) return;
  if (sgt === null) traceMemory(dev, type, 'scattered', virtAddr(0), dmaAddr(0), size, dir);
  else traceMemory(dev, type, 'scattered', page_address(sg_page(sgt.sgl!)), sg_dma_address(sgt.sgl!), size, dir);
};

/**
 * Allocates zeroed memory and maps it as one segment. The CPU may use it by the table's pages or by
 * `dma_vmap_noncontiguous`, with syncs (`dma_sync_sgtable_*`). Of the attributes only `DMA_ATTR_ALLOC_SINGLE_PAGES` is taken.
 * @returns null if there is no memory or no address
 */
export const dma_alloc_noncontiguous = (
  dev: StructDevice,
  size: number,
  dir: DmaDataDirection,
  gfp: Gfp,
  attrs: DmaAttrs,
): SgTable | null => {
  checkDevice(dev);
  checkDirection('dma_alloc_noncontiguous', dir);
  checkSize('dma_alloc_noncontiguous', size);
  if ((attrs & ~DMA_ATTR_ALLOC_SINGLE_PAGES) !== 0 || (gfp & __GFP_COMP) !== 0) {
    dev.kernel.dma.warnOnce('dma_alloc_noncontiguous', `${dev.name}: attributes or flags that are not for this call`);
    return null;
  }
  const { noncontiguous } = dev.dma.ops;
  const sgt = noncontiguous?.alloc(dev, size, dir, gfp, attrs) ?? null;
  const made = noncontiguous === undefined ? allocSingle(dev, size, dir, gfp) : sgt;
  if (made !== null) made.nents = 1;
  trace(dev, 'dma-alloc', made, size, dir);
  return made;
};

/** Undoes `dma_alloc_noncontiguous`, with the same size and direction. The table is gone then. */
export const dma_free_noncontiguous = (dev: StructDevice, size: number, sgt: SgTable, dir: DmaDataDirection): void => {
  checkDevice(dev);
  checkDirection('dma_free_noncontiguous', dir);
  checkSize('dma_free_noncontiguous', size);
  if (sgt.sgl === null) {
    dev.kernel.warn('dma_free_noncontiguous', `${dev.name}: the table is empty: freed already?`);
    return;
  }
  trace(dev, 'dma-free', sgt, size, dir);
  const { noncontiguous } = dev.dma.ops;
  if (noncontiguous !== undefined) {
    noncontiguous.free(dev, size, sgt, dir);
    return;
  }
  dev.dma.ops.freePages(dev, pageAlign(size), sg_page(sgt.sgl), sg_dma_address(sgt.sgl), dir);
  sg_free_table(sgt);
};

/** The memory in one piece for the CPU; 0 (NULL) if there is no room for that. To be undone by `dma_vunmap_noncontiguous`. */
export const dma_vmap_noncontiguous = (dev: StructDevice, size: number, sgt: SgTable): VirtAddr => {
  checkDevice(dev);
  checkSize('dma_vmap_noncontiguous', size);
  const pages = dev.dma.ops.noncontiguous?.pages(dev, sgt);
  if (pages === undefined) return page_address(sg_page(sgt.sgl!));
  return vmap(dev.kernel, pages, pageAlign(size) / PAGE_SIZE, VM_MAP, PAGE_KERNEL);
};

/** Undoes `dma_vmap_noncontiguous`. */
export const dma_vunmap_noncontiguous = (dev: StructDevice, vaddr: VirtAddr): void => {
  checkDevice(dev);
  if (dev.dma.ops.noncontiguous !== undefined) vunmap(dev.kernel, vaddr);
};
