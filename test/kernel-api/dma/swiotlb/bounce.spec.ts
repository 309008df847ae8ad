import { expect } from 'chai';
import * as fc from 'fast-check';
import { dmaAddr, PAGE_SIZE, physAddr } from '../../../../base/address';
import {
  DMA_ATTR_NO_WARN,
  DMA_ATTR_SKIP_CPU_SYNC,
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_MAPPING_ERROR,
  DMA_TO_DEVICE,
  dma_map_phys,
  dma_map_sgtable,
  dma_set_min_align_mask,
  dma_sync_sgtable_for_cpu,
  dma_sync_sgtable_for_device,
  dma_sync_single_for_cpu,
  dma_sync_single_for_device,
  dma_unmap_phys,
  dma_unmap_sgtable,
  type DmaDataDirection,
} from '../../../../kernel-api/dma/mapping';
import { swiotlb_map } from '../../../../kernel-api/dma/swiotlb';
import { GFP_KERNEL } from '../../../../kernel-api/gfp';
import { pfn_to_page } from '../../../../kernel-api/mm/page';
import { sg_dma_address, sg_dma_len, sg_set_page } from '../../../../kernel-api/scatterlist/scatterlist';
import {
  for_each_sgtable_sg,
  sg_alloc_table,
  sg_free_table,
  SgTable,
} from '../../../../kernel-api/scatterlist/sg-table';
import { bytesAt, expectBuffer, makeBuffer, pattern, writeAt } from '../../../support/guarded-buffer';
import type { FakeKernel } from '../../../support/fake-kernel';
import { makeSwiotlb } from '../../../support/swiotlb-kernel';

const HIGH = 0x1_0000_0000;

const usedOf = (kernel: FakeKernel): number => kernel.dma.swiotlb.defaultMem.used;

