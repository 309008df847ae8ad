import type { StructDevice } from '../../../kernel-api/base/struct-device';
import { msleep } from '../../../kernel-api/sched/delay';
import type { Bench } from './machines';

/** Everything that DMA takes from a machine: the same before and after, where nothing is left behind. */
export interface Usage {
  readonly pages: number;
  readonly areas: number;
  readonly objects: number;
  readonly slots: number;
  readonly poolBytes: number;
  readonly shared: number;
  readonly remaps: number;
  readonly addresses: string;
  /** Pages of I/O addresses that the page tables still translate. */
  readonly translated: number;
  readonly waiting: number;
}

/** Lets a lazy IOMMU's flush queue, and the worker that enlarges atomic pools, do what they have to. */
export const settle = ({ kernel }: Bench): Promise<void> => msleep(kernel, 50);

/** Addresses are given out from the top down: this far below it there is more than the tests ever have. */
const SCANNED = 2048;

const translatedPages = ({ dma }: StructDevice): number => {
  if (dma.iommu === null) return 0;
  const { domain } = dma.iommu;
  const last = Math.min(dma.limit.page, domain.aperturePageEnd);
  let pages = 0;
  for (let page = last - SCANNED; page <= last; page++) if (domain.iovaToPhysPage(page) >= 0) pages++;
  return pages;
};

/** Pages of page tables: those stay that are there once, as on Linux. The domain's class is the IOMMU driver's own. */
const tablePages = ({ dma }: StructDevice): number =>
  dma.iommu === null ? 0 : (dma.iommu.domain as unknown as { table: { tableCount: number } }).table.tableCount;

/** Takes stock. What allocators keep for themselves is given back first, or left out. */
export const usage = ({ kernel, masters }: Bench): Usage => {
  const { mm, dma } = kernel;
  mm.slabs.shrink();
  const { allocatedPages, vmallocPages, kmallocObjects } = mm.statistics();
  const { size, available } = dma.atomicPools.statistics;
  const cookies = masters.flatMap(({ dev }) => (dev.dma.iommu === null ? [] : [dev.dma.iommu]));
  const pools = new Set([dma.swiotlb.defaultMem, ...masters.flatMap(({ dev }) => dev.dma.dma_io_tlb_mem ?? [])]);
  const tables = masters.reduce((sum, { dev }) => sum + tablePages(dev), 0);
  return {
    pages: allocatedPages - vmallocPages - size / 4096 - tables,
    areas: mm.areas.list().filter(({ kind }) => kind !== 'stack').length,
    objects: kmallocObjects,
    slots: [...pools].reduce((sum, { used }) => sum + used, 0),
    poolBytes: size - available,
    shared: kernel.confidential.sharedPages - (kernel.confidential.active ? size / 4096 : 0),
    remaps: dma.remapped.size + dma.contiguousRemaps.size,
    addresses: JSON.stringify(cookies.map(({ iovad }) => iovad.ranges())),
    translated: masters.reduce((sum, { dev }) => sum + translatedPages(dev), 0),
    waiting: cookies.reduce((sum, { queue }) => sum + (queue?.length ?? 0), 0),
  };
};
