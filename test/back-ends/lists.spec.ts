import { expect } from 'chai';
import { DMA_BIDIRECTIONAL, DMA_TO_DEVICE } from '../../kernel-api/dma/direction';
import * as api from '../../kernel-api/dma/mapping';
import { GFP_KERNEL } from '../../kernel-api/gfp';
import { page_address } from '../../kernel-api/mm/page';
import { __free_pages, alloc_page } from '../../kernel-api/mm/page-alloc';
import { sg_dma_address, sg_init_table, sg_set_page } from '../../kernel-api/scatterlist/scatterlist';
import { sg_alloc_table, sg_free_table, SgTable } from '../../kernel-api/scatterlist/sg-table';
import { patternBytes } from '../../lab/pattern';
import { BACK_ENDS, onBackEnd, type Bench } from './lib/machines';

const LENGTH = 69;

/**
 * A list with one short entry is mapped for a device that writes, which bounces it, and then for one that reads.
 * @returns whether the device then reads what the CPU wrote
 */
const mapTwice = ({ kernel, masters }: Bench, initialised: boolean): boolean => {
  const { dev } = masters[0]!;
  const page = alloc_page(kernel, GFP_KERNEL)!;
  const table = new SgTable(kernel);
  expect(sg_alloc_table(table, 1, GFP_KERNEL)).to.equal(0);
  const sgl = table.sgl!;
  sg_set_page(sgl, page, LENGTH, 0);
  expect(api.dma_map_sgtable(dev, table, DMA_BIDIRECTIONAL)).to.equal(0);
  api.dma_unmap_sgtable(dev, table, DMA_BIDIRECTIONAL);
  if (initialised) {
    sg_init_table(sgl, 1);
    sg_set_page(sgl, page, LENGTH, 0);
  }
  const bytes = patternBytes(7, 0, LENGTH);
  kernel.mm.write(page_address(page), bytes);
  expect(api.dma_map_sgtable(dev, table, DMA_TO_DEVICE)).to.equal(0);
  const found = masters[0]!.read(sg_dma_address(sgl), LENGTH);
  api.dma_unmap_sgtable(dev, table, DMA_TO_DEVICE);
  sg_free_table(table);
  __free_pages(page, 0);
  return typeof found !== 'number' && found.every((byte, i) => byte === bytes[i]);
};

describe('back ends: a list that was bounced once', () => {
  const find = (name: string) => BACK_ENDS.find((backEnd) => backEnd.name === name)!;
  const iommu = find('strict, not snooping, plain cache, 64 bits');

  it('keeps its mark behind an IOMMU, as in Linux: mapped again for reading, its caches are not cleaned', () =>
    onBackEnd(iommu, (bench) => expect(mapTwice(bench, false)).to.equal(false)));

  it('is right if it is initialised anew', () =>
    onBackEnd(iommu, (bench) => expect(mapTwice(bench, true)).to.equal(true)));

  for (const name of ['direct, not snooping, plain cache, 64 bits', 'swiotlb, not snooping, plain cache, 64 bits']) {
    it(`has no mark elsewhere: ${name}`, () =>
      onBackEnd(find(name), (bench) => expect(mapTwice(bench, false)).to.equal(true)));
  }
});
