import { PAGE_SIZE } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { __GFP_NORETRY, __GFP_NOWARN, type Gfp } from '../gfp';
import { IOMMU_CACHE } from '../iommu/iommu-domain';
import { PageRuns } from '../iommu/page-runs';
import { split_page } from '../mm/page-alloc';
import { pfn_to_page } from '../mm/page';
import { arch_dma_prep_coherent } from './arch-sync';
import { DMA_ATTR_ALLOC_SINGLE_PAGES, type DmaAttrs } from './attrs';
import { DMA_BIDIRECTIONAL } from './direction';
import { allocIova, protectionOf } from './iommu-dma';

/**
 * Pages from anywhere that are contiguous for a device (`__iommu_dma_alloc_noncontiguous` of `drivers/iommu/dma-iommu.c`).
 */

const MAX_ORDERS = 0x7ff;

/** The orders of pages worth having: those that make one leaf of the tables, at most the largest block there is. */
const usefulOrders = (dev: StructDevice, attrs: DmaAttrs): number =>
  (attrs & DMA_ATTR_ALLOC_SINGLE_PAGES) !== 0 ? 1 : Number((dev.dma.iommu!.domain.pgsize_bitmap >> 12n) & 0x7ffn) | 1;

/** Frees pages one by one. */
export const freeScattered = (dev: StructDevice, pfns: readonly number[]): void => {
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
export const allocScattered = (dev: StructDevice, count: number, attrs: DmaAttrs, gfp: Gfp): number[] | null => {
  const pfns: number[] = [];
  let orders = usefulOrders(dev, attrs);
  while (pfns.length < count) {
    const left = count - pfns.length;
    orders &= left >= 1024 ? MAX_ORDERS : 2 ** (32 - Math.clz32(left)) - 1;
    const order = allocBlock(dev, orders, gfp, pfns);
    if (order < 0) {
      freeScattered(dev, pfns);
      return null;
    }
    // An order that failed once is not tried again.
    orders &= 2 ** (order + 1) - 1;
  }
  return pfns;
};

/** The runs of contiguous ones among pages. */
const runsOf = (pfns: readonly number[]): PageRuns => {
  const runs = new PageRuns(pfns.length);
  for (const pfn of pfns) {
    const last = runs.count - 1;
    if (last >= 0 && runs.start[last]! + runs.pages[last]! === pfn) {
      runs.pages[last]!++;
    } else {
      runs.start[runs.count] = pfn;
      runs.pages[runs.count] = 1;
      runs.count++;
    }
  }
  return runs;
};

/** Gives pages a contiguous range of I/O addresses, for both directions; its first page, or 0. */
export const mapScattered = (dev: StructDevice, pfns: readonly number[], attrs: DmaAttrs): number => {
  const { domain, iovad } = dev.dma.iommu!;
  const iovaPage = allocIova(dev, pfns.length, dev.dma.coherentLimit);
  if (iovaPage === 0) return 0;
  const prot = protectionOf(dev, DMA_BIDIRECTIONAL, attrs);
  const runs = runsOf(pfns);
  if ((prot & IOMMU_CACHE) === 0) {
    for (let run = 0; run < runs.count; run++) {
      arch_dma_prep_coherent(dev.kernel, runs.start[run]! * PAGE_SIZE, runs.pages[run]! * PAGE_SIZE);
    }
  }
  if (domain.mapRuns(iovaPage, runs, prot) === 0) return iovaPage;
  iovad.freeFast(iovaPage, pfns.length);
  return 0;
};
