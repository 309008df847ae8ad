import { expect } from 'chai';
import { dmaAddr, PAGE_SIZE, physAddr, virtAddr, type VirtAddr } from '../../../base/address';
import { ENXIO } from '../../../base/errno';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import type { BootedKernel } from '../../../kernel-api/boot/boot';
import * as api from '../../../kernel-api/dma/mapping';
import { out } from '../../../kernel-api/err';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { isLinearMapAddress, phys_to_virt } from '../../../kernel-api/mm/layout';
import { page_address, page_to_phys } from '../../../kernel-api/mm/page';
import { UserProcess } from '../../../kernel-api/mm/user';
import { sg_dma_address, sg_dma_len, sg_phys } from '../../../kernel-api/scatterlist/scatterlist';
import { for_each_sgtable_sg, sg_free_table, SgTable } from '../../../kernel-api/scatterlist/sg-table';
import type { MachineOptions } from '../../../lab/machine-options';
import { onMachine } from '../../support/on-machine';

const NOWHERE = dmaAddr(0);

const inUse = (kernel: BootedKernel): unknown => {
  kernel.mm.slabs.shrink();
  return kernel.mm.statistics();
};

/** Does something twice; the second time nothing may be left behind. The first time may leave tables of the IOMMU. */
const leavesNothing = (kernel: BootedKernel, body: () => void): void => {
  body();
  const before = inUse(kernel);
  body();
  expect(inUse(kernel)).to.deep.equal(before);
};

const BACK_ENDS: Readonly<Record<string, MachineOptions>> = {
  'directly, snooping': { iommu: false },
  'directly, not snooping': { iommu: false, coherent: false },
  'behind an IOMMU, snooping': {},
  'behind an IOMMU, not snooping': { coherent: false },
};

/** Bytes that depend on their place. */
const data = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

