import { expect } from 'chai';
import { dmaAddr, PAGE_SIZE, physAddr } from '../../../../base/address';
import type { StructDevice } from '../../../../kernel-api/base/struct-device';
import type { BootedKernel } from '../../../../kernel-api/boot/boot';
import {
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_MAPPING_ERROR,
  DMA_TO_DEVICE,
  dma_alloc_coherent,
  dma_free_coherent,
  dma_map_phys,
  dma_map_single,
  dma_sync_single_for_cpu,
  dma_sync_single_for_device,
  dma_unmap_phys,
  dma_unmap_single,
  type DmaDataDirection,
} from '../../../../kernel-api/dma/mapping';
import {
  dma_kmalloc_needs_bounce,
  of_dma_set_restricted_buffer,
  swiotlb_alloc,
  swiotlb_free,
} from '../../../../kernel-api/dma/swiotlb';
import { out } from '../../../../kernel-api/err';
import { GFP_KERNEL } from '../../../../kernel-api/gfp';
import { kfree, kmalloc, ksize } from '../../../../kernel-api/mm/kmalloc';
import { virt_to_phys } from '../../../../kernel-api/mm/layout';
import type { Machine } from '../../../../lab/machine';
import type { MachineOptions } from '../../../../lab/machine-options';
import { pattern } from '../../../support/guarded-buffer';
import { onMachine } from '../../../support/on-machine';

const MIB = 2 ** 20;
const LOW_ONLY = [{ base: 0x8000_0000, size: 16 * MIB }];

const withController = <T>(options: MachineOptions, body: (kernel: BootedKernel, dev: StructDevice) => T): Promise<T> =>
  onMachine({ iommu: false, ...options }, (kernel) =>
    body(
      kernel,
      kernel.drivers.devices.find(({ name }) => name.includes('dma-controller'))!,
    ),
  );

describe('kernel-api/dma/swiotlb: on a machine', () => {
  it('sets 1/32 of RAM apart on a small board, untouched, and at the end of low memory', () =>
    onMachine(
      {
        memory: [
          { base: 0x8000_0000, size: 64 * MIB },
          { base: 2 ** 32, size: 64 * MIB },
        ],
      },
      (kernel, machine) => {
        const { defpool, nslabs } = kernel.dma.swiotlb.defaultMem;
        expect(nslabs).to.equal(2048);
        expect(defpool!.end).to.be.within(0x83e0_0000, 0x8400_0000);
        const inPool: number[] = [];
        machine.hardware.ram.forEachTouchedPage((page) => {
          if (defpool!.has(page * PAGE_SIZE)) inPool.push(page);
        });
        expect(inPool).to.deep.equal([]);
        const { frames } = kernel.mm.pages;
        expect(frames.refcount[frames.frameOf(defpool!.start / PAGE_SIZE)], 'not the allocator’s').to.equal(1);
      },
    ));

  it('takes the size and the force from the command line', () =>
    withController({ bootargs: 'swiotlb=512,2,force' }, (kernel, dev) => {
      const { defpool, force_bounce } = kernel.dma.swiotlb.defaultMem;
      expect([defpool!.nslabs, defpool!.nareas, force_bounce]).to.deep.equal([512, 2, true]);
      const address = dma_map_phys(dev, physAddr(0x8010_0000), 16, DMA_BIDIRECTIONAL, 0);
      expect(defpool!.has(Number(address))).to.equal(true);
      dma_unmap_phys(dev, address, 16, DMA_BIDIRECTIONAL, 0);
    }));

  it('never bounces with noforce', () =>
    withController({ bootargs: 'swiotlb=noforce', dmac: { addressWires: 32 } }, (kernel, dev) => {
      expect(kernel.dma.swiotlb.defaultMem.defpool).to.equal(null);
      dev.dma.dma_mask = 0xffff_ffffn;
      expect(dma_map_phys(dev, physAddr(2 ** 32 + 4096), 16, DMA_TO_DEVICE, 0)).to.equal(DMA_MAPPING_ERROR);
      expect(kernel.warnings).to.equal(1);
    }));

  it('lets a trace tell what is bounced', () =>
    onMachine({ iommu: false, bootargs: 'swiotlb=force' }, (kernel, machine) => {
      const seen: object[] = [];
      const stop = machine.kernel.trace.subscribe(({ event }) => {
        if (event.type === 'swiotlb-bounced') seen.push(event);
      });
      const dev = kernel.drivers.devices.find(({ name }) => name.includes('dma-controller'))!;
      dma_unmap_phys(dev, dma_map_phys(dev, physAddr(0x8010_0000), 16, DMA_TO_DEVICE, 0), 16, DMA_TO_DEVICE, 0);
      stop();
      expect(seen).to.have.length(1);
      expect(seen[0]).to.include({ device: dev.name, physical: 0x8010_0000, length: 16 });
    }));
});

