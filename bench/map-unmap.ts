import type { StructDevice } from '../kernel-api/base/struct-device';
import { DMA_TO_DEVICE } from '../kernel-api/dma/direction';
import { dma_map_sgtable, dma_unmap_sgtable } from '../kernel-api/dma/mapping';
import type { Kernel } from '../kernel-api/kernel';
import type { SgTable } from '../kernel-api/scatterlist/sg-table';
import type { MachineOptions } from '../lab/machine-options';
import { onMachine } from './host';
import { compare, figure, timed, type Figure } from './measure';
import { scatteredPages, tableOf } from './sg-lists';

const PAGES = 256;
const LISTS = 400;
/** A list longer than any driver's, in memory that holds it. */
const MANY_PAGES = 100_000;
const LARGE_MEMORY = [{ base: 0x8000_0000, size: 1 << 30 }];

/** The least that mapping and unmapping can be: a table entry written and cleared for each page. */
const entriesSample = (table: Uint32Array, lists: number): number => {
  const pages = table.length / 2;
  return (
    timed(() => {
      for (let list = 0; list < lists; list++) {
        for (let i = 0; i < pages; i++) {
          table[2 * i] = (i << 10) | 0xd7;
          table[2 * i + 1] = list;
        }
        table.fill(0);
      }
    }) /
    (lists * pages)
  );
};

/** The least that bouncing can be: the bytes copied. */
const copySample = (memory: Uint8Array, lists: number): number => {
  const pages = memory.length / 2 / 4096;
  const target = memory.length / 2;
  return (
    timed(() => {
      for (let list = 0; list < lists; list++) {
        for (let i = 0; i < pages; i++) memory.copyWithin(target + i * 4096, i * 4096, i * 4096 + 4096);
      }
    }) /
    (lists * pages)
  );
};

const mapAndUnmap = (dev: StructDevice, sgt: SgTable, lists: number): number =>
  timed(() => {
    for (let list = 0; list < lists; list++) {
      if (dma_map_sgtable(dev, sgt, DMA_TO_DEVICE, 0) !== 0) throw new Error('the list cannot be mapped');
      dma_unmap_sgtable(dev, sgt, DMA_TO_DEVICE, 0);
    }
  }) /
  (lists * sgt.orig_nents);

const controllerOf = (kernel: Kernel): StructDevice =>
  kernel.drivers.devices.find(({ driver }) => driver?.name === 'dw_axi_dmac_platform')!;

const againstEntries = (name: string, options: MachineOptions, pages = PAGES, lists = LISTS): Promise<Figure> =>
  onMachine(options, async (kernel) => {
    const dev = controllerOf(kernel);
    const sgt = tableOf(kernel, scatteredPages(kernel, pages));
    const table = new Uint32Array(2 * pages);
    const result = await compare(
      () => mapAndUnmap(dev, sgt, lists),
      () => entriesSample(table, lists),
    );
    return figure(name, 'ns/page', result.value, result.baseline, 'writing and clearing a table entry');
  });

const againstCopy = (name: string, options: MachineOptions): Promise<Figure> =>
  onMachine(options, async (kernel) => {
    const dev = controllerOf(kernel);
    const sgt = tableOf(kernel, scatteredPages(kernel, PAGES));
    const memory = new Uint8Array(2 * PAGES * 4096).fill(1);
    const result = await compare(
      () => mapAndUnmap(dev, sgt, LISTS / 4),
      () => copySample(memory, LISTS / 4),
    );
    return figure(name, 'ns/page', result.value, result.baseline, 'copyWithin of a page');
  });

/**
 * `dma_map_sgtable` and `dma_unmap_sgtable` of 256 scattered pages, in nanoseconds per page, over the back ends; and of
 * 100,000 pages.
 */
export const mapUnmapFigures = async (): Promise<Figure[]> => [
  await againstEntries('map-unmap-strict', { bootargs: 'iommu.strict=1' }),
  await againstEntries('map-unmap-lazy', { bootargs: 'iommu.strict=0' }),
  await againstEntries('map-unmap-direct', { iommu: false }),
  await againstCopy('map-unmap-swiotlb', { iommu: false, bootargs: 'swiotlb=force' }),
  await againstEntries('map-unmap-100k-strict', { memory: LARGE_MEMORY, bootargs: 'iommu.strict=1' }, MANY_PAGES, 1),
  await againstEntries('map-unmap-100k-direct', { memory: LARGE_MEMORY, iommu: false }, MANY_PAGES, 1),
];