for (const [name, options] of Object.entries(BACK_ENDS)) {
  const withDevice = <T>(body: (kernel: BootedKernel, dev: StructDevice) => T): Promise<T> =>
    onMachine(options, (kernel) =>
      body(
        kernel,
        kernel.drivers.devices.find(({ name: label }) => label.includes('dma-controller'))!,
      ),
    );
  const at = (dev: StructDevice, address: bigint): number => dev.dma.ops.toPhysical(dev, dmaAddr(address));

  describe(`kernel-api/dma: pages, lists and user mappings of memory ${name}`, () => {
    it('gives pages of zeroes that are mapped', () =>
      withDevice((kernel, dev) => {
        leavesNothing(kernel, () => {
          for (const size of [1, PAGE_SIZE, PAGE_SIZE + 1, 30_000]) {
            const handle = out(NOWHERE);
            const page = api.dma_alloc_pages(dev, size, handle, api.DMA_FROM_DEVICE, GFP_KERNEL)!;
            expect(at(dev, handle.value)).to.equal(page_to_phys(page));
            expect(at(dev, handle.value + BigInt(size - 1))).to.equal(page_to_phys(page) + size - 1);
            expect(kernel.mm.read(page_address(page), size).every((byte) => byte === 0)).to.equal(true);
            kernel.mm.fill(page_address(page), 0xee, size);
            api.dma_free_pages(dev, size, page, handle.value, api.DMA_FROM_DEVICE);
            const cpu = api.dma_alloc_noncoherent(dev, size, handle, api.DMA_TO_DEVICE, GFP_KERNEL);
            expect(isLinearMapAddress(cpu)).to.equal(true);
            expect(kernel.mm.read(cpu, size).every((byte) => byte === 0)).to.equal(true);
            api.dma_free_noncoherent(dev, size, cpu, handle.value, api.DMA_TO_DEVICE);
          }
        });
        expect(kernel.warnings).to.equal(0);
      }));

    it('gives memory that is one segment for the device', () =>
      withDevice((kernel, dev) => {
        leavesNothing(kernel, () => {
          for (const size of [1, PAGE_SIZE, 70_000]) {
            const sgt = api.dma_alloc_noncontiguous(dev, size, api.DMA_FROM_DEVICE, GFP_KERNEL, 0)!;
            expect(sgt.nents).to.equal(1);
            const address = sg_dma_address(sgt.sgl!);
            expect(sg_dma_len(sgt.sgl!)).to.be.at.least(size);
            const cpu = api.dma_vmap_noncontiguous(dev, size, sgt);
            const bytes = data(size);
            kernel.mm.write(cpu, bytes);
            api.dma_sync_sgtable_for_device(dev, sgt, api.DMA_TO_DEVICE);
            const seen: number[] = [];
            for (const sg of for_each_sgtable_sg(sgt)) {
              const start = virtAddr(phys_to_virt(physAddr(at(dev, address + BigInt(seen.length)))));
              seen.push(...kernel.mm.read(start, sg.length));
            }
            expect(seen.slice(0, size)).to.deep.equal([...bytes]);
            api.dma_vunmap_noncontiguous(dev, cpu);
            api.dma_free_noncontiguous(dev, size, sgt, api.DMA_FROM_DEVICE);
          }
        });
        expect(kernel.warnings).to.equal(0);
      }));

    it('describes coherent memory by a table', () =>
      withDevice((kernel, dev) => {
        leavesNothing(kernel, () => {
          for (const attrs of [0, api.DMA_ATTR_FORCE_CONTIGUOUS]) {
            const handle = out(NOWHERE);
            const cpu = api.dma_alloc_attrs(dev, 70_000, handle, GFP_KERNEL, attrs);
            const sgt = new SgTable(kernel);
            expect(api.dma_get_sgtable_attrs(dev, sgt, cpu, handle.value, 70_000, attrs)).to.equal(0);
            let offset = 0;
            for (const sg of for_each_sgtable_sg(sgt)) {
              for (let inside = 0; inside < sg.length && offset + inside < 70_000; inside += PAGE_SIZE) {
                expect(sg_phys(sg) + inside).to.equal(kernel.mm.translate(virtAddr(cpu + offset + inside)));
              }
              offset += sg.length;
            }
            expect(offset).to.be.within(70_000, 73_728);
            sg_free_table(sgt);
            api.dma_free_attrs(dev, 70_000, cpu, handle.value, attrs);
          }
        });
      }));

    // Behind an IOMMU the kernel's own mapping of coherent memory goes through the cache, even if the device does not snoop.
    if (name === 'behind an IOMMU, not snooping') return;

    it('shows memory of every kind to a process', () =>
      withDevice((kernel, dev) => {
        const process = new UserProcess(kernel);
        const size = 5 * PAGE_SIZE;
        const bytes = data(size);
        const handle = out(NOWHERE);
        const check = (cpu: VirtAddr, file: { mmap: (vma: never) => number }, what: string): void => {
          kernel.mm.write(cpu, bytes);
          const whole = process.mapFile(file, size);
          expect([...process.read(whole, size)], what).to.deep.equal([...bytes]);
          const part = process.mapFile(file, 2 * PAGE_SIZE, 3 * PAGE_SIZE);
          process.write(part, Uint8Array.of(0xab));
          expect(kernel.mm.load8(virtAddr(cpu + 3 * PAGE_SIZE)), what).to.equal(0xab);
          expect(process.mm.mmap(0, 2 * PAGE_SIZE, 3, 1, file, 4 * PAGE_SIZE), what).to.equal(-ENXIO);
          expect(process.mm.mmap(0, PAGE_SIZE, 3, 1, file, 5 * PAGE_SIZE), what).to.equal(-ENXIO);
          process.munmap(whole, size);
          process.munmap(part, 2 * PAGE_SIZE);
        };
        expect(api.dma_can_mmap(dev)).to.equal(true);
        const cpu = api.dma_alloc_coherent(dev, size, handle, GFP_KERNEL);
        const dma = handle.value;
        check(cpu, { mmap: (vma) => api.dma_mmap_coherent(dev, vma, cpu, dma, size) }, 'coherent');
        check(cpu, { mmap: (vma) => api.dma_mmap_wc(dev, vma, cpu, dma, size) }, 'write-combined');
        api.dma_free_coherent(dev, size, cpu, dma);
        const page = api.dma_alloc_pages(dev, size, handle, api.DMA_TO_DEVICE, GFP_KERNEL)!;
        check(page_address(page), { mmap: (vma) => api.dma_mmap_pages(dev, vma, size, page) }, 'pages');
        api.dma_free_pages(dev, size, page, handle.value, api.DMA_TO_DEVICE);
        const sgt = api.dma_alloc_noncontiguous(dev, size, api.DMA_TO_DEVICE, GFP_KERNEL, 0)!;
        const mapped = api.dma_vmap_noncontiguous(dev, size, sgt);
        check(mapped, { mmap: (vma) => api.dma_mmap_noncontiguous(dev, vma, size, sgt) }, 'noncontiguous');
        api.dma_vunmap_noncontiguous(dev, mapped);
        api.dma_free_noncontiguous(dev, size, sgt, api.DMA_TO_DEVICE);
        process.exit();
        expect(kernel.warnings).to.equal(0);
      }));
  });
}
