import { expect } from 'chai';
import { dmaAddr, PAGE_SIZE, physAddr, virtAddr, type DmaAddr, type VirtAddr } from '../../../base/address';
import { EBUSY, EINVAL, ENODEV } from '../../../base/errno';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import type { BootedKernel } from '../../../kernel-api/boot/boot';
import * as api from '../../../kernel-api/dma/mapping';
import { memparse } from '../../../kernel-api/dma/memparse';
import { out } from '../../../kernel-api/err';
import { __GFP_NOWARN, GFP_ATOMIC, GFP_KERNEL } from '../../../kernel-api/gfp';
import { isLinearMapAddress, is_vmalloc_addr, phys_to_virt } from '../../../kernel-api/mm/layout';
import { page_address, pageAtAddress } from '../../../kernel-api/mm/page';
import { of_find_node_by_path } from '../../../kernel-api/of/device-tree';
import { flush_workqueue } from '../../../kernel-api/sched/workqueue';
import type { Machine } from '../../../lab/machine';
import type { MachineOptions } from '../../../lab/machine-options';
import { onMachine } from '../../support/on-machine';

const NOWHERE = dmaAddr(0);
const KIB = 1024;

const withController = <T>(
  options: MachineOptions,
  body: (kernel: BootedKernel, dev: StructDevice, machine: Machine) => Promise<T> | T,
): Promise<T> =>
  onMachine({ iommu: false, ...options }, (kernel, machine) =>
    body(
      kernel,
      kernel.drivers.devices.find(({ name }) => name.includes('dma-controller'))!,
      machine,
    ),
  );

interface Memory {
  readonly cpu: VirtAddr;
  readonly dma: DmaAddr;
}

const alloc = (dev: StructDevice, size: number, gfp = GFP_KERNEL, attrs = 0): Memory => {
  const handle = out(NOWHERE);
  return { cpu: api.dma_alloc_attrs(dev, size, handle, gfp, attrs), dma: handle.value };
};

const inUse = (kernel: BootedKernel): unknown => {
  kernel.mm.slabs.shrink();
  return { ...kernel.mm.statistics(), pools: kernel.dma.atomicPools.statistics };
};

/** What a device that does not snoop finds in memory. */
const inRam = (machine: Machine, address: DmaAddr): number => {
  const bytes = new Uint8Array(1);
  machine.hardware.ram.read(physAddr(Number(address)), bytes, 0, 1);
  return bytes[0]!;
};

describe('kernel-api/dma: coherent memory of a device that does not snoop', () => {
  it('is an uncached alias: what the CPU writes is in RAM at once, and nothing stale comes back', () =>
    withController({ coherent: false }, (kernel, dev, machine) => {
      const before = inUse(kernel);
      for (const size of [1, PAGE_SIZE, PAGE_SIZE + 1, 40_000]) {
        const { cpu, dma } = alloc(dev, size);
        expect(is_vmalloc_addr(cpu)).to.equal(true);
        expect(kernel.mm.translate(cpu)).to.equal(Number(dma));
        expect(kernel.mm.read(cpu, size).every((byte) => byte === 0)).to.equal(true);
        kernel.mm.store8(virtAddr(cpu + size - 1), 0x5a);
        expect(inRam(machine, dmaAddr(dma + BigInt(size - 1)))).to.equal(0x5a);
        api.dma_free_coherent(dev, size, cpu, dma);
      }
      expect(inUse(kernel)).to.deep.equal(before);
      expect(kernel.warnings).to.equal(0);
    }));

  it('was written back before: a dirty line of the other alias does not hit it later', () =>
    withController({ coherent: false }, (kernel, dev, machine) => {
      const { dma, cpu } = alloc(dev, PAGE_SIZE);
      const alias = phys_to_virt(physAddr(Number(dma)));
      api.dma_free_coherent(dev, PAGE_SIZE, cpu, dma);
      kernel.mm.fill(alias, 0xee, PAGE_SIZE);
      const again = alloc(dev, PAGE_SIZE);
      expect(again.dma, 'the page that was freed last').to.equal(dma);
      kernel.mm.store8(again.cpu, 1);
      kernel.cpu.flushLines(physAddr(Number(dma)), PAGE_SIZE);
      expect([inRam(machine, dma), kernel.mm.load8(again.cpu)]).to.deep.equal([1, 1]);
      api.dma_free_coherent(dev, PAGE_SIZE, again.cpu, again.dma);
    }));

  it('is an ordinary page for a device that snoops', () =>
    withController({}, (_kernel, dev) => {
      const { cpu, dma } = alloc(dev, 100);
      expect(isLinearMapAddress(cpu)).to.equal(true);
      api.dma_free_coherent(dev, 100, cpu, dma);
    }));

  it('leaves nothing behind, whichever allocation fails', () =>
    withController({ coherent: false }, (kernel, dev) => {
      const before = inUse(kernel);
      kernel.mm.failures.failNth(1);
      expect(alloc(dev, 9000).cpu).to.equal(0);
      expect(inUse(kernel)).to.deep.equal(before);
      Object.defineProperty(kernel.mm.vmalloc, 'mapRun', { configurable: true, value: () => 0 });
      expect(alloc(dev, 9000).cpu).to.equal(0);
      delete (kernel.mm.vmalloc as { mapRun?: unknown }).mapRun;
      expect(inUse(kernel)).to.deep.equal(before);
    }));

  for (const coherent of [true, false]) {
    it(`has no address for the CPU if it needs none (${coherent ? 'snooping' : 'not snooping'})`, () =>
      withController({ coherent }, (kernel, dev, machine) => {
        const before = inUse(kernel);
        const { cpu, dma } = alloc(dev, 9000, GFP_KERNEL, api.DMA_ATTR_NO_KERNEL_MAPPING);
        const page = pageAtAddress(kernel, cpu);
        expect(BigInt(page.pfn * PAGE_SIZE)).to.equal(dma);
        if (!coherent) {
          kernel.mm.fill(page_address(page), 0xee, PAGE_SIZE);
          api.dma_free_attrs(dev, 9000, cpu, dma, api.DMA_ATTR_NO_KERNEL_MAPPING);
          const again = alloc(dev, 9000, GFP_KERNEL, api.DMA_ATTR_NO_KERNEL_MAPPING);
          expect(again.dma).to.equal(dma);
          expect(inRam(machine, dma), 'not zeroed, but written back').to.equal(0xee);
        }
        api.dma_free_attrs(dev, 9000, cpu, dma, api.DMA_ATTR_NO_KERNEL_MAPPING);
        expect(inUse(kernel)).to.deep.equal(before);
      }));
  }
});

