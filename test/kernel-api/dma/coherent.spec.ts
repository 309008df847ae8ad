import { expect } from 'chai';
import { dmaAddr, PAGE_SIZE, physAddr, virtAddr, type DmaAddr, type VirtAddr } from '../../../base/address';
import type { TraceEvent } from '../../../base/trace-events';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import { Devres } from '../../../kernel-api/base/devres';
import { DmaRangeMap } from '../../../kernel-api/dma/bus-dma-region';
import { dmam_pool_create } from '../../../kernel-api/dma/devres';
import {
  dma_pool_alloc,
  dma_pool_create,
  dma_pool_destroy,
  dma_pool_free,
  dma_pool_zalloc,
} from '../../../kernel-api/dma/dmapool';
import {
  DMA_ATTR_FORCE_CONTIGUOUS,
  DMA_BIDIRECTIONAL,
  DMA_BIT_MASK,
  DMA_NONE,
  DMA_TO_DEVICE,
  dma_alloc_attrs,
  dma_alloc_coherent,
  dma_free_attrs,
  dma_free_coherent,
  dma_map_sgtable,
  dma_map_single,
  dma_set_mask_and_coherent,
  dma_sync_sgtable_for_cpu,
  dma_sync_single_for_device,
  dma_sync_single_range_for_cpu,
  dma_unmap_sgtable,
  dma_unmap_single,
  dmam_alloc_coherent,
  dmam_free_coherent,
} from '../../../kernel-api/dma/mapping';
import { out } from '../../../kernel-api/err';
import { __GFP_COMP, GFP_ATOMIC, GFP_KERNEL } from '../../../kernel-api/gfp';
import { isLinearMapAddress, is_vmalloc_addr, phys_to_virt } from '../../../kernel-api/mm/layout';
import { pfn_to_page } from '../../../kernel-api/mm/page';
import { KernelOops } from '../../../kernel-api/oops';
import { sg_set_page } from '../../../kernel-api/scatterlist/scatterlist';
import { for_each_sgtable_sg, sg_alloc_table, SgTable } from '../../../kernel-api/scatterlist/sg-table';
import { makeDmaDevice, makeDmaKernel, putBehindIommu, reach } from '../../support/dma-device';
import type { FakeKernel } from '../../support/fake-kernel';

interface Machine {
  readonly kernel: FakeKernel;
  readonly dev: StructDevice;
}

const setUp = (isBehindIommu: boolean): Machine => {
  const kernel = makeDmaKernel();
  Object.assign(kernel.sched, { mightSleep: () => undefined });
  const dev = makeDmaDevice(kernel);
  Object.assign(dev, { devres: new Devres(dev) });
  if (isBehindIommu) putBehindIommu(dev);
  return { kernel, dev };
};

const inUse = (kernel: FakeKernel): unknown => {
  kernel.mm.slabs.shrink();
  return kernel.mm.statistics();
};

const NO_ADDRESS = dmaAddr(0);

