import { expect } from 'chai';
import { GFP_DMA, GFP_KERNEL } from '../../kernel-api/gfp';
import { __free_pages, alloc_page } from '../../kernel-api/mm/page-alloc';
import { page_to_phys } from '../../kernel-api/mm/page';
import { dma_get_cache_alignment } from '../../kernel-api/dma/arch-sync';
import { Machine } from '../../lab/machine';
import type { MachineOptions } from '../../lab/machine-options';
import { hostTurn, onMachine } from '../support/on-machine';

const MIB = 0x10_0000;
const LOW_MEMORY = [{ base: 0, size: 64 * MIB }];

describe('where the board has its registers, what the CPU can do, and the zones of the kernel', () => {
  it('moves all registers, so that RAM can lie where they were', () =>
    onMachine({ memory: LOW_MEMORY, registerBase: 0x4000_0000 }, (kernel, machine) => {
      const names = machine.kernel.of.nodes.map(({ full_name }) => full_name);
      for (const block of ['interrupt-controller@4c000000', 'iommu@43010000', 'dma-controller@50000000']) {
        expect(
          names.some((name) => name.endsWith(block)),
          `${block} in ${names.join()}`,
        ).to.equal(true);
      }
      expect(kernel.drivers.find('50000000.dma-controller')!.driver).not.to.equal(null);
      expect(kernel.iommu.faults).to.deep.equal([]);
    }));

  it('refuses RAM where registers are, and a base within a page', () => {
    const build = (registerBase: number) => () =>
      new Machine({ memory: LOW_MEMORY, registerBase }, { hostTurn }).clock.now;
    expect(build(0)).to.throw(/overlap/);
    expect(build(1)).to.throw(/^registerBase is 1; it must be a multiple of 4096/);
    expect(build(-4096)).to.throw(/^registerBase is -4096; it must be a whole number/);
  });

  it('gives the kernel a ZONE_DMA on request only', async () => {
    const options = { memory: LOW_MEMORY, registerBase: 0x4000_0000 };
    const addressOfDmaPage = (zoneDma?: number): Promise<number> =>
      onMachine({ ...options, ...(zoneDma === undefined ? {} : { zoneDma }) }, (kernel) => {
        expect(kernel.dma.hasZoneDma).to.equal(zoneDma !== undefined);
        const [low, any] = [alloc_page(kernel, GFP_DMA)!, alloc_page(kernel, GFP_KERNEL)!];
        const address = page_to_phys(low);
        expect(page_to_phys(any)).to.be.least(16 * MIB);
        __free_pages(low, 0);
        __free_pages(any, 0);
        return address;
      });
    expect(await addressOfDmaPage(16 * MIB)).to.be.below(16 * MIB);
    expect(await addressOfDmaPage()).to.be.least(16 * MIB);
  });

  it('leaves out the cache operations, and with them the support for devices that do not snoop', async () => {
    const alignment = (options: MachineOptions): Promise<number> => onMachine(options, dma_get_cache_alignment);
    expect(await alignment({})).to.equal(64);
    expect(await alignment({ zicbom: true })).to.equal(64);
    expect(await alignment({ zicbom: false })).to.equal(1);
    expect(() => new Machine({ zicbom: 1 as never }, { hostTurn })).to.throw(/^zicbom is 1; it must be true or false/);
    expect(() => new Machine({ zoneDma: 5 }, { hostTurn })).to.throw(/^zoneDma is 5; it must be a whole number/);
    expect(() => new Machine({ zoneDma: 5000 }, { hostTurn })).to.throw(/^zoneDma is 5000; it must be a multiple/);
  });

  it("gives a PCI-like device PCI's segment limits, which a driver may change", () =>
    onMachine({ dmac: { pciLike: true } }, (kernel) => {
      const dev = kernel.drivers.find('10000000.dma-controller')!;
      expect(dev.dma.pci_32bit_workaround).to.equal(true);
      expect(dev.dma.dma_parms!.segment_boundary_mask).to.equal(0xffff_ffffn);
    }));
});
