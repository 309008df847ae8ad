import { expect } from 'chai';
import { dmaAddr, PAGE_SIZE, physAddr, SIZE_MAX, type DmaAddr, type PhysAddr } from '../../../../base/address';
import type { StructDevice } from '../../../../kernel-api/base/struct-device';
import { DmaRangeMap } from '../../../../kernel-api/dma/bus-dma-region';
import {
  DMA_ATTR_CC_SHARED,
  DMA_ATTR_MMIO,
  DMA_ATTR_NO_WARN,
  DMA_ATTR_REQUIRE_COHERENT,
  DMA_BIDIRECTIONAL,
  DMA_BIT_MASK,
  DMA_FROM_DEVICE,
  DMA_MAPPING_ERROR,
  DMA_TO_DEVICE,
  dma_map_phys,
  dma_max_mapping_size,
  dma_set_mask,
  dma_set_min_align_mask,
  dma_sync_single_for_cpu,
  dma_unmap_phys,
} from '../../../../kernel-api/dma/mapping';
import {
  swiotlb_map,
  swiotlb_sync_single_for_cpu,
  swiotlb_tbl_map_single,
  swiotlb_tbl_unmap_single,
} from '../../../../kernel-api/dma/swiotlb';
import type { IoTlbPool } from '../../../../kernel-api/dma/swiotlb/io-tlb-pool';
import { KernelOops } from '../../../../kernel-api/oops';
import { bytesAt, expectBuffer, makeBuffer, pattern, writeAt } from '../../../support/guarded-buffer';
import type { FakeKernel } from '../../../support/fake-kernel';
import { makeSwiotlb } from '../../../support/swiotlb-kernel';

const HIGH = 0x1_0000_0000;

const freeOf = (pool: IoTlbPool): boolean[] => Array.from({ length: pool.nslabs }, (_, slot) => pool.areFree(slot, 1));

const usedOf = (kernel: FakeKernel): number => kernel.dma.swiotlb.defaultMem.used;