describe('kernel-api/dma/swiotlb: small buffers of kmalloc', () => {
  const isBounced = (dev: StructDevice, size: number, dir: DmaDataDirection): boolean => {
    const { kernel } = dev;
    const buffer = kmalloc(kernel, size, GFP_KERNEL);
    const address = dma_map_single(dev, buffer, size, dir);
    const bounced = Number(address) !== virt_to_phys(buffer);
    expect(bounced, `${size}`).to.equal(dma_kmalloc_needs_bounce(dev, size, dir));
    expect(kernel.dma.swiotlb.defaultMem.defpool!.has(Number(address))).to.equal(bounced);
    dma_unmap_single(dev, address, size, dir);
    kfree(kernel, buffer);
    return bounced;
  };

  it('are bounced for a device that does not snoop and writes, unless they fill cache lines', () =>
    withController({ coherent: false, memory: LOW_ONLY }, (kernel, dev) => {
      expect(kernel.dma.swiotlb.defaultMem.nslabs, 'a small pool').to.equal(128);
      const bounced = (dir: DmaDataDirection): number[] =>
        [1, 8, 32, 33, 64, 65, 96, 97, 127, 128, 129, 192, 200, 4096].filter((size) => isBounced(dev, size, dir));
      expect(bounced(DMA_TO_DEVICE)).to.deep.equal([]);
      expect(bounced(DMA_FROM_DEVICE)).to.deep.equal([1, 8, 32, 65, 96]);
      expect(bounced(DMA_BIDIRECTIONAL)).to.deep.equal([1, 8, 32, 65, 96]);
      dev.dma.dma_coherent = true;
      expect(bounced(DMA_BIDIRECTIONAL)).to.deep.equal([]);
      expect(kernel.dma.swiotlb.defaultMem.used).to.equal(0);
    }));

  it('fill cache lines themselves where nothing can be bounced', () =>
    withController({ coherent: false, memory: LOW_ONLY, bootargs: 'swiotlb=noforce' }, (kernel, dev) => {
      const sizes = [1, 8, 64, 65, 96, 128, 129, 192, 193].map((size) => {
        const buffer = kmalloc(kernel, size, GFP_KERNEL);
        expect(buffer % 64).to.equal(0);
        expect(dma_kmalloc_needs_bounce(dev, size, DMA_FROM_DEVICE)).to.equal(false);
        const real = ksize(kernel, buffer);
        kfree(kernel, buffer);
        return real;
      });
      expect(sizes).to.deep.equal([64, 64, 64, 128, 128, 128, 192, 192, 256]);
    }));

  it('are as small as ever where caches do not matter', () =>
    withController({ zicbom: false, bootargs: 'swiotlb=noforce' }, (kernel) => {
      const buffer = kmalloc(kernel, 8, GFP_KERNEL);
      expect(ksize(kernel, buffer)).to.equal(8);
      kfree(kernel, buffer);
    }));
});

