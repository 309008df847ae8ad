import { expect } from 'chai';
import { dmaAddr, physAddr } from '../../../base/address';
import { ENODEV } from '../../../base/errno';
import { directOps } from '../../../kernel-api/dma/direct';
import { iommuOps } from '../../../kernel-api/dma/iommu-ops';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { iommu_get_domain_for_dev, iommu_iova_to_phys } from '../../../kernel-api/iommu/iommu';
import { IOMMU_READ, IOMMU_WRITE } from '../../../kernel-api/iommu/iommu-domain';
import { dma_set_master } from '../../../kernel-api/dma/admission';
import { DMA_TO_DEVICE } from '../../../kernel-api/dma/direction';
import { DmaIovaState, dma_iova_try_alloc } from '../../../kernel-api/dma/iommu-dma-link';
import { dma_alloc_coherent } from '../../../kernel-api/dma/coherent';
import { dma_alloc_noncontiguous } from '../../../kernel-api/dma/noncontiguous';
import { dma_alloc_pages } from '../../../kernel-api/dma/pages';
import { dma_map_page, dma_map_sg, dma_map_single } from '../../../kernel-api/dma/streaming';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import type { PlatformDevice } from '../../../kernel-api/base/platform';
import { out } from '../../../kernel-api/err';
import { kmalloc } from '../../../kernel-api/mm/kmalloc';
import { alloc_page } from '../../../kernel-api/mm/page-alloc';
import { DmaCoherent, DmaStream, FromDevice } from '../../../kernel-api/ostd';
import { sg_init_one } from '../../../kernel-api/scatterlist/scatterlist';
import { SgTable, sg_alloc_table } from '../../../kernel-api/scatterlist/sg-table';
import { onIommuMachine, peekByte, type IommuMachine } from '../iommu/iommu-machine';

const RW = IOMMU_READ | IOMMU_WRITE;
const IOVA = 0x40_0000_0000;
const DRIVER = 'test-master';

/** A page that the device can reach and that its driver never unmaps; its physical address. */
const leak = ({ kernel, dev }: IommuMachine): number => {
  const phys = kernel.mm.allocPfn(GFP_KERNEL, 0) * 4096;
  kernel.cpu.store8(physAddr(phys), 0x11);
  const domain = iommu_get_domain_for_dev(dev);
  domain?.mapPages(IOVA / 4096, phys / 4096, 1, RW);
  return phys;
};

/** A probe that lets its device at memory without mapping any. */
const asMaster = ({ dev }: PlatformDevice): number => {
  dma_set_master(dev);
  return 0;
};

/** Every way to be given an address for a device. */
const WAYS: Readonly<Record<string, (dev: StructDevice) => unknown>> = {
  dma_set_master,
  dma_map_single: (dev) => dma_map_single(dev, kmalloc(dev.kernel, 64, GFP_KERNEL), 64, DMA_TO_DEVICE),
  dma_map_page: (dev) => dma_map_page(dev, alloc_page(dev.kernel, GFP_KERNEL)!, 0, 64, DMA_TO_DEVICE),
  dma_map_sg: (dev) => {
    const table = new SgTable(dev.kernel);
    sg_alloc_table(table, 1, GFP_KERNEL);
    sg_init_one(table.sgl!, kmalloc(dev.kernel, 64, GFP_KERNEL), 64);
    return dma_map_sg(dev, table.sgl!, 1, DMA_TO_DEVICE);
  },
  dma_alloc_coherent: (dev) => dma_alloc_coherent(dev, 64, out(dmaAddr(0)), GFP_KERNEL),
  dma_alloc_pages: (dev) => dma_alloc_pages(dev, 64, out(dmaAddr(0)), DMA_TO_DEVICE, GFP_KERNEL),
  dma_alloc_noncontiguous: (dev) => dma_alloc_noncontiguous(dev, 64, DMA_TO_DEVICE, GFP_KERNEL, 0),
  DmaStream: (dev) => DmaStream.allocUninit(dev, FromDevice, 1),
  DmaCoherent: (dev) => DmaCoherent.alloc(dev, 1),
};