describe('kernel-api/dma/swiotlb: who is bounced', () => {
  const map = (dev: StructDevice, phys: number, size: number, attrs = 0): DmaAddr =>
    dma_map_phys(dev, physAddr(phys), size, DMA_TO_DEVICE, attrs);

  it('what the mask does not reach, to the byte', () => {
    const { dev, pool } = makeSwiotlb();
    expect(map(dev, 0x8000_0000, 16)).to.equal(0x8000_0000n);
    expect(pool.has(Number(map(dev, HIGH, 1)))).to.equal(true);
    dma_set_mask(dev, DMA_BIT_MASK(33));
    expect(map(dev, HIGH, 1)).to.equal(BigInt(HIGH));
    dev.dma.bus_dma_limit = BigInt(HIGH + 9);
    expect(map(dev, HIGH, 10)).to.equal(BigInt(HIGH));
    expect(pool.has(Number(map(dev, HIGH, 11)))).to.equal(true);
  });

  it('everything, if it is forced; then registers and coherence cannot be had', () => {
    const { kernel, dev, pool } = makeSwiotlb({ force: true });
    expect(pool.has(Number(map(dev, 0x8000_0000, 16)))).to.equal(true);
    expect(map(dev, 0x1000, 4, DMA_ATTR_MMIO)).to.equal(DMA_MAPPING_ERROR);
    expect(map(dev, 0x8000_0000, 4, DMA_ATTR_REQUIRE_COHERENT)).to.equal(DMA_MAPPING_ERROR);
    expect(map(dev, 0x8000_0000, 4, DMA_ATTR_CC_SHARED)).to.equal(0x8000_0000n);
    expect(kernel.warned).to.deep.equal([]);
  });

  it('nothing that is shared, or registers, or has to be coherent, if it is not forced', () => {
    const { kernel, dev } = makeSwiotlb();
    expect(map(dev, 0x8000_0000, 4, DMA_ATTR_CC_SHARED)).to.equal(DMA_MAPPING_ERROR);
    expect(map(dev, 0x1000, 4, DMA_ATTR_MMIO)).to.equal(0x1000n);
    expect(kernel.warned).to.deep.equal([]);
    expect(map(dev, HIGH + 0x400_0000, 4, DMA_ATTR_MMIO)).to.equal(DMA_MAPPING_ERROR);
    expect(map(dev, HIGH, 4, DMA_ATTR_REQUIRE_COHERENT)).to.equal(DMA_MAPPING_ERROR);
    expect(kernel.warned).to.deep.equal([
      'dma_direct_map_phys: test-device: DMA addr 0x0000000104000000+4 overflow (mask ffffffff, bus limit 0).',
    ]);
    expect(usedOf(kernel)).to.equal(0);
  });

  it('nobody who cannot reach the pool either', () => {
    const { kernel, dev } = makeSwiotlb();
    dev.dma.dma_mask = DMA_BIT_MASK(31);
    expect(map(dev, 0x8000_0000, 4)).to.equal(DMA_MAPPING_ERROR);
    expect(usedOf(kernel)).to.equal(0);
    expect(kernel.warned).to.deep.equal([
      'swiotlb_map: test-device: swiotlb addr 0x0000000083c00000+4 overflow (mask 7fffffff, bus limit 0).',
    ]);
    dev.dma.dma_mask = DMA_BIT_MASK(32);
    dev.dma.dma_range_map = new DmaRangeMap([
      { cpu_start: physAddr(0x8000_0000), dma_start: dmaAddr(0), size: 0x100_0000 },
    ]);
    expect(map(dev, HIGH, 4), 'a pool that the bus does not show').to.equal(DMA_MAPPING_ERROR);
    expect(usedOf(kernel)).to.equal(0);
  });

  it('through the windows of the bus, with the bits of the bus address where alignment counts', () => {
    const { kernel, dev, pool } = makeSwiotlb();
    dev.dma.dma_range_map = new DmaRangeMap([
      { cpu_start: physAddr(0x8000_0000), dma_start: dmaAddr(0x4000_1000n), size: 0x400_0000 },
    ]);
    const before = makeBuffer(kernel, HIGH + 0x1000, 9000, 5);
    const address = dma_map_phys(dev, physAddr(HIGH + 0x1000), 9000, DMA_FROM_DEVICE, 0);
    const place = Number(address) - 0x4000_1000 + 0x8000_0000;
    expect(pool.has(place)).to.equal(true);
    expect(Number(address) % PAGE_SIZE, 'whole pages are aligned as the device sees them').to.equal(0);
    expect(bytesAt(kernel, place, 9000)).to.deep.equal(before);
    writeAt(kernel, place, pattern(9000, 6));
    dma_unmap_phys(dev, address, 9000, DMA_FROM_DEVICE, 0);
    expectBuffer(kernel, HIGH + 0x1000, pattern(9000, 6), 'after');
    expect(usedOf(kernel)).to.equal(0);
  });

  it('tells the largest mapping to those who may be bounced', () => {
    const { dev } = makeSwiotlb();
    expect(dma_max_mapping_size(dev)).to.equal(0x4_0000);
    for (const [mask, cost] of [
      [1, 2048],
      [2047, 2048],
      [2048, 2048],
      [2049, 4096],
      [4095, 4096],
      [65535, 65536],
    ] as const) {
      dma_set_min_align_mask(dev, mask);
      expect(dma_max_mapping_size(dev), `${mask}`).to.equal(0x4_0000 - cost);
    }
    dma_set_mask(dev, DMA_BIT_MASK(33));
    expect(dma_max_mapping_size(dev)).to.equal(SIZE_MAX);
    expect(dma_max_mapping_size(makeSwiotlb({ force: true }).dev)).to.equal(0x4_0000);
  });
});

