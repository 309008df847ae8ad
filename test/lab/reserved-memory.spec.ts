import { expect } from 'chai';

import { LabError } from '../../base/errors';
import { of_reserved_mem_region } from '../../kernel-api/of/reserved-memory';
import { Machine } from '../../lab/machine';
import type { MachineOptions } from '../../lab/machine-options';
import { hostTurn, SMALL_MEMORY } from '../support/on-machine';

const boot = (options: MachineOptions): Machine => {
  const machine = new Machine({ memory: SMALL_MEMORY, ...options }, { hostTurn });
  machine.boot();
  return machine;
};

describe('machine options that the device tree carries', () => {
  it('set memory apart, where it asks to be or high up', () => {
    const bank = SMALL_MEMORY[0]!;
    const { kernel } = boot({
      reservedMemory: [
        { label: 'fixed', base: bank.base + 0x10_0000, size: 0x1000, noMap: true },
        { label: 'pool', size: 0x2_0000, compatible: 'restricted-dma-pool' },
        { label: 'other', size: 0x1000 },
      ],
      dmac: { memoryRegions: ['pool'] },
    });
    const end = bank.base + bank.size;
    expect(kernel.of.reservedMemory.map(({ base, size, noMap }) => [base, size, noMap])).to.deep.equal([
      [bank.base + 0x10_0000, 0x1000, true],
      [end - 0x2_0000, 0x2_0000, false],
      [end - 0x2_1000, 0x1000, false],
    ]);
  });

  it('give a device its memory', async () => {
    const machine = boot({
      reservedMemory: [{ label: 'pool', size: 0x2_0000, compatible: 'restricted-dma-pool' }],
      dmac: { memoryRegions: ['pool'], coherent: false, untrusted: true, pciLike: true },
      bootargs: 'iommu.strict=0',
    });
    await machine.run((kernel) => {
      const dev = kernel.drivers.devices.find(({ name }) => name.includes('dma-controller'))!;
      expect(of_reserved_mem_region(dev.of_node!, 0)?.size).to.equal(0x2_0000);
      expect(dev.dma.dma_coherent).to.equal(false);
      expect(dev.dma.untrusted).to.equal(true);
      expect(dev.dma.pci_32bit_workaround).to.equal(true);
      expect(kernel.commandLine.get('iommu.strict')).to.equal('0');
    });
  });

  it('refuse what makes no sense', () => {
    const refused = (options: MachineOptions): string => {
      try {
        boot(options);
      } catch (error) {
        expect(error).to.be.instanceOf(LabError);
        return (error as Error).message;
      }
      return 'was taken';
    };
    expect(refused({ reservedMemory: [{ label: 'r', size: 100 }] })).to.match(/'r' has 100 bytes; it must be whole/);
    expect(refused({ reservedMemory: [{ label: 'r', size: 2 ** 40 }] })).to.match(/no bank of memory has/);
    expect(refused({ dmac: { memoryRegions: ['x'] } })).to.match(/has "x" for its memory, and no reserved memory/);
    expect(refused({ coherent: 1 } as unknown as MachineOptions)).to.match(/coherent is 1; it must be true or false/);
  });
});
