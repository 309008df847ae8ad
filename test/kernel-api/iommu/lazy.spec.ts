import { expect } from 'chai';
import { PAGE_SIZE, type DmaAddr, type VirtAddr } from '../../../base/address';
import { EINVAL, EPERM } from '../../../base/errno';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { DMA_BIDIRECTIONAL, DMA_TO_DEVICE } from '../../../kernel-api/dma/direction';
import { dma_map_single, dma_unmap_single } from '../../../kernel-api/dma/mapping';
import { iommu_group_show_type, iommu_group_store_type } from '../../../kernel-api/iommu/group-type';
import { iommu_get_domain_for_dev } from '../../../kernel-api/iommu/iommu';
import { __get_free_pages } from '../../../kernel-api/mm/page-alloc';
import type { Kernel } from '../../../kernel-api/kernel';
import { onIommuMachine, type IommuMachine } from './iommu-machine';

const LAZY = { bootargs: 'iommu.strict=0' };
const MS = 1e6;

const freePages = (kernel: Kernel): number =>
  Object.values(kernel.mm.statistics().freePages).reduce((sum, count) => sum + count, 0);

const flushes = ({ events }: IommuMachine): number =>
  events.filter((event) => event.type === 'iommu-command' && event.opcode === 2).length;

const buffer = ({ kernel }: IommuMachine, pages = 1): VirtAddr =>
  __get_free_pages(kernel, GFP_KERNEL, Math.ceil(Math.log2(pages)));

const mapped = (rig: IommuMachine, at: VirtAddr, size: number = PAGE_SIZE): DmaAddr => {
  const address = dma_map_single(rig.dev, at, size, DMA_BIDIRECTIONAL);
  expect(address < 1n << 52n).to.equal(true);
  return address;
};

const queueOf = ({ dev }: IommuMachine) => dev.dma.iommu!.queue!;