describe('kernel-api/dma/swiotlb: beside a cache', () => {
  /** What a device that does not snoop reads. */
  const inRam = (machine: Machine, address: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    machine.hardware.ram.read(address, bytes, 0, length);
    return bytes;
  };

  it('writes bounce buffers back for the device, and forgets them for the CPU', () =>
    onMachine({ iommu: false, coherent: false, bootargs: 'swiotlb=force' }, (kernel, machine) => {
      const dev = kernel.drivers.devices.find(({ name }) => name.includes('dma-controller'))!;
      const buffer = kmalloc(kernel, 1000, GFP_KERNEL);
      const put = (seed: number): Uint8Array => {
        const bytes = pattern(1000, seed);
        kernel.mm.write(buffer, bytes);
        return bytes;
      };
      const first = put(1);
      const address = dma_map_single(dev, buffer, 1000, DMA_BIDIRECTIONAL);
      expect(inRam(machine, Number(address), 1000), 'mapped').to.deep.equal(first);
      const second = put(2);
      expect(inRam(machine, Number(address), 1000), 'a store behind the back').to.deep.equal(first);
      dma_sync_single_for_device(dev, address, 1000, DMA_BIDIRECTIONAL);
      expect(inRam(machine, Number(address), 1000), 'synced').to.deep.equal(second);
      const third = pattern(1000, 3);
      machine.hardware.ram.write(Number(address), third, 0, 1000);
      expect(kernel.mm.read(buffer, 1000)).to.deep.equal(second);
      dma_sync_single_for_cpu(dev, address, 1000, DMA_BIDIRECTIONAL);
      expect(kernel.mm.read(buffer, 1000), 'what the device wrote').to.deep.equal(third);
      machine.hardware.ram.write(Number(address), first, 0, 1000);
      dma_unmap_single(dev, address, 1000, DMA_BIDIRECTIONAL);
      expect(kernel.mm.read(buffer, 1000), 'unmapped').to.deep.equal(first);
      kfree(kernel, buffer);
      expect(kernel.warnings).to.equal(0);
    }));
});

