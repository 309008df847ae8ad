import { expect } from 'chai';
import { dmaOffsetOf, dmaPageOf } from '../../../base/address';
import { BUS_OK } from '../../../base/bus-outcome';
import { array, le32, struct, u8 } from '../../../base/layout';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { asBound, Coherent, CoherentBox, CoherentHandle, dmaRead, dmaWrite } from '../../../kernel-api/rust';
import type { MachineOptions } from '../../../lab/machine-options';
import { onMachine } from '../../support/on-machine';

const DRIVER = 'dw_axi_dmac_platform';
const ring = struct('ring', { head: le32, tail: le32, slots: array(le32, 2000) });

const BEHIND_IOMMU: readonly (readonly [string, MachineOptions])[] = [
  ['strict invalidation', { bootargs: 'iommu.strict=1' }],
  ['lazy invalidation', { bootargs: 'iommu.strict=0' }],
  ['lazy invalidation, a device that does not snoop', { bootargs: 'iommu.strict=0', coherent: false }],
  ['strict revocation', { revocation: 'strict' }],
];

describe('kernel-api/rust: coherent memory at unbind', () => {
  for (const [what, options] of BEHIND_IOMMU) {
    it(`is taken from the device and stays with the CPU: ${what}`, async () => {
      await onMachine(options, async (kernel, machine) => {
        const dev = asBound(kernel.drivers.devices.find(({ driver }) => driver?.name === DRIVER)!);
        const port = machine.hardware.port('dmac');
        const byte = new Uint8Array(1);
        const reaches = (address: bigint): boolean => {
          const at = [dmaPageOf(address as never), dmaOffsetOf(address as never)] as const;
          return port.read(...at, byte, 0, 1) === BUS_OK && port.write(...at, byte, 0, 1) === BUS_OK;
        };
        const shared = Coherent.zeroed(dev, ring, GFP_KERNEL);
        const box = CoherentBox.zeroedSlice(dev, u8, 100, GFP_KERNEL);
        const handle = CoherentHandle.alloc(dev, 5000, GFP_KERNEL);
        const addresses = [
          shared.dmaHandle(),
          handle.dmaHandle(),
          ...[...dev.dma.coherentAllocations].map((one) => one.handle),
        ];
        for (const address of addresses) expect(reaches(address), 'while bound').to.equal(true);
        dmaWrite(shared, ['slots', 1999], 77);

        expect(await kernel.drivers.unbind(DRIVER, dev.name)).to.equal(0);
        for (const address of addresses) expect(reaches(address), 'after unbind').to.equal(false);
        expect([...dev.dma.coherentAllocations].map(({ isRevoked }) => isRevoked)).to.deep.equal([true, true, true]);
        expect(dmaRead(shared, ['slots', 1999])).to.equal(77);
        dmaWrite(shared, ['head'], 5);
        expect(dmaRead(shared, ['head'])).to.equal(5);

        const { allocatedPages } = kernel.mm.statistics();
        const { warnings } = kernel;
        for (const one of [shared, box, handle]) for (let time = 0; time < 2; time++) one.drop();
        expect(kernel.mm.statistics().allocatedPages).to.be.lessThan(allocatedPages);
        expect(dev.dma.coherentAllocations.size).to.equal(0);
        expect(kernel.warnings).to.equal(warnings);
      });
    });

    it(`leaves its I/O addresses free for the next driver: ${what}`, async () => {
      await onMachine({ ...options, fifo: false }, async (kernel) => {
        const dev = asBound(kernel.drivers.devices.find(({ driver }) => driver?.name === DRIVER)!);
        const held = Array.from({ length: 3 }, () => Coherent.zeroed(dev, ring, GFP_KERNEL));
        const before = kernel.warnings;
        expect(await kernel.drivers.unbind(DRIVER, dev.name)).to.equal(0);
        expect(await kernel.drivers.bind(DRIVER, dev.name)).to.equal(0);
        const again = Array.from({ length: 3 }, () => Coherent.zeroed(dev, ring, GFP_KERNEL));
        for (const one of held) one.drop();
        for (const one of again) dmaWrite(one, ['tail'], 9);
        for (const one of again) expect(dmaRead(one, ['tail'])).to.equal(9);
        for (const one of again) one.drop();
        expect(kernel.warnings).to.equal(before);
      });
    });
  }

  it('without an IOMMU cannot be taken, and is freed as ever', async () => {
    await onMachine({ iommu: false }, async (kernel) => {
      const dev = asBound(kernel.drivers.devices.find(({ driver }) => driver?.name === DRIVER)!);
      const shared = Coherent.zeroed(dev, ring, GFP_KERNEL);
      const { allocatedPages } = kernel.mm.statistics();
      expect(await kernel.drivers.unbind(DRIVER, dev.name)).to.equal(0);
      dmaWrite(shared, ['head'], 5);
      expect(dmaRead(shared, ['head'])).to.equal(5);
      shared.drop();
      expect(kernel.mm.statistics().allocatedPages).to.be.lessThan(allocatedPages);
    });
  });
});
