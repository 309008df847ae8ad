import { expect } from 'chai';
import { dmaAddr, physAddr } from '../../../base/address';
import { ENODEV } from '../../../base/errno';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { iommu_get_domain_for_dev, iommu_iova_to_phys } from '../../../kernel-api/iommu/iommu';
import { IOMMU_READ, IOMMU_WRITE } from '../../../kernel-api/iommu/iommu-domain';
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

describe('kernel-api/revocation', () => {
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
    onIommuMachine({ revocation: 'strict' }, async (rig) => {
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
    }));

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
      return onIommuMachine({ revocation: 'strict', iommu, nodes }, async (rig) => {
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
      });
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