for (const isBehindIommu of [false, true]) {
  describe(`kernel-api/dma: coherent memory ${isBehindIommu ? 'behind an IOMMU' : 'without an IOMMU'}`, () => {
    const alloc = ({ dev }: Machine, size: number, gfp = GFP_KERNEL, attrs = 0): { cpu: VirtAddr; dma: DmaAddr } => {
      const handle = out(NO_ADDRESS);
      const cpu = dma_alloc_attrs(dev, size, handle, gfp, attrs);
      return { cpu, dma: handle.value };
    };

    it('is zeroed, page-aligned, and the same bytes for CPU and device', () => {
      for (const size of [1, 100, PAGE_SIZE, PAGE_SIZE + 1, 70_000, 3 << 20]) {
        const machine = setUp(isBehindIommu);
        const { kernel, dev } = machine;
        // What was in the pages before must not be seen.
        const dirty = Array.from({ length: 10 }, () => kernel.mm.allocPfn(GFP_KERNEL, 10));
        for (const pfn of dirty) kernel.mm.fill(phys_to_virt(physAddr(pfn * PAGE_SIZE)), 0xee, 4 << 20);
        for (const pfn of dirty) kernel.mm.freePfn(pfn, 10);
        const before = inUse(kernel);
        const { cpu, dma } = alloc(machine, size);
        expect(cpu % PAGE_SIZE).to.equal(0);
        expect(kernel.mm.read(cpu, size).every((byte) => byte === 0)).to.equal(true);
        for (const at of [0, size >>> 1, size - 1]) {
          expect(reach(dev, dma + BigInt(at))).to.equal(kernel.mm.translate(virtAddr(cpu + at)));
        }
        dma_free_coherent(dev, size, cpu, dma);
        expect(inUse(kernel)).to.deep.equal(before);
        expect(kernel.warned).to.deep.equal([]);
      }
    });

    it('leaves nothing allocated and nothing mapped, whichever allocation fails', () => {
      for (const gfp of [GFP_KERNEL, GFP_ATOMIC]) {
        const machine = setUp(isBehindIommu);
        const { kernel, dev } = machine;
        const before = inUse(kernel);
        for (let n = 1; ; n++) {
          kernel.mm.failures.failNth(n);
          const { cpu, dma } = alloc(machine, 5 * PAGE_SIZE, gfp);
          const failed = !kernel.mm.failures.active;
          kernel.mm.failures.clear();
          expect(cpu === 0).to.equal(failed);
          if (!failed) {
            dma_free_coherent(dev, 5 * PAGE_SIZE, cpu, dma);
            expect(n).to.be.greaterThan(1);
            break;
          }
          expect(inUse(kernel)).to.deep.equal(before);
        }
        expect(inUse(kernel)).to.deep.equal(before);
        expect(dev.dma.iommu?.iovad.ranges() ?? []).to.deep.equal([]);
      }
    });

    it('refuses what cannot be', () => {
      const machine = setUp(isBehindIommu);
      expect(alloc(machine, 0).cpu).to.equal(0);
      expect(alloc(machine, 2 ** 40).cpu).to.equal(0);
      expect(alloc(machine, 4096, GFP_KERNEL | __GFP_COMP).cpu).to.equal(0);
      const { dev, kernel } = machine;
      dma_free_coherent(dev, 4096, virtAddr(0), NO_ADDRESS);
      expect(inUse(kernel)).to.deep.equal(inUse(setUp(isBehindIommu).kernel));
    });

    it('warns when it is freed with interrupts off', () => {
      const machine = setUp(isBehindIommu);
      const { dev, kernel } = machine;
      const { cpu, dma } = alloc(machine, 10);
      kernel.cpu.setInterruptsEnabled(false);
      dma_free_attrs(dev, 10, cpu, dma, 0);
      expect(kernel.warned).to.deep.equal([
        'dma_free_attrs: test-device: coherent memory freed with interrupts disabled',
      ]);
    });

    it('goes with the driver if the device manages it', async () => {
      const { kernel, dev } = setUp(isBehindIommu);
      const before = inUse(kernel);
      const handle = out(NO_ADDRESS);
      const early = dmam_alloc_coherent(dev, 100, handle, GFP_KERNEL);
      dmam_free_coherent(dev, 100, early, handle.value);
      expect(inUse(kernel)).to.deep.equal(before);
      dmam_alloc_coherent(dev, 100, handle, GFP_KERNEL);
      const pool = dmam_pool_create('blocks', dev, 64, 64, 0)!;
      dma_pool_free(pool, dma_pool_alloc(pool, GFP_KERNEL, handle), handle.value);
      await dev.devres.releaseAll();
      expect(inUse(kernel)).to.deep.equal(before);
      for (let n = 1; n <= 2; n++) {
        kernel.mm.failures.failNth(n);
        expect(dmam_alloc_coherent(dev, 100, handle, GFP_KERNEL)).to.equal(0);
        expect(inUse(kernel)).to.deep.equal(before);
      }
      expect(kernel.warned).to.deep.equal([]);
    });

    it('is cut into the blocks of a pool, each inside its boundary', () => {
      const { kernel, dev } = setUp(isBehindIommu);
      const before = inUse(kernel);
      for (const [size, align, boundary, step] of [
        [1, 0, 0, 16],
        [24, 8, 0, 24],
        [64, 64, 0, 64],
        [100, 4, 256, 100],
        [3000, 16, 4096, 3008],
        [5000, 0, 0, 5000],
      ] as const) {
        const pool = dma_pool_create('blocks', dev, size, align, boundary)!;
        expect(pool.size).to.equal(step);
        const blocks = Array.from({ length: 100 }, (_, i) => {
          const handle = out(NO_ADDRESS);
          const cpu = dma_pool_zalloc(pool, GFP_KERNEL, handle);
          expect(reach(dev, handle.value)).to.equal(kernel.mm.translate(cpu));
          expect(
            kernel.mm.read(cpu, size).every((byte) => byte === 0),
            'zeroed',
          ).to.equal(true);
          kernel.mm.fill(cpu, i + 1, size);
          return { cpu, dma: handle.value };
        });
        blocks.forEach(({ cpu, dma }, i) => {
          expect(
            kernel.mm.read(cpu, size).every((byte) => byte === i + 1),
            'not shared',
          ).to.equal(true);
          if (align > 0) expect(cpu % align).to.equal(0);
          if (boundary > 0) expect(Math.floor(cpu / boundary)).to.equal(Math.floor((cpu + size - 1) / boundary));
          dma_pool_free(pool, cpu, dma);
        });
        const again = out(NO_ADDRESS);
        expect(dma_pool_alloc(pool, GFP_KERNEL, again), 'last freed, first taken').to.equal(blocks[99]!.cpu);
        expect(again.value).to.equal(blocks[99]!.dma);
        dma_pool_free(pool, blocks[99]!.cpu, again.value);
        dma_pool_destroy(pool);
        expect(inUse(kernel)).to.deep.equal(before);
      }
      expect(kernel.warned).to.deep.equal([]);
    });

    it('tells of a pool that is destroyed while blocks are in use, and keeps their memory', () => {
      const { kernel, dev } = setUp(isBehindIommu);
      const pool = dma_pool_create('leaky', dev, 64, 64, 0)!;
      const handle = out(NO_ADDRESS);
      const cpu = dma_pool_alloc(pool, GFP_KERNEL, handle);
      dma_pool_destroy(pool);
      expect(kernel.warned).to.deep.equal(['dma_pool_destroy: test-device: dma_pool_destroy leaky busy']);
      kernel.mm.fill(cpu, 1, 64);
      expect(reach(dev, handle.value)).to.equal(kernel.mm.translate(cpu));
    });

    it('makes no pool of arguments without sense, and no block without memory', () => {
      const { kernel, dev } = setUp(isBehindIommu);
      expect(dma_pool_create('x', dev, 0, 0, 0)).to.equal(null);
      expect(dma_pool_create('x', dev, 64, 48, 0)).to.equal(null);
      expect(dma_pool_create('x', dev, 64, 64, 32)).to.equal(null);
      expect(dma_pool_create('x', dev, 64, 64, 192)).to.equal(null);
      const pool = dma_pool_create('x', dev, 64, 64, 0)!;
      kernel.mm.failures.failWhen(() => true);
      expect(dma_pool_alloc(pool, GFP_KERNEL, out(NO_ADDRESS))).to.equal(0);
      dma_pool_destroy(pool);
      expect(kernel.warned).to.deep.equal([]);
    });

    it('tells its events, and only if somebody listens', () => {
      const { kernel, dev } = setUp(isBehindIommu);
      const events: TraceEvent[] = [];
      kernel.trace.subscribe(({ event }) => events.push(event));
      const handle = out(NO_ADDRESS);
      const cpu = dma_alloc_coherent(dev, 4096, handle, GFP_KERNEL);
      dma_free_coherent(dev, 4096, cpu, handle.value);
      const buffer = phys_to_virt(physAddr(0x8000_0010));
      const address = dma_map_single(dev, buffer, 32, DMA_TO_DEVICE);
      dma_sync_single_for_device(dev, address, 32, DMA_TO_DEVICE);
      dma_sync_single_range_for_cpu(dev, address, 8, 4, DMA_BIDIRECTIONAL);
      dma_unmap_single(dev, address, 32, DMA_TO_DEVICE);
      const table = new SgTable(kernel);
      sg_alloc_table(table, 2, GFP_KERNEL);
      for (const sg of for_each_sgtable_sg(table)) sg_set_page(sg, pfn_to_page(kernel, 0x8_0005), 4096, 0);
      dma_map_sgtable(dev, table, DMA_TO_DEVICE);
      dma_sync_sgtable_for_cpu(dev, table, DMA_TO_DEVICE);
      dma_unmap_sgtable(dev, table, DMA_TO_DEVICE);
      const sync = isBehindIommu ? ['dma-sync-for-cpu'] : ['dma-sync-for-cpu', 'dma-sync-for-cpu'];
      const segments = isBehindIommu ? ['dma-map-segment'] : ['dma-map-segment', 'dma-map-segment'];
      const ofDma = events.filter(({ type }) => type.startsWith('dma-'));
      expect(ofDma.map(({ type }) => type)).to.deep.equal([
        'dma-alloc',
        'dma-free',
        'dma-map',
        'dma-sync-for-device',
        'dma-sync-for-cpu',
        'dma-unmap',
        'dma-map-entry',
        'dma-map-entry',
        ...segments,
        'dma-map',
        ...sync,
        ...segments,
        'dma-unmap',
      ]);
      const place = { device: 'test-device', what: 'single', physical: 0x8000_0010, address, length: 32 };
      const single = { ...place, entries: 1, nents: 1, direction: 1, attrs: 0 };
      expect(ofDma[2]).to.deep.equal({ type: 'dma-map', ...single });
      expect(ofDma[5]).to.deep.equal({ type: 'dma-unmap', ...single });
      expect(events.at(-1)).to.include({
        what: 'sg',
        physical: 0x8000_5000,
        length: 8192,
        entries: isBehindIommu ? 1 : 2,
      });
      expect(() => dma_sync_single_for_device(dev, address, 32, DMA_NONE)).to.throw(KernelOops);
    });
  });
}

