import { expect } from 'chai';
import * as fc from 'fast-check';
import { PAGE_SIZE, physAddr, type DmaAddr, type VirtAddr } from '../../../base/address';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../../kernel-api/dma/direction';
import {
  DmaIovaState,
  dma_iova_destroy,
  dma_iova_link,
  dma_iova_sync,
  dma_iova_try_alloc,
  dma_map_sgtable,
  dma_map_single,
  dma_mapping_error,
  dma_set_min_align_mask,
  dma_sync_single_for_cpu,
  dma_sync_single_for_device,
  dma_unmap_sgtable,
  dma_unmap_single,
} from '../../../kernel-api/dma/mapping';
import { iommu_get_domain_for_dev } from '../../../kernel-api/iommu/iommu';
import { virt_to_phys } from '../../../kernel-api/mm/layout';
import { __get_free_pages } from '../../../kernel-api/mm/page-alloc';
import {
  for_each_sgtable_dma_sg,
  for_each_sgtable_sg,
  sg_alloc_table,
  SgTable,
} from '../../../kernel-api/scatterlist/sg-table';
import { sg_dma_address, sg_dma_len, sg_set_buf } from '../../../kernel-api/scatterlist/scatterlist';
import type { MachineOptions } from '../../../lab/machine-options';
import { onIommuMachine, type IommuMachine } from './iommu-machine';

const MACHINES: [string, MachineOptions][] = [
  ['strict', {}],
  ['lazy', { bootargs: 'iommu.strict=0' }],
  ['untrusted', { untrusted: true }],
  ['not coherent', { coherent: false }],
  ['not coherent, lazy', { coherent: false, bootargs: 'iommu.strict=0' }],
];

const POOL_PAGES = 64;
const SLOT = 8 * PAGE_SIZE;
const DIRECTIONS = [DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL] as const;

interface Step {
  readonly kind: 'single' | 'list' | 'link';
  readonly slot: number;
  readonly offset: number;
  readonly size: number;
  readonly direction: number;
  readonly failAt: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('single', 'list', 'link'),
  slot: fc.nat(7),
  offset: fc.oneof(fc.constant(0), fc.nat(PAGE_SIZE)),
  size: fc.oneof(
    fc.constantFrom(1, 64, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 5 * PAGE_SIZE),
    fc.integer({ min: 1, max: 20_000 }),
  ),
  direction: fc.nat(2),
  failAt: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) }),
});

/** One run: buffers of eight slots, each lent to the device once or not at all. */
class Run {
  readonly live = new Map<number, () => void>();
  private readonly rig: IommuMachine;
  private readonly pool: VirtAddr;

  constructor(rig: IommuMachine) {
    this.rig = rig;
    this.pool = __get_free_pages(rig.kernel, GFP_KERNEL, Math.log2(POOL_PAGES));
    dma_set_min_align_mask(rig.dev, PAGE_SIZE - 1);
  }

  /** Maps what is free, unmaps what is mapped. */
  apply(step: Step): void {
    const undo = this.live.get(step.slot);
    if (undo !== undefined) {
      this.live.delete(step.slot);
      undo();
      return;
    }
    const { failures } = this.rig.kernel.mm;
    if (step.failAt > 0) failures.failNth(step.failAt);
    const made = this[step.kind](step, (this.pool + step.slot * SLOT + step.offset) as VirtAddr);
    failures.clear();
    if (made !== null) this.live.set(step.slot, made);
  }

  /** The device sees what the CPU wrote, and the CPU what the device wrote, as far as the direction goes. */
  private exchange(address: DmaAddr, at: VirtAddr, size: number, direction: number, synced: boolean): void {
    const { kernel, dev } = this.rig;
    const { mm } = kernel;
    const last = size - 1;
    const dir = DIRECTIONS[direction]!;
    if (synced) dma_sync_single_for_cpu(dev, address, size, dir);
    if (dir !== DMA_FROM_DEVICE) {
      if (!synced) return;
      mm.store8((at + last) as VirtAddr, 0xa5);
      dma_sync_single_for_device(dev, address, size, dir);
      expect(this.rig.read((address + BigInt(last)) as DmaAddr), 'what the CPU wrote').to.equal(0xa5);
    }
    if (dir !== DMA_TO_DEVICE) {
      if (synced) dma_sync_single_for_device(dev, address, size, dir);
      expect(this.rig.write(address, 0x3c)).to.be.at.least(0);
      if (!synced) return;
      dma_sync_single_for_cpu(dev, address, size, dir);
      expect(mm.load8(at), 'what the device wrote').to.equal(0x3c);
    }
  }

