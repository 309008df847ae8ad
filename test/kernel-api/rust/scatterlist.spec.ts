import { expect } from 'chai';
import { PAGE_SIZE, virtAddr } from '../../../base/address';
import { EINVAL, ENOMEM } from '../../../base/errno';
import { LabError } from '../../../base/errors';
import { le32, u64, u8 } from '../../../base/layout';
import { DMA_TO_DEVICE, dma_map_sgtable, dma_unmap_sgtable } from '../../../kernel-api/dma/mapping';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { pfn_to_page } from '../../../kernel-api/mm/page';
import { KernelOops } from '../../../kernel-api/oops';
import {
  DataDirection,
  DmaMask,
  dmaSetMaskAndCoherent,
  KernelError,
  SGTable,
  VmallocPageIter,
  VVec,
  type AsPageIter,
} from '../../../kernel-api/rust';
import { sg_set_page } from '../../../kernel-api/scatterlist/scatterlist';
import { for_each_sgtable_sg, sg_alloc_table, sg_free_table, SgTable } from '../../../kernel-api/scatterlist/sg-table';
import { makeBoundDevice, type BoundDevice } from '../../support/bound-device';
import { reach } from '../../support/dma-device';

const { ToDevice, FromDevice, Bidirectional, None } = DataDirection;

