import { expect } from 'chai';
import { dmaAddr, PAGE_SIZE, physAddr, virtAddr } from '../../../base/address';
import { EIO } from '../../../base/errno';
import { DmaRangeMap } from '../../../kernel-api/dma/bus-dma-region';
import {
  DMA_ATTR_MMIO,
  DMA_ATTR_REQUIRE_COHERENT,
  DMA_BIT_MASK,
  DMA_FROM_DEVICE,
  DMA_MAPPING_ERROR,
  DMA_NONE,
  DMA_TO_DEVICE,
  dma_addressing_limited,
  dma_get_mask,
  dma_get_required_mask,
  dma_map_page,
  dma_map_page_attrs,
  dma_map_phys,
  dma_map_resource,
  dma_map_sg,
  dma_map_sgtable,
  dma_map_single,
  dma_mapping_error,
  dma_set_coherent_mask,
  dma_set_mask,
  dma_set_mask_and_coherent,
  dma_unmap_sgtable,
  dma_unmap_single,
} from '../../../kernel-api/dma/mapping';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { kfree, kmalloc } from '../../../kernel-api/mm/kmalloc';
import { phys_to_virt, virt_to_phys, VMALLOC_START } from '../../../kernel-api/mm/layout';
import { pfn_to_page } from '../../../kernel-api/mm/page';
import { KernelOops } from '../../../kernel-api/oops';
import { sg_dma_address, sg_dma_len, sg_set_page } from '../../../kernel-api/scatterlist/scatterlist';
import { for_each_sgtable_sg, sg_alloc_table, SgTable } from '../../../kernel-api/scatterlist/sg-table';
import { makeDmaDevice, makeDmaKernel } from '../../support/dma-device';

const LOW = 0x8000_0000;
const HIGH = 0x1_0000_0000;

const setUp = () => {
  const kernel = makeDmaKernel();
  return { kernel, dev: makeDmaDevice(kernel) };
};

/** A table of whole pages. */
const tableOf = (kernel: ReturnType<typeof setUp>['kernel'], pfns: readonly number[]): SgTable => {
  const table = new SgTable(kernel);
  expect(sg_alloc_table(table, pfns.length, GFP_KERNEL)).to.equal(0);
  [...for_each_sgtable_sg(table)].forEach((sg, i) => {
    sg_set_page(sg, pfn_to_page(kernel, pfns[i]!), PAGE_SIZE - i, i);
  });
  return table;
};