describe('kernel-api/iommu: lazy invalidation', () => {
  it('lets a device through after the unmap, until 10 ms have passed', () =>
    onIommuMachine(LAZY, (rig) => {
      expect(iommu_group_show_type(rig.dev.iommu!.group!)).to.equal('DMA-FQ');
      const at = buffer(rig);
      rig.kernel.mm.store8(at, 0x5a);
      const address = mapped(rig, at);
      expect(rig.read(address)).to.equal(0x5a);
      const before = flushes(rig);
      dma_unmap_single(rig.dev, address, PAGE_SIZE, DMA_BIDIRECTIONAL);
      expect(flushes(rig)).to.equal(before);
      expect(rig.read(address), 'still in the IOTLB').to.equal(0x5a);
      expect(rig.write(address, 0x77), 'a stray write gets through').to.be.at.least(0);
      expect(rig.kernel.mm.load8(at)).to.equal(0x77);
      rig.kernel.cpu.elapse(8 * MS);
      expect(rig.read(address)).to.equal(0x77);
      rig.kernel.cpu.elapse(12 * MS);
      expect(flushes(rig)).to.equal(before + 1);
      expect(rig.read(address), 'after the flush').to.be.below(0);
    }));

  it('faults at once on pages that the IOTLB does not hold', () =>
    onIommuMachine(LAZY, (rig) => {
      const address = mapped(rig, buffer(rig));
      dma_unmap_single(rig.dev, address, PAGE_SIZE, DMA_BIDIRECTIONAL);
      expect(rig.read(address)).to.be.below(0);
    }));

  it('is strict unless told otherwise', () =>
    onIommuMachine({}, (rig) => {
      expect(iommu_group_show_type(rig.dev.iommu!.group!)).to.equal('DMA');
      const address = mapped(rig, buffer(rig));
      expect(rig.read(address)).to.be.at.least(0);
      dma_unmap_single(rig.dev, address, PAGE_SIZE, DMA_BIDIRECTIONAL);
      expect(rig.read(address)).to.be.below(0);
    }));

  it('hands no address out again before the flush', () =>
    onIommuMachine(LAZY, (rig) => {
      const at = buffer(rig);
      const seen = new Set<bigint>();
      for (let i = 0; i < 100; i++) {
        const address = mapped(rig, at);
        expect(seen.has(address)).to.equal(false);
        seen.add(address);
        dma_unmap_single(rig.dev, address, PAGE_SIZE, DMA_BIDIRECTIONAL);
      }
      expect(queueOf(rig).length).to.equal(100);
      rig.kernel.cpu.elapse(25 * MS);
      expect(queueOf(rig).length).to.equal(0);
      expect(seen.has(mapped(rig, at))).to.equal(true);
    }));

  it('flushes when 255 ranges wait and one more comes', () =>
    onIommuMachine(LAZY, (rig) => {
      const at = buffer(rig);
      const before = flushes(rig);
      const first = mapped(rig, at);
      expect(rig.read(first)).to.be.at.least(0);
      dma_unmap_single(rig.dev, first, PAGE_SIZE, DMA_BIDIRECTIONAL);
      for (let i = 1; i < 255; i++) dma_unmap_single(rig.dev, mapped(rig, at), PAGE_SIZE, DMA_BIDIRECTIONAL);
      expect(queueOf(rig).length).to.equal(255);
      expect(flushes(rig)).to.equal(before);
      expect(rig.read(first)).to.be.at.least(0);
      dma_unmap_single(rig.dev, mapped(rig, at), PAGE_SIZE, DMA_BIDIRECTIONAL);
      expect(flushes(rig)).to.equal(before + 1);
      expect(queueOf(rig).length).to.equal(1);
      expect(rig.read(first)).to.be.below(0);
    }));

  it('keeps page tables until the flush, and leaves no page behind after it', () =>
    onIommuMachine(LAZY, (rig) => {
      const { kernel, dev } = rig;
      const at = buffer(rig, 1024);
      dma_unmap_single(dev, mapped(rig, at), PAGE_SIZE, DMA_BIDIRECTIONAL);
      kernel.cpu.elapse(25 * MS);
      const before = freePages(kernel);
      const address = dma_map_single(dev, (at + PAGE_SIZE) as VirtAddr, 1023 * PAGE_SIZE, DMA_TO_DEVICE);
      const tables = before - freePages(kernel);
      expect(tables).to.be.at.least(1);
      dma_unmap_single(dev, address, 1023 * PAGE_SIZE, DMA_TO_DEVICE);
      expect(before - freePages(kernel), 'tables are there still').to.equal(tables);
      kernel.cpu.elapse(25 * MS);
      expect(freePages(kernel)).to.be.at.least(before - tables + 1);
      expect(dev.dma.iommu!.iovad.ranges()).to.deep.equal([]);
    }));

  it('gives the flush queue up with its domain, and the tables in it', () =>
    onIommuMachine(LAZY, (rig) => {
      const { kernel, dev } = rig;
      const at = buffer(rig, 1024);
      const { table } = iommu_get_domain_for_dev(dev) as unknown as { table: { tableCount: number } };
      const before = freePages(kernel) + table.tableCount;
      const address = dma_map_single(dev, (at + PAGE_SIZE) as VirtAddr, 1023 * PAGE_SIZE, DMA_TO_DEVICE);
      dma_unmap_single(dev, address, 1023 * PAGE_SIZE, DMA_TO_DEVICE);
      expect(freePages(kernel) + table.tableCount, 'some are in no table any more').to.be.below(before);
      kernel.iommu.releaseDevice(dev);
      expect(freePages(kernel)).to.equal(before);
      kernel.cpu.elapse(25 * MS);
    }));

  describe('domain types', () => {
    it('passes through with iommu.passthrough=1', () =>
      onIommuMachine({ bootargs: 'iommu.passthrough=1 iommu.strict=0' }, (rig) => {
        expect(iommu_group_show_type(rig.dev.iommu!.group!)).to.equal('identity');
        expect(rig.dev.dma.ops.name).to.equal('direct');
        const at = buffer(rig);
        rig.kernel.mm.store8(at, 0x42);
        expect(rig.read(mapped(rig, at))).to.equal(0x42);
      }));

    for (const bootargs of ['iommu.passthrough=1', 'iommu.strict=0', '']) {
      it(`translates and invalidates strictly for an untrusted device: '${bootargs}'`, () =>
        onIommuMachine({ bootargs, untrusted: true }, ({ dev }) => {
          expect(iommu_group_show_type(dev.iommu!.group!)).to.equal('DMA');
          expect(dev.dma.iommu!.queue).to.equal(null);
        }));
    }

    it('goes from DMA to DMA-FQ while a driver is bound, and nowhere else', () =>
      onIommuMachine({}, (rig) => {
        const group = rig.dev.iommu!.group!;
        expect(iommu_group_store_type(group, 'nonsense')).to.equal(-EINVAL);
        expect(iommu_group_store_type(group, 'identity')).to.equal(-EPERM);
        expect(iommu_group_store_type(group, 'DMA-FQ\n')).to.equal(0);
        const address = mapped(rig, buffer(rig));
        expect(rig.read(address)).to.be.at.least(0);
        dma_unmap_single(rig.dev, address, PAGE_SIZE, DMA_BIDIRECTIONAL);
        expect(rig.read(address)).to.be.at.least(0);
        expect(iommu_group_store_type(group, 'DMA')).to.equal(-EPERM);
      }));

    it('changes to any type without a driver', () =>
      onIommuMachine({}, async (rig) => {
        const { dev, kernel } = rig;
        const group = dev.iommu!.group!;
        const before = freePages(kernel);
        await kernel.drivers.unbind('test-master', dev.name);
        for (const type of ['identity', 'DMA-FQ', 'DMA', 'identity', 'DMA']) {
          expect(iommu_group_store_type(group, type)).to.equal(0);
          expect(iommu_group_show_type(group)).to.equal(type);
          expect(dev.dma.ops.name).to.equal(type === 'identity' ? 'direct' : 'iommu');
          const address = mapped(rig, buffer(rig));
          expect(rig.read(address)).to.be.at.least(0);
          dma_unmap_single(dev, address, PAGE_SIZE, DMA_BIDIRECTIONAL);
        }
        kernel.cpu.elapse(25 * MS);
        expect(before - freePages(kernel), 'buffers, and the tables of the last domain').to.be.at.most(5 + 5);
      }));
  });
});