for (const isBehindIommu of [false, true]) {
  describe(`kernel-api/rust: scatterlists ${isBehindIommu ? 'behind an IOMMU' : 'without an IOMMU'}`, () => {
    let bound: BoundDevice;
    let before: unknown;
    const inUse = (): unknown => {
      bound.kernel.mm.slabs.shrink();
      return { ...bound.kernel.mm.statistics(), mapped: bound.domain?.pages.size ?? 0 };
    };
    const pagesOf = (size: number): VVec<typeof u8> => VVec.withCapacity(bound.kernel, u8, size, GFP_KERNEL);
    beforeEach(() => {
      bound = makeBoundDevice(isBehindIommu);
      dmaSetMaskAndCoherent(bound.dev, DmaMask.new(64));
      before = inUse();
    });
    afterEach(() => {
      expect(inUse(), 'what is left').to.deep.equal(before);
      expect(bound.dev.devres.count).to.equal(0);
      expect(bound.dev.dma.iommu?.iovad.ranges() ?? []).to.deep.equal([]);
      expect(bound.kernel.warned).to.deep.equal([]);
    });

    it('show the device the pages, in their order and to the byte', () => {
      const { dev, kernel } = bound;
      for (const size of [1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 9 * PAGE_SIZE - 7, 200 * PAGE_SIZE]) {
        const pages = VVec.withCapacity(kernel, u8, size, GFP_KERNEL);
        const expected = [...pages.pageIter()].map(({ pfn }) => pfn);
        expect(expected.length).to.equal(Math.ceil(size / PAGE_SIZE));
        using table = SGTable.new(dev, pages, FromDevice, GFP_KERNEL);
        const seen: number[] = [];
        let total = 0;
        for (const entry of table.iter()) {
          expect(entry.dmaLen()).to.be.greaterThan(0);
          for (let at = 0; at < entry.dmaLen(); at += PAGE_SIZE) {
            seen.push(reach(dev, entry.dmaAddress() + BigInt(at)) / PAGE_SIZE);
          }
          total += entry.dmaLen();
        }
        expect(seen).to.deep.equal(expected);
        expect(total).to.equal(size);
      }
    });

    it('have segments of dma_max_mapping_size at most', () => {
      const { dev } = bound;
      const { ops } = dev.dma;
      for (const [limit, most] of [
        [3 * PAGE_SIZE, 3 * PAGE_SIZE],
        [3 * PAGE_SIZE + 100, 3 * PAGE_SIZE],
        [0, Infinity],
        [2 ** 64, Infinity],
      ] as const) {
        dev.dma.ops = { ...ops, maxMappingSize: () => limit };
        const raw: SgTable[] = [];
        const map = ops.mapSg.bind(ops);
        dev.dma.ops.mapSg = (...args) => {
          const lengths = [];
          const table = new SgTable(bound.kernel);
          Object.assign(table, { sgl: bound.kernel.scatterlists.at(args[1]), orig_nents: args[2] });
          for (const sg of for_each_sgtable_sg(table)) lengths.push(sg.length);
          expect(Math.max(...lengths)).to.be.at.most(most);
          raw.push(table);
          return map(...args);
        };
        SGTable.new(dev, pagesOf(40 * PAGE_SIZE), ToDevice, GFP_KERNEL).drop();
        expect(raw.length).to.equal(1);
      }
      dev.dma.ops = ops;
    });

    it('unmap, then free the list, then the pages', () => {
      const { dev, kernel } = bound;
      const order: string[] = [];
      const table = SGTable.new(dev, pagesOf(5 * PAGE_SIZE), Bidirectional, GFP_KERNEL);
      const watch = (object: object, name: string, note: (...args: number[]) => string): void => {
        const original = (Reflect.get(object, name) as (...args: unknown[]) => unknown).bind(object);
        Object.assign(object, {
          [name]: (...args: unknown[]) => {
            order.push(note(...(args as number[])));
            return original(...args);
          },
        });
      };
      let list = 0;
      dev.dma.ops = { ...dev.dma.ops };
      watch(dev.dma.ops, 'unmapSg', (_dev, sgl) => `unmap ${(list = sgl!)}`);
      watch(kernel.mm.slabs, 'free', (address) => `free ${address}`);
      watch(kernel.mm.vmalloc, 'free', () => 'vfree');
      table.drop();
      table.drop();
      // The bookkeeping of the managed resource is freed as well.
      expect(order.filter((step) => !step.startsWith('free') || step === `free ${list}`)).to.deep.equal([
        `unmap ${list}`,
        `free ${list}`,
        'vfree',
      ]);
    });

    it('are not made of nothing, and leave nothing behind whatever fails', () => {
      const { dev, kernel } = bound;
      expect(() => SGTable.new(dev, pagesOf(0), ToDevice, GFP_KERNEL))
        .to.throw(KernelError)
        .with.property('errno', EINVAL);
      const clean = inUse();
      for (let n = 1; ; n++) {
        const pages = pagesOf(300 * PAGE_SIZE);
        kernel.mm.failures.failNth(n);
        try {
          SGTable.new(dev, pages, ToDevice, GFP_KERNEL).drop();
        } catch (error) {
          expect(error).to.be.instanceOf(KernelError).with.property('errno', ENOMEM);
        }
        const failed = !kernel.mm.failures.active;
        kernel.mm.failures.clear();
        expect(inUse()).to.deep.equal(clean);
        expect(dev.devres.count).to.equal(0);
        if (!failed) {
          expect(n).to.be.greaterThan(3);
          break;
        }
      }
      if (bound.domain !== null) {
        bound.domain.failMapAfter = 1;
        expect(() => SGTable.new(dev, pagesOf(9000), ToDevice, GFP_KERNEL)).to.throw(KernelError);
        expect(inUse()).to.deep.equal(clean);
      }
      expect(() => SGTable.new(dev, pagesOf(9000), None, GFP_KERNEL)).to.throw(KernelOops);
    });

    it('take the pages over, and are themselves owned once', () => {
      const pages = pagesOf(2 * PAGE_SIZE);
      const table = SGTable.new(bound.dev, pages, ToDevice, GFP_KERNEL);
      /* eslint-disable dmalab/use-after-into -- on purpose */
      for (const use of [() => pages.len(), () => pages.push(1), () => pages.pageIter(), () => pages.intoOwned()]) {
        expect(use).to.throw(LabError, 'The VVec<u8> was used after it went to a new owner');
      }
      expect(() => SGTable.new(bound.dev, pages, ToDevice, GFP_KERNEL)).to.throw(LabError);
      pages.drop();
      /* eslint-enable dmalab/use-after-into */
      const [entry] = table.iter();
      const iterator = table.iter();
      iterator.next();
      expect(entry!.dmaLen()).to.be.greaterThan(0);
      table.drop();
      for (const use of [
        () => entry!.dmaLen(),
        () => entry!.dmaAddress(),
        () => table.iter().next(),
        () => iterator.next(),
      ]) {
        expect(use).to.throw(LabError, 'The SGTable of test-device was used after it was dropped');
      }
    });

    it('lose their mapping with the driver, and nothing else until they are dropped', async () => {
      const table = SGTable.new(bound.dev, pagesOf(5 * PAGE_SIZE), ToDevice, GFP_KERNEL);
      const addresses = [...table.iter()].map((entry) => entry.dmaAddress());
      await bound.unbind();
      expect(bound.domain?.pages.size ?? 0).to.equal(0);
      expect(
        [...table.iter()].map((entry) => entry.dmaAddress()),
        'listed, but mapped no more',
      ).to.deep.equal(addresses);
      expect(bound.kernel.mm.statistics().vmallocPages).to.be.greaterThan(0);
      table.drop();
    });

    it('that are borrowed list the mapped segments, not the entries', () => {
      const { dev, kernel } = bound;
      const raw = new SgTable(kernel);
      sg_alloc_table(raw, 6, GFP_KERNEL);
      const table = SGTable.fromRaw(raw);
      raw.nents = 0;
      expect([...table.iter()]).to.deep.equal([]);
      raw.nents = 6;
      [...for_each_sgtable_sg(raw)].forEach((sg, i) =>
        sg_set_page(sg, pfn_to_page(kernel, 0x8_0100 + i), PAGE_SIZE, 0),
      );
      expect(dma_map_sgtable(dev, raw, DMA_TO_DEVICE, 0)).to.equal(0);
      const entries = [...table.iter()];
      expect(entries.length).to.equal(isBehindIommu ? 1 : 6);
      expect(raw.orig_nents).to.equal(6);
      expect(entries.reduce((sum, entry) => sum + entry.dmaLen(), 0)).to.equal(6 * PAGE_SIZE);
      expect(reach(dev, entries[0]!.dmaAddress())).to.equal(0x8010_0000);
      raw.nents = 99;
      expect([...table.iter()].length, 'nor beyond the end of the list').to.equal(6);
      raw.nents = isBehindIommu ? 1 : 6;
      dma_unmap_sgtable(dev, raw, DMA_TO_DEVICE, 0);
      sg_free_table(raw);
      expect('drop' in table).to.equal(false);
    });

    it('take any provider of pages', () => {
      const { kernel, dev } = bound;
      const owners: string[] = [];
      const vector = pagesOf(3 * PAGE_SIZE);
      const base = kernel.mm.areas.list().at(-1)!.start;
      class Provider implements AsPageIter {
        pageIter(): VmallocPageIter {
          return new VmallocPageIter(kernel, virtAddr(base), 2 * PAGE_SIZE);
        }

        intoOwned(): this {
          owners.push('taken');
          return this;
        }

        [Symbol.dispose](): void {
          owners.push('dropped');
          vector.drop();
        }
      }
      const provider = new Provider();
      using table = SGTable.new(dev, provider, ToDevice, GFP_KERNEL);
      expect([...table.iter()].reduce((sum, entry) => sum + entry.dmaLen(), 0)).to.equal(2 * PAGE_SIZE);
      table.drop();
      expect(owners).to.deep.equal(['taken', 'dropped']);
    });
  });
}