describe('kernel-api/revocation', () => {
  for (const [name, way] of Object.entries(WAYS)) {
    for (const iommu of [false, true]) {
      it(`strict: a bound device is let through by ${name}${iommu ? ' behind an IOMMU' : ''}, and not before`, () =>
        onIommuMachine({ revocation: 'strict', iommu }, ({ dev, machine }) => {
          const { gate } = machine.hardware;
          expect(gate.admits(1)).to.equal(false);
          way(dev);
          expect(gate.admits(1)).to.equal(true);
          expect(dev.dma.ops, 'mapping costs what it did').to.equal(iommu ? iommuOps : directOps);
        }));
    }
  }

  it('strict: the two-step API lets a device through as well', () =>
    onIommuMachine({ revocation: 'strict' }, ({ dev, machine }) => {
      expect(dma_iova_try_alloc(dev, new DmaIovaState(), physAddr(0), 4096)).to.equal(true);
      expect(machine.hardware.gate.admits(1)).to.equal(true);
    }));

  it('strict: a driver that maps before it has stopped the device lets through what the last one left it doing', () => {
    let phys = 0;
    let next = false;
    return onIommuMachine(
      { revocation: 'strict', iommu: false },
      async (rig) => {
        phys = leak(rig);
        expect(await rig.kernel.drivers.unbind(DRIVER, rig.dev.name)).to.equal(0);
        next = true;
        expect(await rig.kernel.drivers.bind(DRIVER, rig.dev.name)).to.equal(0);
        expect(rig.write(phys, 0x44)).to.equal(0);
      },
      ({ dev }) => {
        if (next) dma_map_single(dev, kmalloc(dev.kernel, 64, GFP_KERNEL), 64, DMA_TO_DEVICE);
        return 0;
      },
    );
  });

  it('linux: what a driver leaked stays within reach after unbind', () =>
    onIommuMachine({ revocation: 'linux' }, async (rig) => {
      const { kernel, dev } = rig;
      const phys = leak(rig);
      expect(await kernel.drivers.unbind(DRIVER, dev.name)).to.equal(0);
      expect(iommu_get_domain_for_dev(dev)?.type).to.equal('dma');
      expect(rig.write(IOVA, 0x22)).to.equal(0);
      expect(peekByte(kernel, phys)).to.equal(0x22);
    }));

  it('strict: behind an IOMMU every access faults after unbind, with a record, and works again after bind', () =>
    onIommuMachine(
      { revocation: 'strict' },
      async (rig) => {
        const { kernel, dev, events } = rig;
        const phys = leak(rig);
        expect(rig.write(IOVA, 0x12)).to.equal(0);
        const from = events.length;
        expect(await kernel.drivers.unbind(DRIVER, dev.name)).to.equal(0);
        const opcodes = events
          .slice(from)
          .filter((event) => event.type === 'iommu-command')
          .map(({ opcode }) => opcode);
        expect(opcodes.slice(0, 3)).to.eql([3, 1, 2]);
        expect(iommu_get_domain_for_dev(dev)?.type).to.equal('blocked');
        expect(rig.machine.hardware.gate.admits(1)).to.equal(false);
        expect(rig.write(IOVA, 0x22)).to.be.below(0);
        expect(rig.write(phys, 0x22)).to.be.below(0);
        expect(peekByte(kernel, phys)).to.equal(0x12);
        await rig.settle();
        expect(kernel.iommu.faults.map(({ cause, device }) => [cause, device])).to.eql([
          [258, dev.name],
          [258, dev.name],
        ]);
        expect(await kernel.drivers.bind(DRIVER, dev.name)).to.equal(0);
        expect(iommu_get_domain_for_dev(dev)?.type).to.equal('dma');
        expect(iommu_iova_to_phys(iommu_get_domain_for_dev(dev)!, dmaAddr(IOVA))).to.equal(phys);
        expect(rig.write(IOVA, 0x33)).to.equal(0);
        expect(peekByte(kernel, phys)).to.equal(0x33);
      },
      asMaster,
    ));

  for (const iommu of [false, true]) {
    const where = iommu ? 'beside an IOMMU' : 'without an IOMMU';
    it(`strict: ${where} the gate is closed by unbind and opened by bind`, () => {
      const nodes = [
        {
          label: 'master',
          compatible: ['test,master'],
          device: () => ({
            name: 'master',
            mmio: [],
            interruptCount: 0,
            busMaster: true,
            connect: () => undefined,
            reset: () => undefined,
          }),
          bus: { behindIommu: false },
        },
      ];
      return onIommuMachine(
        { revocation: 'strict', iommu, nodes },
        async (rig) => {
          const { kernel, dev, machine, events } = rig;
          expect(dev.iommu).to.equal(null);
          const phys = leak(rig);
          expect(rig.write(phys, 0x12)).to.equal(0);
          expect(await kernel.drivers.unbind(DRIVER, dev.name)).to.equal(0);
          expect(machine.hardware.gate.admits(1)).to.equal(false);
          expect(machine.hardware.gate.admits(2)).to.equal(true);
          expect(rig.write(phys, 0x22)).to.be.below(0);
          expect(rig.read(phys)).to.be.below(0);
          expect(peekByte(kernel, phys)).to.equal(0x12);
          expect(events.filter((event) => event.type === 'gate-drop')).to.have.length(2);
          expect(await kernel.drivers.bind(DRIVER, dev.name)).to.equal(0);
          expect(rig.write(phys, 0x33)).to.equal(0);
        },
        asMaster,
      );
    });
  }

  it('strict: a probe that fails leaves the device without access', () => {
    let probes = 0;
    return onIommuMachine(
      { revocation: 'strict', iommu: false },
      async (rig) => {
        const { kernel, dev } = rig;
        const phys = leak(rig);
        expect(await kernel.drivers.unbind(DRIVER, dev.name)).to.equal(0);
        expect(await kernel.drivers.bind(DRIVER, dev.name)).to.equal(-ENODEV);
        expect(rig.write(phys, 0x22)).to.be.below(0);
        expect(peekByte(kernel, phys)).to.equal(0x11);
      },
      () => (probes++ === 0 ? 0 : -ENODEV),
    );
  });

  it('linux: the gate stays open', () =>
    onIommuMachine({ revocation: 'linux', iommu: false }, async (rig) => {
      const phys = leak(rig);
      await rig.kernel.drivers.unbind(DRIVER, rig.dev.name);
      expect(rig.write(phys, 0x22)).to.equal(0);
    }));
});