describe('kernel-api/dma/swiotlb: trouble', () => {
  const logged = (kernel: FakeKernel): string[] => {
    const lines: string[] = [];
    const record = (_fields: object, message: string): void => void lines.push(message);
    Object.defineProperty(kernel, 'log', { value: { ...kernel.log, warn: record } });
    return lines;
  };

  it('says that the buffer is full, ten times in five seconds, unless told not to', () => {
    const { kernel, dev } = makeSwiotlb({ nslabs: 128, force: true });
    const lines = logged(kernel);
    const map = (size: number, attrs = 0): DmaAddr =>
      dma_map_phys(dev, physAddr(0x8000_0000), size, DMA_TO_DEVICE, attrs);
    map(0x1_0000);
    for (let i = 0; i < 13; i++) expect(map(0x4_0000)).to.equal(DMA_MAPPING_ERROR);
    expect(lines).to.have.length(10);
    expect(lines[0]).to.equal('swiotlb buffer is full (sz: 262144 bytes), total 128 (slots), used 32 (slots)');
    kernel.cpu.elapse(5_000_000_001);
    expect(map(0x4_0000, DMA_ATTR_NO_WARN)).to.equal(DMA_MAPPING_ERROR);
    expect(lines).to.have.length(10);
    map(0x4_0001);
    expect(lines.slice(10)).to.deep.equal([
      '3 callbacks suppressed',
      'swiotlb buffer is full (sz: 262145 bytes), total 128 (slots), used 32 (slots)',
    ]);
    expect(kernel.warned).to.deep.equal([]);
  });

  it('maps for nobody where there is no pool', () => {
    const { kernel, dev } = makeSwiotlb();
    kernel.dma.swiotlb.defaultMem.defpool = null;
    const lines = logged(kernel);
    expect(swiotlb_map(dev, 0x8000_0000, 4, DMA_TO_DEVICE, 0)).to.equal(DMA_MAPPING_ERROR);
    expect(lines).to.deep.equal(['needs a bounce buffer, and there is no memory for them']);
  });

  it('warns of what is unmapped twice, or in the middle, and changes nothing', () => {
    const { kernel, dev, pool } = makeSwiotlb({ force: true });
    const phys = 0x8000_1000;
    makeBuffer(kernel, phys, 6000, 1);
    const other = dma_map_phys(dev, physAddr(0x8001_0000), 100, DMA_FROM_DEVICE, 0);
    const address = dma_map_phys(dev, physAddr(phys), 6000, DMA_FROM_DEVICE, 0);
    const before = freeOf(pool);
    for (const offset of [2048n, 4096n]) dma_unmap_phys(dev, dmaAddr(address + offset), 100, DMA_FROM_DEVICE, 0);
    expect(freeOf(pool)).to.deep.equal(before);
    dma_unmap_phys(dev, address, 6000, DMA_FROM_DEVICE, 0);
    dma_unmap_phys(dev, address, 6000, DMA_FROM_DEVICE, 0);
    dma_unmap_phys(dev, dmaAddr(BigInt(pool.end - 1)), 1, DMA_FROM_DEVICE, 0);
    expect(usedOf(kernel)).to.equal(1);
    const hex = (value: bigint): string => `0x${value.toString(16)}`;
    expect(kernel.warned).to.deep.equal(
      [address + 2048n, address + 4096n, address, BigInt(pool.end - 1)].map(
        (at) => `swiotlb_release_slots: test-device: no bounce buffer begins at ${hex(at)}`,
      ),
    );
    dma_unmap_phys(dev, other, 100, DMA_FROM_DEVICE, 0);
    expect(freeOf(pool).every((free) => free)).to.equal(true);
  });

  it('cuts off what goes beyond the mapping, in syncs and unmaps, with a warning', () => {
    const { kernel, dev } = makeSwiotlb({ force: true });
    const phys = 0x8000_1010;
    const before = makeBuffer(kernel, phys, 5000, 1);
    const address = dma_map_phys(dev, physAddr(phys), 5000, DMA_BIDIRECTIONAL, 0);
    writeAt(kernel, Number(address), pattern(8192, 2));
    dma_sync_single_for_cpu(dev, dmaAddr(address + 4000n), 1001, DMA_BIDIRECTIONAL);
    before.set(pattern(5000, 2).subarray(4000), 4000);
    expectBuffer(kernel, phys, before, 'a byte too long');
    const warning =
      'swiotlb_bounce: test-device: an access beyond the mapping was cut off: 1001 bytes were asked for, 1000 are left.';
    expect(kernel.warned).to.deep.equal([warning]);
    dma_sync_single_for_cpu(dev, dmaAddr(address + 5001n), 1, DMA_BIDIRECTIONAL);
    dma_sync_single_for_cpu(dev, dmaAddr(address + 5000n), 1, DMA_BIDIRECTIONAL);
    expectBuffer(kernel, phys, before, 'behind the end');
    dma_unmap_phys(dev, address, 2 ** 40, DMA_BIDIRECTIONAL, 0);
    expectBuffer(kernel, phys, pattern(5000, 2), 'unmapped by too much');
    expect(kernel.warned).to.deep.equal([warning]);
    expect(usedOf(kernel)).to.equal(0);
  });

  it('copies nothing for an address in front of the mapping, in its padding, or in free slots', () => {
    const { kernel, dev } = makeSwiotlb({ force: true });
    dma_set_min_align_mask(dev, 4095);
    const phys = 0x8000_1000 + 700;
    const before = makeBuffer(kernel, phys, 3000, 1);
    const address = dma_map_phys(dev, physAddr(phys), 3000, DMA_BIDIRECTIONAL, 0);
    writeAt(kernel, Number(address) - 700, pattern(4096, 2));
    dma_sync_single_for_cpu(dev, dmaAddr(address - 1n), 10, DMA_BIDIRECTIONAL);
    dma_sync_single_for_cpu(dev, dmaAddr(address + 64_000n), 10, DMA_BIDIRECTIONAL);
    expectBuffer(kernel, phys, before, 'after');
    expect(kernel.warned.map((line) => line.split(':')[0])).to.deep.equal(['swiotlb_bounce', 'swiotlb_sync_single']);
    dma_unmap_phys(dev, address, 3000, DMA_TO_DEVICE, 0);
    expect(usedOf(kernel)).to.equal(0);
  });

  it('stops at memory that is not there, and at no bytes', () => {
    const { dev } = makeSwiotlb({ force: true });
    expect(() => dma_map_phys(dev, physAddr(0x9000_0000), 16, DMA_TO_DEVICE, 0)).to.throw(KernelOops);
    expect(() => dma_map_phys(dev, physAddr(0x8000_0000), 0, DMA_TO_DEVICE, 0)).to.throw(KernelOops);
  });

  it('is of no interest to addresses outside of the pool', () => {
    const { kernel, dev, pool } = makeSwiotlb();
    for (const place of [pool.start - 1, pool.end, 0, 2 ** 60]) {
      swiotlb_tbl_unmap_single(dev, place, 1, DMA_BIDIRECTIONAL, 0);
      swiotlb_sync_single_for_cpu(dev, place, 1, DMA_BIDIRECTIONAL);
    }
    dma_unmap_phys(dev, DMA_MAPPING_ERROR, 100, DMA_BIDIRECTIONAL, 0);
    expect(kernel.warned).to.deep.equal([]);
  });

  it('aligns allocations for those who ask, and rounds them up', () => {
    const { kernel, dev, pool } = makeSwiotlb();
    const phys = (HIGH + 0x3210) as PhysAddr;
    const bytes = makeBuffer(kernel, phys, 100, 3);
    const place = swiotlb_tbl_map_single(dev, phys, 100, 4095, DMA_BIDIRECTIONAL, 0);
    expect(place % PAGE_SIZE).to.equal(0);
    expect(bytesAt(kernel, place, 100)).to.deep.equal(bytes);
    expect(usedOf(kernel)).to.equal(2);
    swiotlb_tbl_unmap_single(dev, place, 100, DMA_BIDIRECTIONAL, 0);
    dma_set_min_align_mask(dev, 4095);
    const second = swiotlb_tbl_map_single(dev, phys, 100, 4095, DMA_BIDIRECTIONAL, 0);
    expect(second % PAGE_SIZE, 'the offset in the page is preserved').to.equal(0x210);
    expect(pool.has(second)).to.equal(true);
    const third = swiotlb_tbl_map_single(dev, phys + 0xc00, 100, 4095, DMA_BIDIRECTIONAL, 0);
    expect(third % PAGE_SIZE, 'with slots of padding').to.equal(0xe10);
    for (const at of [second, third]) swiotlb_tbl_unmap_single(dev, at, 100, DMA_BIDIRECTIONAL, 0);
    expect(usedOf(kernel)).to.equal(0);
    expect(kernel.warned).to.deep.equal([]);
    swiotlb_tbl_map_single(dev, phys, 100, 8191, DMA_BIDIRECTIONAL, 0);
    expect(kernel.warned).to.deep.equal([
      'swiotlb_tbl_map_single: test-device: with such an alignment the largest mappings may find no room',
    ]);
  });
});