describe('kernel-api/rust: VVec', () => {
  it('holds elements in memory of vmalloc, within its capacity', () => {
    const { kernel } = makeBoundDevice();
    const before = kernel.mm.statistics();
    using vector = VVec.withCapacity(kernel, u64, 1000, GFP_KERNEL);
    for (let i = 0; i < 1000; i++) vector.push(BigInt(i));
    expect(() => vector.push(1n))
      .to.throw(KernelError)
      .with.property('errno', ENOMEM);
    vector.set(999, 7n);
    expect([vector.len(), vector.capacity(), vector.get(998), vector.get(999)]).to.deep.equal([1000, 1000, 998n, 7n]);
    expect(vector.toArray().length).to.equal(1000);
    for (const i of [1000, -1, 0.5]) expect(() => vector.get(i)).to.throw(KernelOops, 'index out of bounds');
    const iterator = vector.pageIter();
    expect([iterator.size(), iterator.pageCount(), [...iterator].length]).to.deep.equal([8000, 2, 2]);
    vector.drop();
    expect(kernel.mm.statistics()).to.deep.equal(before);
    expect(() => vector.get(0)).to.throw(LabError, 'The VVec<u64> was used after it was dropped');
  });

  it('of nothing allocates nothing; of too much there is none', () => {
    const { kernel } = makeBoundDevice();
    using empty = VVec.withCapacity(kernel, le32, 0, GFP_KERNEL);
    expect([empty.toArray(), [...empty.pageIter()]]).to.deep.equal([[], []]);
    for (const capacity of [2 ** 40, 2 ** 53]) {
      expect(() => VVec.withCapacity(kernel, u64, capacity, GFP_KERNEL))
        .to.throw(KernelError)
        .with.property('errno', ENOMEM);
    }
    expect(() => VVec.withCapacity(kernel, u64, -1, GFP_KERNEL)).to.throw(LabError);
  });
});