describe('kernel-api/dma: where coherent memory comes from', () => {
  it('without an IOMMU: from the zone that the mask reaches', () => {
    const { kernel, dev } = setUp(false);
    const handle = out(NO_ADDRESS);
    const at = (): bigint => {
      const cpu = dma_alloc_coherent(dev, 4096, handle, GFP_KERNEL);
      return cpu === 0 ? -1n : handle.value;
    };
    expect(at() < 1n << 32n).to.equal(true);
    dma_set_mask_and_coherent(dev, DMA_BIT_MASK(40));
    expect(at() >= 1n << 32n).to.equal(true);
    dev.dma.bus_dma_limit = 0x83ff_ffffn;
    expect(at() <= 0x83ff_ffffn).to.equal(true);
    dev.dma.bus_dma_limit = 0x7fff_ffffn;
    expect(at(), 'nothing there').to.equal(-1n);
    dev.dma.bus_dma_limit = 0x1_0000_0ffen;
    expect(at() < 1n << 32n, 'the lower zone, after a page out of reach').to.equal(true);
    dev.dma.dma_range_map = new DmaRangeMap([
      { cpu_start: physAddr(0x8000_0000), dma_start: dmaAddr(0x1000), size: 64 << 20 },
    ]);
    expect(at(), 'Linux does not go down a zone from a limit outside of all windows').to.equal(-1n);
    dev.dma.bus_dma_limit = dev.dma.dma_range_map.max;
    const low = at();
    expect(low >= 0x1000n && low < 0x0400_1000n).to.equal(true);
    expect(reach(dev, low)).to.equal(Number(low) - 0x1000 + 0x8000_0000);
    expect(kernel.warned).to.deep.equal([]);
  });

  it('behind an IOMMU: from anywhere; in one piece if it must be', () => {
    const { dev } = setUp(true);
    const handle = out(NO_ADDRESS);
    expect(is_vmalloc_addr(dma_alloc_coherent(dev, 9000, handle, GFP_KERNEL))).to.equal(true);
    expect(reach(dev, handle.value) >= 2 ** 32, 'whatever the mask').to.equal(true);
    expect(isLinearMapAddress(dma_alloc_coherent(dev, 9000, handle, GFP_ATOMIC))).to.equal(true);
    expect(isLinearMapAddress(dma_alloc_attrs(dev, 9000, handle, GFP_KERNEL, DMA_ATTR_FORCE_CONTIGUOUS))).to.equal(
      true,
    );
    dma_alloc_coherent(dev, 2 << 20, handle, GFP_KERNEL);
    expect(handle.value % BigInt(2 << 20), 'aligned to its size').to.equal(0n);
    expect(reach(dev, handle.value) % (2 << 20), 'a large page').to.equal(0);
  });

  it('behind an IOMMU: leaves nothing behind without addresses, tables or room in the vmalloc area', () => {
    const kernel = makeDmaKernel();
    const dev = makeDmaDevice(kernel);
    const domain = putBehindIommu(dev);
    const before = inUse(kernel);
    const expectFailure = (why: string): void => {
      for (const gfp of [GFP_KERNEL, GFP_ATOMIC]) {
        if (why === 'tables') domain.failMapAfter = gfp === GFP_KERNEL ? 2 : 1;
        if (why === 'vmalloc' && gfp === GFP_ATOMIC) continue;
        expect(dma_alloc_coherent(dev, (2 << 20) + 5 * PAGE_SIZE, out(NO_ADDRESS), gfp), why).to.equal(0);
        expect(inUse(kernel), why).to.deep.equal(before);
        expect(domain.pages.size + domain.stale.size, why).to.equal(0);
      }
    };
    // Reorders the lists of free pages: the large page and the small ones then do not adjoin, and are mapped by two calls.
    kernel.mm.freePfn(kernel.mm.allocPfn(GFP_KERNEL, 0), 0);
    expectFailure('tables');
    Object.defineProperty(kernel.mm.vmalloc, 'map', { configurable: true, value: () => 0 });
    expectFailure('vmalloc');
    delete (kernel.mm.vmalloc as { map?: unknown }).map;
    expect(dev.dma.iommu!.iovad.ranges()).to.deep.equal([]);
    dev.dma.iommu!.iovad.reserve(1, 2 ** 26);
    expectFailure('addresses');
  });
});