describe('kernel-api/dma/swiotlb: data', () => {
  for (const [name, dir] of [
    ['to the device', DMA_TO_DEVICE],
    ['from the device', DMA_FROM_DEVICE],
    ['both ways', DMA_BIDIRECTIONAL],
  ] as const) {
    it(`copies when it maps, and back what the device may write, ${name}`, () => {
      const { kernel, dev, pool } = makeSwiotlb();
      for (const size of [1, 2, 2047, 2048, 2049, 4095, 4096, 4097, 70_000, 0x4_0000]) {
        const phys = HIGH + 0x10_0000 + 0x321;
        const before = makeBuffer(kernel, phys, size, size);
        const address = dma_map_phys(dev, physAddr(phys), size, dir, 0);
        expect(pool.has(Number(address)), `${size} bytes are bounced`).to.equal(true);
        expect(bytesAt(kernel, Number(address), size), 'as mapped').to.deep.equal(before);
        const after = pattern(size, size + 1);
        writeAt(kernel, Number(address), after);
        expectBuffer(kernel, phys, before, 'while mapped');
        dma_unmap_phys(dev, address, size, dir, 0);
        expectBuffer(kernel, phys, dir === DMA_TO_DEVICE ? before : after, 'after');
      }
      expect(usedOf(kernel)).to.equal(0);
      expect(kernel.dma.swiotlb.defaultMem.usedHiwater).to.equal(128);
      expect(kernel.warned).to.deep.equal([]);
    });
  }

  it('leaves what the device did not write as it was', () => {
    const { kernel, dev } = makeSwiotlb();
    const phys = HIGH + 0x2000 + 100;
    const before = makeBuffer(kernel, phys, 5000, 1);
    const address = dma_map_phys(dev, physAddr(phys), 5000, DMA_FROM_DEVICE, 0);
    writeAt(kernel, Number(address) + 3000, Uint8Array.of(1, 2, 3));
    dma_unmap_phys(dev, address, 5000, DMA_FROM_DEVICE, 0);
    before.set([1, 2, 3], 3000);
    expectBuffer(kernel, phys, before, 'after');
  });

  it('copies nothing back if told to skip it, but copies in all the same', () => {
    const { kernel, dev } = makeSwiotlb();
    const phys = HIGH + 0x2000;
    const before = makeBuffer(kernel, phys, 100, 1);
    const address = dma_map_phys(dev, physAddr(phys), 100, DMA_BIDIRECTIONAL, DMA_ATTR_SKIP_CPU_SYNC);
    expect(bytesAt(kernel, Number(address), 100)).to.deep.equal(before);
    writeAt(kernel, Number(address), pattern(100, 2));
    dma_unmap_phys(dev, address, 100, DMA_BIDIRECTIONAL, DMA_ATTR_SKIP_CPU_SYNC);
    expectBuffer(kernel, phys, before, 'after');
    expect(usedOf(kernel)).to.equal(0);
  });

  it('syncs any part of a mapping, either way, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.record({
          size: fc.integer({ min: 1, max: 9000 }),
          low: fc.nat({ max: 8191 }),
          mask: fc.constantFrom(0, 511, 2047, 4095),
          from: fc.nat({ max: 9000 }),
          length: fc.integer({ min: 1, max: 9000 }),
          dir: fc.constantFrom<DmaDataDirection>(DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL),
          toCpu: fc.boolean(),
        }),
        checkPartialSync,
      ),
      { numRuns: 150 },
    );
  });

  it('bounces the entries of a list that need it, and syncs by their lengths', () => {
    const { kernel, dev, pool } = makeSwiotlb();
    const table = new SgTable(kernel);
    const pages = [0x8010_0, 0x10_0010, 0x8010_4, 0x10_0020];
    sg_alloc_table(table, pages.length, GFP_KERNEL);
    [...for_each_sgtable_sg(table)].forEach((sg, i) => {
      sg_set_page(sg, pfn_to_page(kernel, pages[i]!), 3000 + i, i * 8);
      makeBuffer(kernel, pages[i]! * PAGE_SIZE + i * 8 + (i === 0 ? 64 : 0), 3000, i);
    });
    expect(dma_map_sgtable(dev, table, DMA_BIDIRECTIONAL)).to.equal(0);
    const places = [...for_each_sgtable_sg(table)].map((sg) => Number(sg_dma_address(sg)));
    expect(places.map((place) => pool.has(place))).to.deep.equal([false, true, false, true]);
    expect([...for_each_sgtable_sg(table)].map((sg) => sg_dma_len(sg))).to.deep.equal([3000, 3001, 3002, 3003]);
    writeAt(kernel, places[1]!, pattern(3001, 77));
    dma_sync_sgtable_for_cpu(dev, table, DMA_BIDIRECTIONAL);
    expect(bytesAt(kernel, 0x10_0010 * PAGE_SIZE + 8, 3001)).to.deep.equal(pattern(3001, 77));
    writeAt(kernel, 0x10_0020 * PAGE_SIZE + 24, pattern(3003, 78));
    dma_sync_sgtable_for_device(dev, table, DMA_BIDIRECTIONAL);
    expect(bytesAt(kernel, places[3]!, 3003)).to.deep.equal(pattern(3003, 78));
    dma_unmap_sgtable(dev, table, DMA_BIDIRECTIONAL);
    expect(usedOf(kernel)).to.equal(0);
    expect(kernel.warned).to.deep.equal([]);
  });

  it('maps all of a list or nothing, however full the pool is', () => {
    const { kernel, dev, pool } = makeSwiotlb({ nslabs: 256, force: true });
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 60_000 }), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 40 }),
        (others, lengths) => {
          const held = others.map(
            (size) => [swiotlb_map(dev, HIGH, size, DMA_TO_DEVICE, DMA_ATTR_NO_WARN), size] as const,
          );
          const before = usedOf(kernel);
          const table = new SgTable(kernel);
          sg_alloc_table(table, lengths.length, GFP_KERNEL);
          [...for_each_sgtable_sg(table)].forEach((sg, i) =>
            sg_set_page(sg, pfn_to_page(kernel, 0x10_1000 + 4 * i), lengths[i]!, i),
          );
          const error = dma_map_sgtable(dev, table, DMA_FROM_DEVICE, DMA_ATTR_NO_WARN);
          if (error === 0) dma_unmap_sgtable(dev, table, DMA_FROM_DEVICE);
          else expect(error).to.equal(-5);
          expect(usedOf(kernel)).to.equal(before);
          sg_free_table(table);
          for (const [address, size] of held) {
            if (address !== DMA_MAPPING_ERROR) dma_unmap_phys(dev, address, size, DMA_TO_DEVICE, 0);
          }
          expect(usedOf(kernel)).to.equal(0);
        },
      ),
      { numRuns: 60 },
    );
    expect(kernel.dma.swiotlb.defaultMem.usedHiwater, 'some did not fit').to.be.greaterThan(pool.nslabs / 2);
    expect(kernel.warned).to.deep.equal([]);
  });

  it('leaves nothing of a list mapped if one entry finds no room', () => {
    const { kernel, dev } = makeSwiotlb({ nslabs: 256 });
    const table = new SgTable(kernel);
    sg_alloc_table(table, 130, GFP_KERNEL);
    [...for_each_sgtable_sg(table)].forEach((sg, i) => {
      sg_set_page(sg, pfn_to_page(kernel, 0x10_1000 + i), PAGE_SIZE, 0);
      writeAt(kernel, (0x10_1000 + i) * PAGE_SIZE, pattern(PAGE_SIZE, i));
    });
    expect(dma_map_sgtable(dev, table, DMA_FROM_DEVICE)).to.equal(-5);
    expect(usedOf(kernel)).to.equal(0);
    expect(kernel.dma.swiotlb.defaultMem.usedHiwater).to.equal(256);
    expect(sg_dma_address([...for_each_sgtable_sg(table)][128]!)).to.equal(DMA_MAPPING_ERROR);
    expect(bytesAt(kernel, 0x10_1000 * PAGE_SIZE, PAGE_SIZE)).to.deep.equal(pattern(PAGE_SIZE, 0));
    table.orig_nents = 128;
    expect(dma_map_sgtable(dev, table, DMA_FROM_DEVICE)).to.equal(0);
    expect(usedOf(kernel)).to.equal(256);
  });
});

