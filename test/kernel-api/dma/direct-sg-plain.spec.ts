import { expect } from 'chai';
import fc from 'fast-check';
import { dmaAddr, PAGE_SIZE, physAddr, virtAddr } from '../../../base/address';
import { DmaRangeMap } from '../../../kernel-api/dma/bus-dma-region';
import { DMA_TO_DEVICE, dma_map_sg, dma_map_sgtable } from '../../../kernel-api/dma/mapping';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { phys_to_virt } from '../../../kernel-api/mm/layout';
import { pfn_to_page } from '../../../kernel-api/mm/page';
import { KernelOops } from '../../../kernel-api/oops';
import {
  for_each_sg,
  sg_chain,
  sg_init_table,
  sg_mark_end,
  sg_set_page,
  type Scatterlist,
} from '../../../kernel-api/scatterlist/scatterlist';
import { for_each_sgtable_sg, sg_alloc_table, sg_free_table, SgTable } from '../../../kernel-api/scatterlist/sg-table';
import { makeDmaDevice, makeDmaKernel } from '../../support/dma-device';
import type { FakeKernel } from '../../support/fake-kernel';

type Entry = readonly [page: number, offset: number, length: number];

const tableOf = (kernel: FakeKernel, entries: readonly Entry[]): SgTable => {
  const table = new SgTable(kernel);
  sg_alloc_table(table, entries.length, GFP_KERNEL);
  let i = 0;
  for (const sg of for_each_sgtable_sg(table)) {
    const [page, offset, length] = entries[i++]!;
    sg_set_page(sg, pfn_to_page(kernel, page), length, offset);
  }
  return table;
};

const rowsOf = (table: SgTable): [bigint, number][] =>
  [...for_each_sgtable_sg(table)].map((sg: Scatterlist) => [sg.dma_address, sg.dma_length]);

/** A window of a bus that shows everything where it is: too much for the short way. */
const IDENTITY = new DmaRangeMap([{ cpu_start: physAddr(0), dma_start: dmaAddr(0), size: 2 ** 51 }]);

const entryOf = fc.tuple(
  fc.oneof(fc.integer({ min: 0x8_0000, max: 0x8_3fff }), fc.integer({ min: 0xf_fffd, max: 0x10_0003 })),
  fc.oneof(fc.integer({ min: 0, max: 4095 }), fc.integer({ min: 0, max: 20_000 })),
  fc.oneof(fc.integer({ min: 1, max: 9000 }), fc.constantFrom(0, 4096, 2 ** 32 - 1)),
);

describe('kernel-api/dma: lists that are mapped in place', () => {
  it('come out as those that are mapped entry by entry', () => {
    const kernel = makeDmaKernel();
    let refused = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(entryOf, { minLength: 1, maxLength: 40 }),
          fc.array(entryOf, { minLength: 120, maxLength: 400 }),
        ),
        fc.constantFrom(32n, 33n, 64n),
        (entries, bits) => {
          const answers = [null, IDENTITY].map((map) => {
            const dev = makeDmaDevice(kernel);
            dev.dma.dma_mask = (1n << bits) - 1n;
            dev.dma.dma_range_map = map;
            const table = tableOf(kernel, entries);
            const result = dma_map_sgtable(dev, table, DMA_TO_DEVICE);
            const rows = rowsOf(table);
            sg_free_table(table);
            return { result, rows };
          });
          if (answers[0]!.result !== 0) refused++;
          expect(answers[0]).to.deep.equal(answers[1]);
        },
      ),
      { numRuns: 60, seed: 3 },
    );
    expect(refused).to.be.within(5, 55);
  });

  it('go on behind a link, wherever in memory it lies', () => {
    const kernel = makeDmaKernel();
    const dev = makeDmaDevice(kernel);
    const room = virtAddr(phys_to_virt(physAddr(0x8200_0000)));
    // The link is the last entry of a page, the first of the next one, and in the middle.
    for (const at of [PAGE_SIZE - 4 * 32, PAGE_SIZE - 3 * 32, PAGE_SIZE - 5 * 32, 64]) {
      const first = kernel.scatterlists.at(virtAddr(room + at));
      const second = kernel.scatterlists.at(virtAddr(room + 3 * PAGE_SIZE - 32));
      sg_init_table(first, 4);
      sg_init_table(second, 2);
      sg_chain(first, 4, second);
      const entries = [...for_each_sg(first, 5)];
      entries.forEach((sg, i) => sg_set_page(sg, pfn_to_page(kernel, 0x8_0000 + i), 100 + i, i));
      expect(dma_map_sg(dev, first, 5, DMA_TO_DEVICE)).to.equal(5);
      entries.forEach((sg, i) => {
        expect([sg.dma_address, sg.dma_length]).to.deep.equal([BigInt((0x8_0000 + i) * PAGE_SIZE + i), 100 + i]);
      });
    }
  });

  it('end where they say they do', () => {
    const kernel = makeDmaKernel();
    const dev = makeDmaDevice(kernel);
    for (const [nents, end] of [
      [5, 2],
      [200, 150],
      [300, 126],
    ] as const) {
      const table = tableOf(
        kernel,
        Array.from({ length: nents }, (_, i): Entry => [0x8_0000 + i, 0, PAGE_SIZE]),
      );
      const sg = [...for_each_sgtable_sg(table)][end]!;
      sg_mark_end(sg);
      expect(dma_map_sg(dev, table.sgl!, end + 1, DMA_TO_DEVICE)).to.equal(end + 1);
      expect(() => dma_map_sg(dev, table.sgl!, end + 2, DMA_TO_DEVICE)).to.throw(KernelOops, 'NULL');
    }
    expect(() => dma_map_sg(dev, kernel.scatterlists.at(virtAddr(0)), 1, DMA_TO_DEVICE)).to.throw(KernelOops);
  });
});