describe('kernel-api/dma: direct mappings', () => {
  it('gives the device the physical address', () => {
    const { kernel, dev } = setUp();
    dma_set_mask(dev, DMA_BIT_MASK(64));
    const buffer = kmalloc(kernel, 100, GFP_KERNEL);
    const address = dma_map_single(dev, buffer, 100, DMA_TO_DEVICE);
    expect(address).to.equal(BigInt(virt_to_phys(buffer)));
    expect(dma_mapping_error(dev, address)).to.equal(0);
    dma_unmap_single(dev, address, 100, DMA_TO_DEVICE);
    kfree(kernel, buffer);
    expect(dma_map_page(dev, pfn_to_page(kernel, HIGH / PAGE_SIZE), 5000, 1, DMA_TO_DEVICE)).to.equal(
      BigInt(HIGH + 5000),
    );
    expect(kernel.warned).to.deep.equal([]);
  });

  it('refuses what ends above the mask, to the byte, and warns once', () => {
    const { kernel, dev } = setUp();
    const map = (phys: number, size: number): bigint => dma_map_phys(dev, physAddr(phys), size, DMA_TO_DEVICE, 0);
    expect(map(HIGH - 16, 16)).to.equal(BigInt(HIGH - 16));
    expect(map(HIGH - 16, 17)).to.equal(DMA_MAPPING_ERROR);
    expect(map(HIGH, 1)).to.equal(DMA_MAPPING_ERROR);
    expect(kernel.warned).to.deep.equal([
      'dma_direct_map_phys: test-device: DMA addr 0x00000000fffffff0+17 overflow (mask ffffffff, bus limit 0).',
    ]);
    dev.dma.bus_dma_limit = BigInt(LOW + 99);
    expect(map(LOW, 100)).to.equal(BigInt(LOW));
    expect(map(LOW, 101)).to.equal(DMA_MAPPING_ERROR);
    expect(kernel.warnings).to.equal(1);
  });

  it('moves addresses by the window of dma-ranges that has them', () => {
    const { dev } = setUp();
    dev.dma.dma_mask = DMA_BIT_MASK(64);
    dev.dma.dma_range_map = new DmaRangeMap([
      { cpu_start: physAddr(LOW), dma_start: dmaAddr(0x1000_0800n), size: 0x10_0000 },
      { cpu_start: physAddr(HIGH), dma_start: dmaAddr(0xf000_0000_0000_0000n), size: 0x10_0000 },
    ]);
    const map = (phys: number): bigint => dma_map_phys(dev, physAddr(phys), 16, DMA_TO_DEVICE, 0);
    expect(map(LOW)).to.equal(0x1000_0800n);
    expect(map(LOW + 0x801)).to.equal(0x1000_1001n);
    expect(map(HIGH + 0xffff0)).to.equal(0xf000_0000_000f_fff0n);
    expect(map(HIGH + 0x10_0000)).to.equal(DMA_MAPPING_ERROR);
    expect(map(LOW - 1)).to.equal(DMA_MAPPING_ERROR);
    expect(dma_map_resource(dev, physAddr(0x1234), 4, DMA_TO_DEVICE, 0), 'registers are not moved').to.equal(0x1234n);
    expect(dev.dma.dma_range_map.toPhysical(dmaAddr(0xf000_0000_0000_0007n))).to.equal(HIGH + 7);
    expect(dev.dma.dma_range_map.toPhysical(dmaAddr(7n))).to.equal(-1);
    expect(dev.dma.dma_range_map.min).to.equal(0x1000_0800n);
    expect(dev.dma.dma_range_map.max).to.equal(0xf000_0000_000f_ffffn);
  });

  it('maps each entry of a list for itself', () => {
    const { kernel, dev } = setUp();
    const pfns = Array.from({ length: 300 }, (_, i) => LOW / PAGE_SIZE + ((i * 7) % 300));
    const table = tableOf(kernel, pfns);
    expect(dma_map_sgtable(dev, table, DMA_FROM_DEVICE)).to.equal(0);
    expect(table.nents).to.equal(300);
    [...for_each_sgtable_sg(table)].forEach((sg, i) => {
      expect(sg_dma_address(sg)).to.equal(BigInt(pfns[i]! * PAGE_SIZE + i));
      expect(sg_dma_len(sg)).to.equal(PAGE_SIZE - i);
    });
    dma_unmap_sgtable(dev, table, DMA_FROM_DEVICE);
    expect(dma_map_sg(dev, table.sgl!, 299, DMA_FROM_DEVICE)).to.equal(299);
  });

  it('fails a list with -EIO if one entry is out of reach', () => {
    const { kernel, dev } = setUp();
    const table = tableOf(kernel, [LOW / PAGE_SIZE, HIGH / PAGE_SIZE, LOW / PAGE_SIZE + 1]);
    expect(dma_map_sgtable(dev, table, DMA_FROM_DEVICE)).to.equal(-EIO);
    expect(dma_map_sg(dev, table.sgl!, 3, DMA_FROM_DEVICE)).to.equal(0);
    expect(sg_dma_address([...for_each_sgtable_sg(table)][1]!)).to.equal(DMA_MAPPING_ERROR);
    expect(table.nents).to.equal(3);
  });

  it('refuses and warns as Linux does', () => {
    const { kernel, dev } = setUp();
    const map = (): bigint => dma_map_single(dev, phys_to_virt(physAddr(LOW)), 1, DMA_TO_DEVICE);
    expect(dma_map_single(dev, virtAddr(VMALLOC_START + 8), 8, DMA_TO_DEVICE)).to.equal(DMA_MAPPING_ERROR);
    expect(dma_map_single(dev, virtAddr(0), 8, DMA_TO_DEVICE)).to.equal(DMA_MAPPING_ERROR);
    expect(() => dma_map_single(dev, phys_to_virt(physAddr(LOW)), 1, DMA_NONE)).to.throw(KernelOops);
    const page = pfn_to_page(kernel, LOW / PAGE_SIZE);
    expect(dma_map_page_attrs(dev, page, 0, 1, DMA_TO_DEVICE, DMA_ATTR_MMIO)).to.equal(DMA_MAPPING_ERROR);
    expect(map()).to.equal(BigInt(LOW));
    dev.dma.dma_coherent = false;
    expect(dma_map_page_attrs(dev, page, 0, 1, DMA_TO_DEVICE, DMA_ATTR_REQUIRE_COHERENT)).to.equal(DMA_MAPPING_ERROR);
    dev.dma.dma_mask = null;
    expect(map()).to.equal(DMA_MAPPING_ERROR);
    expect(dma_set_mask(dev, DMA_BIT_MASK(64))).to.equal(-EIO);
    expect(kernel.warned).to.deep.equal([
      'dma_map_single: test-device: memory of the vmalloc area cannot be mapped as a whole',
      '__virt_to_phys: virt_to_phys used for non-linear address: 0x0',
      'dma_map_phys: test-device: the device has no DMA mask',
    ]);
  });
});

describe('kernel-api/dma: masks without an IOMMU', () => {
  it('takes 32 bits and more, and fewer only if they cover the lowest zone', () => {
    const { dev } = setUp();
    for (let bits = 1; bits <= 64; bits++) {
      expect(dma_set_mask_and_coherent(dev, DMA_BIT_MASK(bits)), `${bits} bits`).to.equal(bits < 32 ? -EIO : 0);
    }
    expect(dma_set_coherent_mask(dev, DMA_BIT_MASK(31))).to.equal(-EIO);
    expect(dma_get_mask(dev)).to.equal(DMA_BIT_MASK(64));
    const withZone = makeDmaDevice(makeDmaKernel({ banks: [{ base: 0, size: 64 << 20 }], zoneDmaLimit: 16 << 20 }));
    for (let bits = 1; bits <= 64; bits++) {
      expect(dma_set_mask(withZone, DMA_BIT_MASK(bits)), `${bits} bits`).to.equal(bits < 24 ? -EIO : 0);
    }
    const small = makeDmaDevice(makeDmaKernel({ banks: [{ base: 0, size: 1 << 20 }] }));
    expect(dma_set_mask(small, DMA_BIT_MASK(19))).to.equal(-EIO);
    expect(dma_set_mask(small, DMA_BIT_MASK(20))).to.equal(0);
  });

  it('knows the mask that reaches all of RAM', () => {
    const { dev } = setUp();
    expect(dma_get_required_mask(dev)).to.equal(DMA_BIT_MASK(33));
    expect(dma_addressing_limited(dev)).to.equal(true);
    dma_set_mask(dev, DMA_BIT_MASK(33));
    expect(dma_addressing_limited(dev)).to.equal(false);
    dev.dma.dma_range_map = new DmaRangeMap([
      { cpu_start: physAddr(LOW), dma_start: dmaAddr(0), size: 0x8400_0000 - 1 },
    ]);
    expect(dma_addressing_limited(dev), 'the last byte has no address').to.equal(true);
  });
});
