import { expect } from 'chai';
import fc from 'fast-check';
import { dmaAddr, PAGE_SIZE, type DmaAddr, type VirtAddr } from '../../../base/address';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import type { BootedKernel } from '../../../kernel-api/boot/boot';
import { dma_pool_alloc, dma_pool_create, dma_pool_destroy, dma_pool_free } from '../../../kernel-api/dma/dmapool';
import * as api from '../../../kernel-api/dma/mapping';
import { out } from '../../../kernel-api/err';
import { GFP_ATOMIC, GFP_KERNEL } from '../../../kernel-api/gfp';
import { kfree, kmalloc } from '../../../kernel-api/mm/kmalloc';
import { __free_pages, alloc_pages } from '../../../kernel-api/mm/page-alloc';
import { nth_page } from '../../../kernel-api/mm/page';
import { sg_set_page } from '../../../kernel-api/scatterlist/scatterlist';
import { for_each_sgtable_sg, sg_alloc_table, sg_free_table, SgTable } from '../../../kernel-api/scatterlist/sg-table';
import { flush_workqueue } from '../../../kernel-api/sched/workqueue';
import type { MachineOptions } from '../../../lab/machine-options';
import { onMachine } from '../../support/on-machine';

/** Any sequence of calls, with allocations that fail: afterwards everything is as it was before. */

const ACTIONS = ['single', 'list', 'coherent', 'atomic', 'unmapped', 'pages', 'noncontiguous', 'pool'] as const;
type Action = (typeof ACTIONS)[number];

interface Step {
  readonly action: Action;
  readonly size: number;
  readonly dir: 0 | 1 | 2;
  /** Which allocation from here on fails; 0 for none. */
  readonly fail: number;
  /** Undoes this one of what is there, first. */
  readonly undo: number;
  readonly sync: boolean;
}

/** Undoes a call; false as its result means that the call failed. */
type Undo = () => void;
const NOWHERE = dmaAddr(0);
const handle = out(NOWHERE);

const mapSingle = (dev: StructDevice, { size, dir, sync }: Step): Undo | null => {
  const buffer = kmalloc(dev.kernel, size, GFP_KERNEL);
  if (buffer === 0) return null;
  const address = api.dma_map_single(dev, buffer, size, dir);
  const failed = api.dma_mapping_error(dev, address) !== 0;
  if (failed) kfree(dev.kernel, buffer);
  if (failed) return null;
  if (sync) api.dma_sync_single_for_cpu(dev, address, size, dir);
  return () => {
    api.dma_unmap_single(dev, address, size, dir);
    kfree(dev.kernel, buffer);
  };
};

const mapList = (dev: StructDevice, { size, dir, sync }: Step): Undo | null => {
  const { kernel } = dev;
  const nents = (size % 5) + 1;
  const page = alloc_pages(kernel, GFP_KERNEL, 3);
  const table = new SgTable(kernel);
  if (page === null) return null;
  let error = sg_alloc_table(table, nents, GFP_KERNEL);
  let i = 0;
  if (error === 0)
    for (const sg of for_each_sgtable_sg(table)) sg_set_page(sg, nth_page(page, i++), 1 + (size % 4096), 0);
  if (error === 0) error = api.dma_map_sgtable(dev, table, dir);
  if (error === 0 && sync) api.dma_sync_sgtable_for_device(dev, table, dir);
  const undo = (): void => {
    if (error === 0) api.dma_unmap_sgtable(dev, table, dir);
    sg_free_table(table);
    __free_pages(page, 3);
  };
  if (error === 0) return undo;
  undo();
  return null;
};

const allocAttrs = (dev: StructDevice, size: number, gfp: number, attrs: number): Undo | null => {
  const cpu: VirtAddr = api.dma_alloc_attrs(dev, size, handle, gfp, attrs);
  const dma: DmaAddr = handle.value;
  return cpu === 0 ? null : () => api.dma_free_attrs(dev, size, cpu, dma, attrs);
};

const allocPages = (dev: StructDevice, { size, dir }: Step): Undo | null => {
  const page = api.dma_alloc_pages(dev, size, handle, dir, GFP_KERNEL);
  const dma = handle.value;
  return page === null ? null : () => api.dma_free_pages(dev, size, page, dma, dir);
};

const allocNoncontiguous = (dev: StructDevice, { size, dir, sync }: Step): Undo | null => {
  const sgt = api.dma_alloc_noncontiguous(dev, size, dir, GFP_KERNEL, 0);
  if (sgt === null) return null;
  const cpu = api.dma_vmap_noncontiguous(dev, size, sgt);
  if (sync) api.dma_sync_sgtable_for_cpu(dev, sgt, dir);
  return () => {
    if (cpu !== 0) api.dma_vunmap_noncontiguous(dev, cpu);
    api.dma_free_noncontiguous(dev, size, sgt, dir);
  };
};