describe('kernel-api/dma: atomic pools', () => {
  it('reads sizes as Linux does', () => {
    const cases: [string, number][] = [
      ['', 0],
      ['x', 0],
      ['0', 0],
      ['12', 12],
      ['010', 8],
      ['0x10', 16],
      ['64K', 65536],
      ['64kb', 65536],
      ['1M', 2 ** 20],
      ['2g', 2 ** 31],
      ['1T', 2 ** 40],
      ['1P', 2 ** 50],
    ];
    for (const [text, value] of cases) expect(memparse(text), text).to.equal(value);
  });

  it('are set apart while booting, one per zone, as coherent_pool= says', async () => {
    const sizes: [string, number][] = [
      ['', 256 * KIB],
      ['coherent_pool=64K', 128 * KIB],
      ['coherent_pool=5000', 16 * KIB],
      ['coherent_pool=nonsense', 256 * KIB],
    ];
    for (const [bootargs, size] of sizes) {
      await withController({ bootargs }, (kernel) => {
        expect(kernel.dma.atomicPools.statistics, bootargs).to.deep.equal({ size, available: size });
      });
    }
  });

  it('serve those who cannot sleep, where the device does not snoop, and grow in the background', () =>
    withController({ coherent: false }, async (kernel, dev, machine) => {
      const { atomicPools } = kernel.dma;
      const blocks = Array.from({ length: 5 }, (_, i) => alloc(dev, (i + 1) * PAGE_SIZE, GFP_ATOMIC));
      for (const { cpu, dma } of blocks) {
        expect(kernel.mm.translate(cpu)).to.equal(Number(dma));
        expect(kernel.mm.load8(cpu)).to.equal(0);
        kernel.mm.store8(cpu, 7);
        expect(inRam(machine, dma)).to.equal(7);
      }
      await flush_workqueue(kernel.sched.systemWorkqueue);
      expect(atomicPools.statistics.size, 'one pool has doubled').to.equal(384 * KIB);
      blocks.forEach(({ cpu, dma }, i) => api.dma_free_coherent(dev, (i + 1) * PAGE_SIZE, cpu, dma));
      expect(atomicPools.statistics.available).to.equal(384 * KIB);
      expect(kernel.warnings).to.equal(0);
    }));

  it('run out with a warning, unless none is wanted', () =>
    withController({ coherent: false, bootargs: 'coherent_pool=8K' }, (kernel, dev) => {
      expect(alloc(dev, 64 * KIB, GFP_ATOMIC | __GFP_NOWARN).cpu).to.equal(0);
      expect(alloc(dev, 64 * KIB, GFP_ATOMIC, api.DMA_ATTR_NO_WARN).cpu).to.equal(0);
      expect(kernel.warnings).to.equal(0);
      expect(alloc(dev, 64 * KIB, GFP_ATOMIC).cpu).to.equal(0);
      expect(kernel.warnings).to.equal(1);
    }));

  it('are not asked by devices that snoop', () =>
    withController({}, (kernel, dev) => {
      const { cpu, dma } = alloc(dev, 100, GFP_ATOMIC);
      const { size, available } = kernel.dma.atomicPools.statistics;
      expect(size).to.equal(available);
      api.dma_free_coherent(dev, 100, cpu, dma);
    }));

  it('are shared memory in a confidential guest', () =>
    withController({ confidential: true }, async (kernel, dev) => {
      const { atomicPools } = kernel.dma;
      const others = (): number => kernel.confidential.sharedPages - atomicPools.statistics.size / PAGE_SIZE;
      const before = others();
      for (const gfp of [GFP_ATOMIC, GFP_KERNEL]) {
        const { cpu, dma } = alloc(dev, 9000, gfp);
        expect(cpu).to.not.equal(0);
        expect(kernel.mm.load8(cpu)).to.equal(0);
        api.dma_free_coherent(dev, 9000, cpu, dma);
        const handle = out(NOWHERE);
        const page = api.dma_alloc_pages(dev, 5000, handle, api.DMA_TO_DEVICE, gfp)!;
        api.dma_free_pages(dev, 5000, page, handle.value, api.DMA_TO_DEVICE);
      }
      await flush_workqueue(kernel.sched.systemWorkqueue);
      const { size, available } = atomicPools.statistics;
      expect([size, available, others()]).to.deep.equal([256 * KIB, 256 * KIB, before]);
    }));
});

