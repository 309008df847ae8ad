import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { DMA_BIDIRECTIONAL } from '../../../kernel-api/dma/direction';
import {
  dma_map_sgtable,
  dma_set_max_seg_size,
  dma_set_seg_boundary,
  dma_unmap_sgtable,
} from '../../../kernel-api/dma/mapping';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { alloc_pages } from '../../../kernel-api/mm/page-alloc';
import { nth_page } from '../../../kernel-api/mm/page';
import { sg_dma_address, sg_dma_len, sg_set_page } from '../../../kernel-api/scatterlist/scatterlist';
import {
  for_each_sgtable_dma_sg,
  for_each_sgtable_sg,
  sg_alloc_table,
  sg_free_table,
  SgTable,
} from '../../../kernel-api/scatterlist/sg-table';
import { makeDmaDevice, makeDmaKernel, putBehindIommu, reach } from '../../support/dma-device';

type Row = readonly [maxSegment: number, boundaryMask: number, entries: number[], segments: number[]];

const groups = (flat: readonly number[], size: number): number[][] =>
  Array.from({ length: flat.length / size }, (_, i) => flat.slice(i * size, (i + 1) * size));

/** Physical addresses of samples of a list's bytes, by position in the list: the ends of each entry, and its middle. */
const samples = (entries: readonly number[][], pfn: number): Map<number, number> => {
  const found = new Map<number, number>();
  let position = 0;
  for (const [page, offset, length] of entries as [number, number, number][]) {
    for (const at of [0, length >>> 1, length - 1]) found.set(position + at, (pfn + page) * 4096 + offset + at);
    position += length;
  }
  return found;
};

const { cases } = JSON.parse(readFileSync(join(__dirname, '../../fixtures/linux-map-sg-iommu.json'), 'utf8')) as {
  cases: Row[];
};

describe('dma_map_sgtable behind an IOMMU, as measured on Linux 7.2.13', () => {
  const kernel = makeDmaKernel();
  const dev = makeDmaDevice(kernel);
  const domain = putBehindIommu(dev);
  const block = alloc_pages(kernel, GFP_KERNEL, 10)!;

  const replay = ([maxSegment, boundaryMask, entries]: Row): { segments: number[]; wrong: string[] } => {
    dma_set_max_seg_size(dev, maxSegment);
    dma_set_seg_boundary(dev, BigInt(boundaryMask));
    const table = new SgTable(kernel);
    const rows = groups(entries, 3);
    expect(sg_alloc_table(table, rows.length, GFP_KERNEL)).to.equal(0);
    [...for_each_sgtable_sg(table)].forEach((sg, i) => {
      const [page, offset, length] = rows[i] as [number, number, number];
      sg_set_page(sg, nth_page(block, page), length, offset);
    });
    expect(dma_map_sgtable(dev, table, DMA_BIDIRECTIONAL)).to.equal(0);
    const first = sg_dma_address(table.sgl!) & ~0xfffn;
    const segments: number[] = [];
    const wrong: string[] = [];
    let base = 0;
    const positions = [...samples(rows, block.pfn)];
    for (const sg of for_each_sgtable_dma_sg(table)) {
      segments.push(Number(sg_dma_address(sg) - first), sg_dma_len(sg));
      const end = base + sg_dma_len(sg);
      while (positions.length > 0 && positions[0]![0] < end) {
        const [position, physical] = positions.shift()!;
        const seen = reach(dev, sg_dma_address(sg) + BigInt(position - base));
        if (seen !== physical) wrong.push(`byte ${position}: ${seen}`);
      }
      base = end;
    }
    if (positions.length > 0) wrong.push(`${positions.length} samples are in no segment`);
    dma_unmap_sgtable(dev, table, DMA_BIDIRECTIONAL);
    sg_free_table(table);
    return { segments, wrong };
  };

  it(`merges ${cases.length} lists as Linux does, and shows the device their bytes in order`, () => {
    for (const row of cases) {
      const { segments, wrong } = replay(row);
      expect(segments, JSON.stringify(row.slice(0, 3))).to.deep.equal(row[3]);
      expect(wrong).to.deep.equal([]);
    }
    expect(domain.pages.size).to.equal(0);
    expect(domain.stale.size).to.equal(0);
    expect(dev.dma.iommu!.iovad.ranges()).to.deep.equal([]);
    expect(kernel.warned).to.deep.equal([]);
  });
});