  private single({ size, direction }: Step, at: VirtAddr): (() => void) | null {
    const { dev } = this.rig;
    const dir = DIRECTIONS[direction]!;
    const address = dma_map_single(dev, at, size, dir);
    if (dma_mapping_error(dev, address) !== 0) return null;
    this.exchange(address, at, size, direction, true);
    return () => {
      this.exchange(address, at, size, direction, true);
      dma_unmap_single(dev, address, size, dir);
    };
  }

  private list({ size, direction, failAt }: Step, at: VirtAddr): (() => void) | null {
    const { dev, kernel } = this.rig;
    const dir = DIRECTIONS[direction]!;
    const lengths = [size, 1, PAGE_SIZE].map((length) => Math.min(length, 2 * PAGE_SIZE));
    kernel.mm.failures.clear();
    const sgt = new SgTable(kernel);
    expect(sg_alloc_table(sgt, lengths.length, GFP_KERNEL)).to.equal(0);
    [...for_each_sgtable_sg(sgt)].forEach((sg, i) => {
      sg_set_buf(sg, ((i === 0 ? at : at - (at % PAGE_SIZE)) + i * 2 * PAGE_SIZE) as VirtAddr, lengths[i]!);
    });
    if (failAt > 0) kernel.mm.failures.failNth(failAt);
    if (dma_map_sgtable(dev, sgt, dir) !== 0) return null;
    let total = 0;
    for (const sg of for_each_sgtable_dma_sg(sgt)) {
      total += sg_dma_len(sg);
      if (dir !== DMA_TO_DEVICE) expect(this.rig.write(sg_dma_address(sg), 0x11)).to.be.at.least(0);
      else expect(this.rig.read(sg_dma_address(sg))).to.be.at.least(0);
    }
    expect(total).to.equal(lengths.reduce((sum, length) => sum + length, 0));
    return () => dma_unmap_sgtable(dev, sgt, dir);
  }

  private link({ size, direction, slot }: Step, at: VirtAddr): (() => void) | null {
    const { dev, kernel } = this.rig;
    const dir = DIRECTIONS[direction]!;
    const state = new DmaIovaState();
    const phys = physAddr(virt_to_phys(at));
    if (!dma_iova_try_alloc(dev, state, phys, size)) return null;
    if (dma_iova_link(dev, state, phys, 0, size, dir, 0) !== 0) {
      dma_iova_destroy(dev, state, 0, dir, 0);
      return null;
    }
    expect(dma_iova_sync(dev, state, 0, size)).to.equal(0);
    if (dir !== DMA_TO_DEVICE) expect(this.rig.write(state.addr, 0x80 + slot)).to.be.at.least(0);
    return () => {
      dma_iova_destroy(dev, state, size, dir, 0);
      if (dir !== DMA_TO_DEVICE) expect(kernel.mm.load8(at), 'what the device wrote').to.equal(0x80 + slot);
    };
  }
}

const freePages = ({ kernel }: IommuMachine): number =>
  Object.values(kernel.mm.statistics().freePages).reduce((sum, count) => sum + count, 0);

const tableCount = ({ dev }: IommuMachine): number =>
  (iommu_get_domain_for_dev(dev) as unknown as { table: { tableCount: number } }).table.tableCount;

describe('kernel-api/iommu: mappings of every kind together', () => {
  for (const [name, options] of MACHINES) {
    it(`leave nothing behind, whatever fails: ${name}`, async function () {
      this.timeout(20_000);
      await onIommuMachine(options, async (rig) => {
        const { kernel, dev } = rig;
        const run = new Run(rig);
        const quiet = rig.kernel.warnings;
        const before = freePages(rig) + tableCount(rig);
        const check = async (steps: Step[]): Promise<void> => {
          for (const one of steps) run.apply(one);
          for (const undo of run.live.values()) undo();
          run.live.clear();
          kernel.cpu.elapse(25e6);
          for (let turn = 0; turn < 3; turn++) await kernel.sched.yield();
          expect(dev.dma.iommu!.iovad.ranges(), 'addresses').to.deep.equal([]);
          expect(kernel.dma.swiotlb.defaultMem.used, 'slots of bounce buffers').to.equal(0);
          expect(kernel.warnings, 'warnings').to.equal(quiet);
        };
        await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), check), { numRuns: 60 });
        expect(before - freePages(rig) - tableCount(rig), 'pages, but for lists').to.be.at.most(8);
      });
    });
  }
});
