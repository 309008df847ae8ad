import type { DmaAddr } from '../../../base/address';
import type { Direction } from '../../back-ends/lib/loan';
import { dma_map_sg, dma_unmap_sg } from '../../../kernel-api/dma/mapping';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { sg_dma_address, sg_set_page } from '../../../kernel-api/scatterlist/scatterlist';
import { for_each_sgtable_sg, sg_alloc_table, sg_free_table, SgTable } from '../../../kernel-api/scatterlist/sg-table';
import type { Episode, EpisodeBuffer } from './episode';

/** A list of buffers of whole pages. */
export interface EpisodeList {
  readonly address: DmaAddr;
  readonly length: number;
  map(dir: Direction): void;
  unmap(dir: Direction, nents?: number): void;
  free(): void;
}

const PAGE = 4096;

/** A list of so many pages that do not follow one another, or of those of them that are picked. */
export const listOf = (
  episode: Episode,
  count: number,
  pick: (buffers: readonly EpisodeBuffer[]) => readonly EpisodeBuffer[] = (buffers) => buffers,
): EpisodeList => {
  const { dev } = episode;
  const table = new SgTable(dev.kernel);
  const buffers = Array.from({ length: count }, () => episode.buffer({ length: PAGE, whole: true }));
  if (sg_alloc_table(table, count, GFP_KERNEL) !== 0) throw new Error('no memory');
  const entries = pick(buffers);
  let index = 0;
  for (const sg of for_each_sgtable_sg(table)) sg_set_page(sg, entries[index++]!.page, PAGE, 0);
  const sgl = table.sgl!;
  return {
    length: count * PAGE,
    get address() {
      return sg_dma_address(sgl);
    },
    map: (dir) => {
      if (dma_map_sg(dev, sgl, count, dir) === 0) throw new Error('mapping failed');
    },
    unmap: (dir, nents = count) => dma_unmap_sg(dev, sgl, nents, dir),
    free: () => {
      sg_free_table(table);
      for (const buffer of buffers) episode.free(buffer);
    },
  };
};
