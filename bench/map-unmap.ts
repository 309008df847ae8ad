import { DMA_TO_DEVICE } from '../kernel-api/dma/direction';
import { dma_map_sgtable, dma_unmap_sgtable } from '../kernel-api/dma/mapping';
import { onMachine } from './host';
import { compare, figure, timed, type Figure } from './measure';
import { scatteredPages, tableOf } from './sg-lists';

const PAGES = 256;
const LISTS = 400;

/** The least that mapping and unmapping can be: a table entry written and cleared for each page. */
const entriesSample = (table: Uint32Array): number =>
  timed(() => {
    for (let list = 0; list < LISTS; list++) {
      for (let i = 0; i < PAGES; i++) {
        table[2 * i] = (i << 10) | 0xd7;
        table[2 * i + 1] = list;
      }
      for (let i = 0; i < PAGES; i++) {
        table[2 * i] = 0;
        table[2 * i + 1] = 0;
      }
    }
  }) /
  (LISTS * PAGES);

const mapUnmap = (name: string, iommu: boolean): Promise<Figure> =>
  onMachine({ iommu }, async (kernel) => {
    const dev = kernel.drivers.devices.find(({ driver }) => driver?.name === 'dw_axi_dmac_platform')!;
    const sgt = tableOf(kernel, scatteredPages(kernel, PAGES));
    const table = new Uint32Array(2 * PAGES);
    const sample = (): number =>
      timed(() => {
        for (let list = 0; list < LISTS; list++) {
          if (dma_map_sgtable(dev, sgt, DMA_TO_DEVICE, 0) !== 0) throw new Error('the list cannot be mapped');
          dma_unmap_sgtable(dev, sgt, DMA_TO_DEVICE, 0);
        }
      }) /
      (LISTS * PAGES);
    const result = await compare(sample, () => entriesSample(table));
    return figure(name, 'ns/page', result.value, result.baseline, 'writing and clearing a table entry');
  });

/** `dma_map_sgtable` and `dma_unmap_sgtable` of 256 scattered pages, in nanoseconds per page. */
export const mapUnmapFigures = async (): Promise<Figure[]> => [
  await mapUnmap('map-unmap-strict', true),
  await mapUnmap('map-unmap-direct', false),
];