describe('kernel-api/dma: memory of a device’s own', () => {
  const REGION = { label: 'own', size: 64 * KIB, compatible: 'shared-dma-pool' };

  it('is all that its coherent memory comes from', () =>
    withController(
      { reservedMemory: [{ ...REGION, noMap: true }], dmac: { memoryRegions: ['own'] } },
      (kernel, dev, machine) => {
        expect(api.of_reserved_mem_device_init(dev)).to.equal(0);
        const { base } = kernel.of.reservedMemory.find(({ name }) => name.startsWith('own'))!;
        expect(api.of_reserved_mem_device_init(dev)).to.equal(-EBUSY);
        const first = alloc(dev, 5 * PAGE_SIZE);
        const second = alloc(dev, 100, GFP_ATOMIC);
        expect([first.dma, second.dma]).to.deep.equal([BigInt(base), BigInt(base + 8 * PAGE_SIZE)]);
        kernel.mm.store8(second.cpu, 9);
        expect(inRam(machine, second.dma)).to.equal(9);
        expect(alloc(dev, 17 * PAGE_SIZE).cpu, 'too large').to.equal(0);
        expect(alloc(dev, 9 * PAGE_SIZE).cpu, 'no room').to.equal(0);
        kernel.cpu.setInterruptsEnabled(false);
        api.dma_free_coherent(dev, 5 * PAGE_SIZE, first.cpu, first.dma);
        kernel.cpu.setInterruptsEnabled(true);
        api.dma_free_coherent(dev, 100, second.cpu, second.dma);
        expect(dev.dma.dma_mem!.freePages).to.equal(16);
        expect(kernel.warnings).to.equal(0);
        api.of_reserved_mem_device_release(dev);
        expect(isLinearMapAddress(alloc(dev, 100).cpu)).to.equal(true);
        expect(api.of_reserved_mem_device_init_by_idx(dev, dev.of_node, 1)).to.equal(-ENODEV);
        expect(api.of_reserved_mem_device_init_by_name(dev, dev.of_node!, 'x')).to.equal(-ENODEV);
        expect(api.of_reserved_mem_device_init_by_idx(dev, null, 0)).to.equal(-EINVAL);
      },
    ));

  it('cannot be memory that the kernel has mapped', () =>
    withController({ reservedMemory: [REGION], dmac: { memoryRegions: ['own'] } }, (kernel, dev) => {
      expect(api.of_reserved_mem_device_init(dev)).to.equal(-EINVAL);
      expect(kernel.warnings).to.equal(1);
      expect(of_find_node_by_path(kernel, '/reserved-memory')).to.not.equal(null);
    }));

  it('can be declared by hand, at an address of the device’s choice', () =>
    withController({ reservedMemory: [{ ...REGION, noMap: true }] }, (kernel, dev) => {
      const { base } = kernel.of.reservedMemory.find(({ name }) => name.startsWith('own'))!;
      const before = inUse(kernel);
      expect(api.dma_declare_coherent_memory(dev, base, dmaAddr(0x10_0000n), 0)).to.equal(-EINVAL);
      expect(api.dma_declare_coherent_memory(dev, base, dmaAddr(0x10_0000n), 64 * KIB)).to.equal(0);
      expect(api.dma_declare_coherent_memory(dev, base, dmaAddr(0n), 64 * KIB)).to.equal(-EBUSY);
      expect(alloc(dev, 4096).dma).to.equal(0x10_0000n);
      expect(alloc(dev, 8192).dma, 'aligned to its size').to.equal(0x10_2000n);
      api.dma_release_coherent_memory(dev);
      expect(inUse(kernel)).to.deep.equal(before);
    }));
});