describe('kernel-api/dma/swiotlb: restricted pools', () => {
  const POOL = { label: 'pool', size: MIB, compatible: 'restricted-dma-pool' };

  it('are all that their device sees, and nobody else’s', () =>
    withController({ reservedMemory: [POOL], dmac: { memoryRegions: ['pool'] } }, (kernel, dev) => {
      const { base } = kernel.of.reservedMemory[0]!;
      const mem = dev.dma.dma_io_tlb_mem!;
      expect([mem.defpool!.start, mem.nslabs, mem.force_bounce, mem.for_alloc]).to.deep.equal([base, 512, true, true]);
      const address = dma_map_phys(dev, physAddr(0x8010_0000), 5000, DMA_BIDIRECTIONAL, 0);
      expect(mem.defpool!.has(Number(address))).to.equal(true);
      expect(mem.used).to.equal(3);
      expect(kernel.dma.swiotlb.defaultMem.used).to.equal(0);
      dma_unmap_phys(dev, address, 5000, DMA_BIDIRECTIONAL, 0);
      expect([mem.used, mem.usedHiwater]).to.deep.equal([0, 3]);
      for (const other of kernel.drivers.devices) if (other !== dev) expect(other.dma.dma_io_tlb_mem).to.equal(null);
    }));

  it('give whole pages, aligned to their size, until there are none', () =>
    withController({ reservedMemory: [POOL], dmac: { memoryRegions: ['pool'] } }, (_kernel, dev) => {
      const mem = dev.dma.dma_io_tlb_mem!;
      const first = mem.defpool!.start / PAGE_SIZE;
      const pages = [4096, 8192, 4096, 65536].map((size) => [swiotlb_alloc(dev, size), size] as const);
      for (const [pfn, size] of pages) {
        expect(pfn).to.be.within(first, first + 255);
        expect((pfn * PAGE_SIZE) % size, `${size} bytes`).to.equal(0);
      }
      expect(new Set(pages.map(([pfn]) => pfn)).size).to.equal(4);
      expect(swiotlb_alloc(dev, 0x4_0001), 'more than a segment').to.equal(-1);
      const rest: number[] = [];
      for (let pfn = swiotlb_alloc(dev, 4096); pfn >= 0; pfn = swiotlb_alloc(dev, 4096)) rest.push(pfn);
      expect(rest.length + 1 + 2 + 1 + 16).to.equal(256);
      expect(swiotlb_free(dev, 0x8000_0, 4096), 'not of the pool').to.equal(false);
      for (const [pfn, size] of pages) expect(swiotlb_free(dev, pfn, size)).to.equal(true);
      for (const pfn of rest) swiotlb_free(dev, pfn, 4096);
      expect(mem.used).to.equal(0);
    }));

  it('are where coherent memory comes from, and where it goes back to', () =>
    withController({ reservedMemory: [POOL], dmac: { memoryRegions: ['pool'] } }, (kernel, dev) => {
      const mem = dev.dma.dma_io_tlb_mem!;
      const handle = out(dmaAddr(0));
      const cpu = dma_alloc_coherent(dev, 5000, handle, GFP_KERNEL);
      expect(cpu).not.to.equal(0);
      expect(mem.defpool!.has(Number(handle.value))).to.equal(true);
      expect(mem.used).to.equal(4);
      kernel.mm.write(cpu, pattern(5000, 4));
      expect(kernel.mm.read(cpu, 5000)).to.deep.equal(pattern(5000, 4));
      dma_free_coherent(dev, 5000, cpu, handle.value);
      expect(mem.used).to.equal(0);
      expect(dma_alloc_coherent(dev, 0x4_0001, handle, GFP_KERNEL), 'more than a segment').to.equal(0);
      expect(kernel.warnings).to.equal(0);
    }));

  it('are refused outside of RAM, and without room for a slot', () =>
    withController({ reservedMemory: [POOL], dmac: { memoryRegions: ['pool'] } }, (kernel, dev) => {
      const [region] = kernel.of.reservedMemory;
      for (const change of [{ base: 0x7000_0000 }, { size: 2 ** 40 }, { size: 2047 }]) {
        kernel.dma.swiotlb.restricted.clear();
        dev.dma.dma_io_tlb_mem = null;
        const before = { ...region! };
        Object.assign(region!, change);
        of_dma_set_restricted_buffer(dev, dev.of_node!);
        Object.assign(region!, before);
        expect(dev.dma.dma_io_tlb_mem, JSON.stringify(change)).to.equal(null);
      }
      of_dma_set_restricted_buffer(dev, dev.of_node!);
      expect(dev.dma.dma_io_tlb_mem).not.to.equal(null);
    }));

  it('are for devices without an IOMMU', () =>
    withController({ iommu: true, reservedMemory: [POOL], dmac: { memoryRegions: ['pool'] } }, (_kernel, dev) => {
      expect(dev.dma.dma_io_tlb_mem).to.equal(null);
    }));

  it('are refused where the kernel has no mapping; other regions are passed over', () =>
    withController(
      {
        reservedMemory: [
          { label: 'other', size: MIB },
          { ...POOL, noMap: true },
        ],
        dmac: { memoryRegions: ['other', 'pool'] },
      },
      (_kernel, dev) => expect(dev.dma.dma_io_tlb_mem).to.equal(null),
    ));
});

describe('kernel-api/dma/swiotlb: in a confidential guest', () => {
  it('everything is bounced, and the pool is what devices may see', () =>
    withController({ confidential: true }, (kernel, dev) => {
      const { defpool, force_bounce, nslabs } = kernel.dma.swiotlb.defaultMem;
      expect(force_bounce).to.equal(true);
      expect(kernel.confidential.sharedPages).to.be.least(nslabs / 2);
      const address = dma_map_phys(dev, physAddr(0x8010_0000), 16, DMA_BIDIRECTIONAL, 0);
      expect(defpool!.has(Number(address))).to.equal(true);
      dma_unmap_phys(dev, address, 16, DMA_BIDIRECTIONAL, 0);
    }));
});
