import { expect } from 'chai';
import { dmaAddr, PAGE_SIZE, physAddr, type VirtAddr } from '../../../base/address';
import { EINVAL, EIO, ENOMEM, EOPNOTSUPP, EPERM } from '../../../base/errno';
import { out } from '../../../kernel-api/err';
import { GFP_ATOMIC, GFP_KERNEL } from '../../../kernel-api/gfp';
import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../../kernel-api/dma/direction';
import {
  DMA_ATTR_MMIO,
  DMA_ATTR_REQUIRE_COHERENT,
  DMA_ATTR_SKIP_CPU_SYNC,
  DMA_MAPPING_ERROR,
  DmaIovaState,
  dma_alloc_coherent,
  dma_alloc_noncontiguous,
  dma_free_coherent,
  dma_free_noncontiguous,
  dma_iova_destroy,
  dma_iova_free,
  dma_iova_link,
  dma_iova_size,
  dma_iova_try_alloc,
  dma_iova_unlink,
  dma_map_phys,
  dma_map_single,
  dma_map_single_attrs,
  dma_max_mapping_size,
  dma_opt_mapping_size,
  dma_set_min_align_mask,
  dma_unmap_single,
  dma_unmap_single_attrs,
  dma_use_iova,
} from '../../../kernel-api/dma/mapping';
import { phys_to_virt, virt_to_phys } from '../../../kernel-api/mm/layout';
import { __get_free_pages } from '../../../kernel-api/mm/page-alloc';
import { onIommuMachine, type IommuMachine } from './iommu-machine';

const UNTRUSTED = { untrusted: true };

const filled = ({ kernel }: IommuMachine, order = 0): VirtAddr => {
  const at = __get_free_pages(kernel, GFP_KERNEL, order);
  kernel.mm.fill(at, 0xee, PAGE_SIZE << order);
  return at;
};

const add = (at: VirtAddr, bytes: number): VirtAddr => (at + bytes) as VirtAddr;
const usedSlots = ({ kernel }: IommuMachine): number => kernel.dma.swiotlb.defaultMem.used;