const takeBlock = (dev: StructDevice, { size }: Step): Undo | null => {
  const pool = dma_pool_create('blocks', dev, (size % 5000) + 1, 0, 0)!;
  const block = dma_pool_alloc(pool, GFP_KERNEL, handle);
  const dma = handle.value;
  if (block === 0) dma_pool_destroy(pool);
  if (block === 0) return null;
  return () => {
    dma_pool_free(pool, block, dma);
    dma_pool_destroy(pool);
  };
};

const DO: Record<Action, (dev: StructDevice, step: Step) => Undo | null> = {
  single: mapSingle,
  list: mapList,
  coherent: (dev, { size }) => allocAttrs(dev, size, GFP_KERNEL, 0),
  atomic: (dev, { size }) => allocAttrs(dev, size, GFP_ATOMIC, api.DMA_ATTR_NO_WARN),
  unmapped: (dev, { size }) => allocAttrs(dev, size, GFP_KERNEL, api.DMA_ATTR_NO_KERNEL_MAPPING),
  pages: allocPages,
  noncontiguous: allocNoncontiguous,
  pool: takeBlock,
};

const inUse = (kernel: BootedKernel): object => {
  kernel.mm.slabs.shrink();
  const { size, available } = kernel.dma.atomicPools.statistics;
  const { used } = kernel.dma.swiotlb.defaultMem;
  const { allocatedPages, vmallocPages, kmallocObjects } = kernel.mm.statistics();
  // The worker that enlarges a pool comes and goes with its stack.
  const areas = kernel.mm.areas.list().filter(({ kind }) => kind !== 'stack').length;
  const remaps = kernel.dma.remapped.size + kernel.dma.contiguousRemaps.size;
  const pools = size / PAGE_SIZE;
  return {
    pages: allocatedPages - vmallocPages - pools,
    areas,
    kmallocObjects,
    remaps,
    taken: size - available,
    used,
  };
};

/** Runs steps; how many of them did something. */
const run = (kernel: BootedKernel, dev: StructDevice, steps: readonly Step[]): number => {
  const undos: Undo[] = [];
  let done = 0;
  for (const step of steps) {
    if (undos.length > 0 && step.undo > 0) undos.splice(step.undo % undos.length, 1)[0]!();
    if (step.fail > 0) kernel.mm.failures.failNth(step.fail);
    const undo = DO[step.action](dev, step);
    kernel.mm.failures.clear();
    if (undo !== null) done++;
    if (undo !== null) undos.push(undo);
  }
  for (const undo of undos) undo();
  return done;
};

const stepOf = fc.record({
  action: fc.constantFrom(...ACTIONS),
  size: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 4000, max: 20_000 })),
  dir: fc.constantFrom(0 as const, 1 as const, 2 as const),
  fail: fc.integer({ min: 0, max: 4 }),
  undo: fc.integer({ min: 0, max: 3 }),
  sync: fc.boolean(),
});

const MACHINES: Readonly<Record<string, MachineOptions>> = {
  'directly, snooping': { iommu: false },
  'directly, not snooping': { iommu: false, coherent: false },
  bounced: { iommu: false, bootargs: 'swiotlb=force' },
  'behind an IOMMU': {},
  'behind an IOMMU, not snooping': { coherent: false },
};

describe('kernel-api/dma: nothing is left behind by any sequence of calls', () => {
  for (const [name, options] of Object.entries(MACHINES)) {
    it(name, () =>
      onMachine(options, async (kernel) => {
        const dev = kernel.drivers.devices.find((one) => one.name.includes('dma-controller'))!;
        let done = 0;
        // Tables of an IOMMU stay once they are there: a first round makes those that are needed.
        const everything = ACTIONS.flatMap((action) =>
          [1, 300, 20_000].map((size) => ({ action, size, dir: 0 as const, fail: 0, undo: 0, sync: true })),
        );
        for (let n = 0; n < 3; n++) run(kernel, dev, everything);
        await flush_workqueue(kernel.sched.systemWorkqueue);
        fc.assert(
          fc.property(fc.array(stepOf, { minLength: 1, maxLength: 25 }), (steps) => {
            const before = inUse(kernel);
            done += run(kernel, dev, steps);
            expect(inUse(kernel)).to.deep.equal(before);
          }),
          { numRuns: 60, seed: 7 },
        );
        expect(done).to.be.greaterThan(200);
        expect(kernel.warnings).to.equal(0);
      }),
    );
  }
});