interface PartialSync {
  readonly size: number;
  readonly low: number;
  readonly mask: number;
  readonly from: number;
  readonly length: number;
  readonly dir: DmaDataDirection;
  readonly toCpu: boolean;
}

const checkPartialSync = ({ size, low, mask, from, length, dir, toCpu }: PartialSync): void => {
  const { kernel, dev } = SHARED;
  dma_set_min_align_mask(dev, mask);
  const phys = HIGH + 0x40_0000 + low;
  const start = from % size;
  const count = Math.min(length, size - start);
  const memory = makeBuffer(kernel, phys, size, 1);
  const address = dma_map_phys(dev, physAddr(phys), size, dir, 0);
  expect((Number(address) ^ phys) & mask, 'preserved bits').to.equal(0);
  const bounced = pattern(size, 2);
  writeAt(kernel, Number(address), bounced);
  const sync = toCpu ? dma_sync_single_for_cpu : dma_sync_single_for_device;
  sync(dev, dmaAddr(address + BigInt(start)), count, dir);
  const moves = dir === DMA_BIDIRECTIONAL || dir === (toCpu ? DMA_FROM_DEVICE : DMA_TO_DEVICE);
  if (moves && toCpu) memory.set(bounced.subarray(start, start + count), start);
  if (moves && !toCpu) bounced.set(memory.subarray(start, start + count), start);
  expectBuffer(kernel, phys, memory, 'memory');
  expect(bytesAt(kernel, Number(address), size), 'bounce buffer').to.deep.equal(bounced);
  dma_unmap_phys(dev, address, size, dir, DMA_ATTR_SKIP_CPU_SYNC);
  expect(usedOf(kernel)).to.equal(0);
  expect(kernel.warned).to.deep.equal([]);
};

const SHARED = makeSwiotlb({ force: true });