describe('kernel-api/iommu: bounce buffers behind an IOMMU', () => {
  it('show an untrusted device nothing but its buffer: what is around reads as zero', () =>
    onIommuMachine(UNTRUSTED, (rig) => {
      const { dev, kernel } = rig;
      dma_set_min_align_mask(dev, PAGE_SIZE - 1);
      const pool = kernel.dma.swiotlb.defaultMem.defpool!;
      kernel.mm.fill(phys_to_virt(physAddr(pool.start)), 0xdd, pool.end - pool.start);
      const at = filled(rig);
      kernel.mm.fill(add(at, 100), 0x41, 50);
      const address = dma_map_single(dev, add(at, 100), 50, DMA_BIDIRECTIONAL);
      expect(Number(address & 0xfffn), 'offset').to.equal(100);
      const page = address - 100n;
      const seen = Array.from({ length: PAGE_SIZE }, (_, i) => rig.read(dmaAddr(page + BigInt(i))));
      expect(seen.slice(100, 150).every((byte) => byte === 0x41)).to.equal(true);
      expect([...seen.slice(0, 100), ...seen.slice(150)].every((byte) => byte === 0)).to.equal(true);
      rig.write(dmaAddr(page + 10n), 0x99);
      rig.write(dmaAddr(page + 149n), 0x42);
      expect(kernel.mm.load8(add(at, 149)), 'not yet').to.equal(0x41);
      dma_unmap_single(dev, address, 50, DMA_BIDIRECTIONAL);
      expect(kernel.mm.load8(add(at, 149))).to.equal(0x42);
      expect(kernel.mm.load8(add(at, 10)), 'outside of the buffer').to.equal(0xee);
      expect(usedSlots(rig)).to.equal(0);
    }));

  it('are not used for whole pages, for registers, or for devices that are trusted', () =>
    onIommuMachine(UNTRUSTED, (rig) => {
      const { dev } = rig;
      const at = filled(rig, 1);
      for (const [offset, size] of [
        [0, PAGE_SIZE],
        [0, 2 * PAGE_SIZE],
      ] as const) {
        const address = dma_map_single(dev, add(at, offset), size, DMA_TO_DEVICE);
        expect(usedSlots(rig)).to.equal(0);
        dma_unmap_single(dev, address, size, DMA_TO_DEVICE);
      }
      const address = dma_map_phys(dev, physAddr(0x1000_0010), 16, DMA_TO_DEVICE, DMA_ATTR_MMIO);
      expect(address).not.to.equal(DMA_MAPPING_ERROR);
      expect(usedSlots(rig)).to.equal(0);
      expect(dma_map_single_attrs(dev, add(at, 1), 5, DMA_TO_DEVICE, DMA_ATTR_REQUIRE_COHERENT)).to.equal(
        DMA_MAPPING_ERROR,
      );
      dev.dma.untrusted = false;
      dma_map_single(dev, add(at, 1), 5, DMA_TO_DEVICE);
      expect(usedSlots(rig)).to.equal(0);
    }));

  it('do not come back where syncs are skipped', () =>
    onIommuMachine(UNTRUSTED, (rig) => {
      const at = filled(rig);
      const address = dma_map_single(rig.dev, at, 64, DMA_FROM_DEVICE);
      rig.write(address, 0x01);
      dma_unmap_single_attrs(rig.dev, address, 64, DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
      expect(rig.kernel.mm.load8(at)).to.equal(0xee);
      expect(usedSlots(rig)).to.equal(0);
    }));

  it('are given back where the mapping itself fails', () =>
    onIommuMachine(UNTRUSTED, (rig) => {
      const at = filled(rig);
      rig.kernel.mm.failures.failNth(1);
      expect(dma_map_single(rig.dev, at, 64, DMA_TO_DEVICE)).to.equal(DMA_MAPPING_ERROR);
      expect(rig.kernel.mm.failures.injected).to.equal(1);
      expect(usedSlots(rig)).to.equal(0);
      expect(rig.dev.dma.iommu!.iovad.ranges()).to.deep.equal([]);
    }));

  it('limit what can be mapped at once', () =>
    onIommuMachine(UNTRUSTED, (rig) => {
      expect(dma_max_mapping_size(rig.dev)).to.equal(256 * 1024);
      expect(dma_opt_mapping_size(rig.dev)).to.equal(128 * 1024);
    }));

  it('are told about once where there are none', () =>
    onIommuMachine({ ...UNTRUSTED, bootargs: 'swiotlb=noforce' }, (rig) => {
      const at = filled(rig);
      for (let i = 0; i < 2; i++) expect(dma_map_single(rig.dev, at, 5, DMA_TO_DEVICE)).to.equal(DMA_MAPPING_ERROR);
      expect(rig.logged.filter((line) => line.includes('there are no bounce buffers'))).to.have.length(1);
    }));
});

describe('kernel-api/iommu: mapping in two steps', () => {
  const rangeFor = (rig: IommuMachine, at: VirtAddr, size: number): DmaIovaState => {
    const state = new DmaIovaState();
    expect(dma_iova_try_alloc(rig.dev, state, physAddr(virt_to_phys(at)), size)).to.equal(true);
    expect(dma_use_iova(state)).to.equal(true);
    expect(dma_iova_size(state)).to.equal(size);
    return state;
  };
  const link = (
    rig: IommuMachine,
    state: DmaIovaState,
    at: VirtAddr,
    offset: number,
    size: number,
    attrs = 0,
  ): number => dma_iova_link(rig.dev, state, physAddr(virt_to_phys(at)), offset, size, DMA_BIDIRECTIONAL, attrs);

  it('links scattered memory into one range, and takes it out again', () =>
    onIommuMachine({}, (rig) => {
      const pages = [filled(rig), filled(rig), filled(rig)];
      const state = rangeFor(rig, add(pages[0]!, 256), 3 * PAGE_SIZE - 256);
      expect(link(rig, state, add(pages[0]!, 256), 0, PAGE_SIZE - 256)).to.equal(0);
      expect(link(rig, state, pages[1]!, PAGE_SIZE - 256, PAGE_SIZE)).to.equal(0);
      expect(link(rig, state, pages[2]!, 2 * PAGE_SIZE - 256, PAGE_SIZE)).to.equal(0);
      rig.kernel.mm.store8(add(pages[2]!, 7), 0x17);
      expect(rig.read(dmaAddr(state.addr + BigInt(2 * PAGE_SIZE - 256 + 7)))).to.equal(0x17);
      dma_iova_unlink(rig.dev, state, 2 * PAGE_SIZE - 256, PAGE_SIZE, DMA_BIDIRECTIONAL, 0);
      expect(rig.read(dmaAddr(state.addr + BigInt(2 * PAGE_SIZE - 256 + 7)))).to.be.below(0);
      expect(rig.read(state.addr)).to.equal(0xee);
      dma_iova_unlink(rig.dev, state, 0, 2 * PAGE_SIZE - 256, DMA_BIDIRECTIONAL, 0);
      dma_iova_free(rig.dev, state);
      expect(rig.dev.dma.iommu!.iovad.ranges()).to.deep.equal([]);
    }));

  it('bounces the ends for an untrusted device, and nothing else', () =>
    onIommuMachine(UNTRUSTED, (rig) => {
      dma_set_min_align_mask(rig.dev, PAGE_SIZE - 1);
      const at = filled(rig, 2);
      const size = 3 * PAGE_SIZE;
      const state = rangeFor(rig, add(at, 100), size);
      expect(link(rig, state, add(at, 100), 0, size)).to.equal(0);
      expect(usedSlots(rig)).to.be.above(0);
      for (const offset of [0, 3996, 8000, size - 1]) rig.write(dmaAddr(state.addr + BigInt(offset)), 0x55);
      expect(rig.kernel.mm.load8(add(at, 100))).to.equal(0xee);
      expect(rig.kernel.mm.load8(add(at, 8100)), 'in the middle').to.equal(0x55);
      expect(link(rig, state, at, 0, PAGE_SIZE, DMA_ATTR_REQUIRE_COHERENT)).to.equal(-EOPNOTSUPP);
      dma_iova_destroy(rig.dev, state, size, DMA_BIDIRECTIONAL, 0);
      for (const offset of [100, 100 + 3996, 100 + size - 1]) {
        expect(rig.kernel.mm.load8(add(at, offset)), `${offset}`).to.equal(0x55);
      }
      expect(usedSlots(rig)).to.equal(0);
    }));

  it('takes back what it has linked where there is no bounce buffer for the end', () =>
    onIommuMachine({ ...UNTRUSTED, bootargs: 'swiotlb=256' }, (rig) => {
      const { dev } = rig;
      const at = filled(rig, 1);
      const state = rangeFor(rig, at, PAGE_SIZE + 10);
      while (dma_map_single(dev, at, 10, DMA_TO_DEVICE) !== DMA_MAPPING_ERROR);
      const used = usedSlots(rig);
      expect(link(rig, state, at, 0, PAGE_SIZE + 10)).to.equal(-ENOMEM);
      expect(usedSlots(rig)).to.equal(used);
      expect(rig.read(state.addr)).to.be.below(0);
      expect(link(rig, state, at, 0, PAGE_SIZE), 'nothing is in the way').to.equal(0);
    }));

  it('refuses what cannot be', () =>
    onIommuMachine(UNTRUSTED, (rig) => {
      const at = filled(rig, 1);
      const state = rangeFor(rig, at, 2 * PAGE_SIZE);
      expect(link(rig, state, add(at, 1), PAGE_SIZE, 10)).to.equal(-EIO);
      expect(link(rig, state, at, 0, 10, DMA_ATTR_MMIO)).to.equal(-EPERM);
      expect(link(rig, state, at, 0, 10, DMA_ATTR_REQUIRE_COHERENT)).to.equal(-EPERM);
      expect(link(rig, state, add(at, 8), 0, 10), 'the offset is not kept without min_align_mask').to.equal(-EINVAL);
      expect(usedSlots(rig)).to.equal(0);
      dma_iova_destroy(rig.dev, state, 0, DMA_BIDIRECTIONAL, 0);
      expect(dma_iova_try_alloc(rig.dev, state, physAddr(0), 0)).to.equal(false);
      expect(dma_use_iova(state)).to.equal(false);
    }));

  it('is for devices behind an IOMMU', () =>
    onIommuMachine({ bootargs: 'iommu.passthrough=1' }, (rig) => {
      expect(dma_iova_try_alloc(rig.dev, new DmaIovaState(), physAddr(0), 4096)).to.equal(false);
    }));
});

describe('kernel-api/iommu: memory for a device that does not snoop', () => {
  it('is forgotten by the cache at the unmap, unless syncs are skipped', () =>
    onIommuMachine({ coherent: false }, (rig) => {
      const { dev, kernel } = rig;
      const at = filled(rig);
      for (const [attrs, seen] of [
        [DMA_ATTR_SKIP_CPU_SYNC, 0xee],
        [0, 0x31],
      ] as const) {
        const address = dma_map_single(dev, at, PAGE_SIZE, DMA_FROM_DEVICE);
        expect(kernel.mm.load8(at)).to.equal(0xee);
        rig.write(address, 0x31);
        dma_unmap_single_attrs(dev, address, PAGE_SIZE, DMA_FROM_DEVICE, attrs);
        expect(kernel.mm.load8(at)).to.equal(seen);
      }
    }));

  for (const [how, gfp] of [
    ['scattered', GFP_KERNEL],
    ['of an atomic pool', GFP_ATOMIC],
  ] as const) {
    it(`is seen by both without syncs, ${how}`, () =>
      onIommuMachine({ coherent: false }, (rig) => {
        const handle = out(dmaAddr(0));
        const cpu = dma_alloc_coherent(rig.dev, 3 * PAGE_SIZE, handle, gfp);
        expect(cpu).not.to.equal(0);
        rig.kernel.mm.store8(add(cpu, 5000), 0x21);
        expect(rig.read(dmaAddr(handle.value + 5000n))).to.equal(0x21);
        rig.write(dmaAddr(handle.value + 5000n), 0x22);
        expect(rig.kernel.mm.load8(add(cpu, 5000))).to.equal(0x22);
        dma_free_coherent(rig.dev, 3 * PAGE_SIZE, cpu, handle.value);
        expect(rig.read(dmaAddr(handle.value + 5000n))).to.be.below(0);
        expect(rig.dev.dma.iommu!.iovad.ranges()).to.deep.equal([]);
      }));
  }

  it('can be contiguous for the device only', () =>
    onIommuMachine({}, (rig) => {
      const sgt = dma_alloc_noncontiguous(rig.dev, 5 * PAGE_SIZE, DMA_BIDIRECTIONAL, GFP_KERNEL, 0)!;
      expect(sgt.nents).to.equal(1);
      expect(rig.read(dmaAddr(sgt.sgl!.dma_address + 4n * 4096n))).to.equal(0);
      dma_free_noncontiguous(rig.dev, 5 * PAGE_SIZE, sgt, DMA_BIDIRECTIONAL);
      expect(rig.dev.dma.iommu!.iovad.ranges()).to.deep.equal([]);
    }));
});
