import { expect } from 'chai';
import { dmaAddr, PAGE_SIZE, physAddr, virtAddr, type DmaAddr } from '../../../base/address';
import { EINVAL, EIO } from '../../../base/errno';
import { LabError } from '../../../base/errors';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import { dma_pool_alloc, dma_pool_create, dma_pool_free } from '../../../kernel-api/dma/dmapool';
import * as api from '../../../kernel-api/dma/mapping';
import { out } from '../../../kernel-api/err';
import { __GFP_COMP, __GFP_DMA, GFP_ATOMIC, GFP_KERNEL } from '../../../kernel-api/gfp';
import { phys_to_virt, TASK_SIZE, VMALLOC_START } from '../../../kernel-api/mm/layout';
import { pfn_to_page, type Page } from '../../../kernel-api/mm/page';
import { KernelOops } from '../../../kernel-api/oops';
import { sg_set_page, type Scatterlist } from '../../../kernel-api/scatterlist/scatterlist';
import { sg_alloc_table, SgTable } from '../../../kernel-api/scatterlist/sg-table';
import { makeDmaDevice, makeDmaKernel, putBehindIommu } from '../../support/dma-device';
import type { FakeKernel } from '../../support/fake-kernel';

const LOW = 0x8000_0000;
const { DMA_MAPPING_ERROR, DMA_TO_DEVICE } = api;
const NOWHERE = dmaAddr(0);

const setUp = (isBehindIommu: boolean): { kernel: FakeKernel; dev: StructDevice } => {
  const kernel = makeDmaKernel();
  const dev = makeDmaDevice(kernel);
  if (isBehindIommu) putBehindIommu(dev);
  return { kernel, dev };
};

const listOf = (kernel: FakeKernel, nents: number): SgTable => {
  const table = new SgTable(kernel);
  sg_alloc_table(table, nents, GFP_KERNEL);
  for (let i = 0; i < nents; i++) {
    const sg = kernel.scatterlists.at(virtAddr(table.sgl!.address + 32 * i));
    sg_set_page(sg, pfn_to_page(kernel, LOW / PAGE_SIZE + i), PAGE_SIZE, 0);
  }
  return table;
};

/** What no `size_t` can be. */
const NO_SIZES = [NaN, -1, 0.5, Infinity, -Infinity, 2 ** 53, undefined as unknown as number, '8' as unknown as number];

for (const isBehindIommu of [false, true]) {
  describe(`kernel-api/dma: bad arguments ${isBehindIommu ? 'behind an IOMMU' : 'without an IOMMU'}`, () => {
    it('are a LabError where C has no such values', () => {
      const { kernel, dev } = setUp(isBehindIommu);
      const page = pfn_to_page(kernel, LOW / PAGE_SIZE);
      const handle = out(NOWHERE);
      const sgt = listOf(kernel, 1);
      dev.dma.dma_skip_sync = false;
      const calls: ((size: number) => unknown)[] = [
        (n) => api.dma_map_single(dev, phys_to_virt(physAddr(LOW)), n, DMA_TO_DEVICE),
        (n) => api.dma_map_page(dev, page, 0, n, DMA_TO_DEVICE),
        (n) => api.dma_map_page(dev, page, n, 1, DMA_TO_DEVICE),
        (n) => api.dma_map_phys(dev, physAddr(LOW), n, DMA_TO_DEVICE, 0),
        (n) => api.dma_map_resource(dev, physAddr(0x1000), n, DMA_TO_DEVICE, 0),
        (n) => api.dma_unmap_single(dev, NOWHERE, n, DMA_TO_DEVICE),
        (n) => api.dma_unmap_page(dev, NOWHERE, n, DMA_TO_DEVICE),
        (n) => api.dma_sync_single_for_cpu(dev, NOWHERE, n, DMA_TO_DEVICE),
        (n) => api.dma_sync_single_for_device(dev, NOWHERE, n, DMA_TO_DEVICE),
        (n) => api.dma_sync_single_range_for_cpu(dev, NOWHERE, n, 1, DMA_TO_DEVICE),
        (n) => api.dma_sync_single_range_for_device(dev, NOWHERE, n, 1, DMA_TO_DEVICE),
        (n) => api.dma_alloc_coherent(dev, n, handle, GFP_KERNEL),
        (n) => api.dma_free_coherent(dev, n, virtAddr(0), NOWHERE),
        (n) => api.dma_alloc_pages(dev, n, handle, DMA_TO_DEVICE, GFP_KERNEL),
        (n) => api.dma_free_pages(dev, n, page, NOWHERE, DMA_TO_DEVICE),
        (n) => api.dma_alloc_noncoherent(dev, n, handle, DMA_TO_DEVICE, GFP_KERNEL),
        (n) => api.dma_alloc_noncontiguous(dev, n, DMA_TO_DEVICE, GFP_KERNEL, 0),
        (n) => api.dma_vmap_noncontiguous(dev, n, sgt),
        (n) => api.dma_get_sgtable(dev, sgt, virtAddr(0), NOWHERE, n),
        (n) => api.dma_declare_coherent_memory(dev, physAddr(LOW), NOWHERE, n),
        (n) => dma_pool_create('p', dev, n, 0, 0),
        (n) => dma_pool_create('p', dev, 64, n, 0),
        (n) => dma_pool_create('p', dev, 64, 0, n),
      ];
      for (const [index, call] of calls.entries()) {
        for (const size of NO_SIZES) expect(() => call(size), `call ${index}: ${size}`).to.throw(LabError);
      }
      for (const count of [NaN, 0.5, 2 ** 31, undefined as unknown as number]) {
        expect(() => api.dma_map_sg(dev, sgt.sgl!, count, DMA_TO_DEVICE)).to.throw(LabError);
        expect(() => api.dma_unmap_sg(dev, sgt.sgl!, count, DMA_TO_DEVICE)).to.throw(LabError);
        expect(() => api.dma_sync_sg_for_cpu(dev, sgt.sgl, count, DMA_TO_DEVICE)).to.throw(LabError);
        expect(() => api.dma_sync_sg_for_device(dev, sgt.sgl, count, DMA_TO_DEVICE)).to.throw(LabError);
      }
      const pool = dma_pool_create('p', dev, 64, 0, 0)!;
      for (const address of [5, -1n, 1n << 64n, undefined, null]) {
        const wrong = address as DmaAddr;
        expect(() => api.dma_unmap_single(dev, wrong, 1, DMA_TO_DEVICE)).to.throw(LabError);
        expect(() => api.dma_sync_single_for_cpu(dev, wrong, 1, DMA_TO_DEVICE)).to.throw(LabError);
        expect(() => api.dma_free_coherent(dev, 1, virtAddr(0), wrong)).to.throw(LabError);
        expect(() => dma_pool_free(pool, virtAddr(0), wrong)).to.throw(LabError);
      }
      for (const mask of [32, undefined, '1']) {
        expect(() => api.dma_set_mask(dev, mask as unknown as bigint)).to.throw(LabError);
        expect(() => api.dma_set_coherent_mask(dev, mask as unknown as bigint)).to.throw(LabError);
        expect(() => api.dma_coerce_mask_and_coherent(dev, mask as unknown as bigint)).to.throw(LabError);
      }
      expect(kernel.warned).to.deep.equal([]);
    });

    it('are an oops where Linux follows a NULL pointer', () => {
      const { kernel, dev } = setUp(isBehindIommu);
      dev.dma.dma_skip_sync = false;
      const none = null as unknown as StructDevice;
      const sgt = listOf(kernel, 2);
      const noList = null as unknown as Scatterlist;
      const oopses: (() => unknown)[] = [
        () => api.dma_map_single(none, phys_to_virt(physAddr(LOW)), 1, DMA_TO_DEVICE),
        () => api.dma_map_page(none, pfn_to_page(kernel, 1), 0, 1, DMA_TO_DEVICE),
        () => api.dma_unmap_single(none, NOWHERE, 1, DMA_TO_DEVICE),
        () => api.dma_map_sgtable(none, sgt, DMA_TO_DEVICE),
        () => api.dma_unmap_sgtable(none, sgt, DMA_TO_DEVICE),
        () => api.dma_alloc_coherent(none, 1, out(NOWHERE), GFP_KERNEL),
        () => api.dma_free_coherent(none, 1, virtAddr(0), NOWHERE),
        () => api.dma_alloc_pages(none, 1, out(NOWHERE), DMA_TO_DEVICE, GFP_KERNEL),
        () => api.dma_set_mask(none, 1n),
        () => api.dma_map_sg(dev, noList, 1, DMA_TO_DEVICE),
        () => api.dma_map_sg(dev, sgt.sgl!, 3, DMA_TO_DEVICE),
        () => api.dma_map_single(dev, phys_to_virt(physAddr(LOW)), 1, 3),
        () => api.dma_unmap_single(dev, NOWHERE, 1, 3),
        () => api.dma_unmap_sg(dev, sgt.sgl!, 1, 3),
        () => api.dma_sync_single_for_cpu(dev, NOWHERE, 1, 3),
      ];
      for (const [index, call] of oopses.entries()) {
        expect(call, `call ${index}`).to.throw(KernelOops);
      }
      expect(dma_pool_create('p', null, 64, 0, 0)).to.equal(null);
    });

    it('are refused, with the warning of the function', () => {
      const { kernel, dev } = setUp(isBehindIommu);
      const map = (pointer: number, size = 8): bigint =>
        api.dma_map_single(dev, virtAddr(pointer), size, DMA_TO_DEVICE);
      expect(map(VMALLOC_START + 8)).to.equal(DMA_MAPPING_ERROR);
      expect(map(TASK_SIZE - 4096)).to.equal(DMA_MAPPING_ERROR);
      expect(map(0)).to.equal(DMA_MAPPING_ERROR);
      expect(map(NaN)).to.equal(DMA_MAPPING_ERROR);
      expect(api.dma_map_page(dev, null as unknown as Page, 0, 1, DMA_TO_DEVICE)).to.equal(DMA_MAPPING_ERROR);
      for (const phys of [-1, NaN, 2 ** 52]) {
        expect(api.dma_map_phys(dev, physAddr(phys), 1, DMA_TO_DEVICE, 0), `${phys}`).to.equal(DMA_MAPPING_ERROR);
      }
      expect(api.dma_map_sg(dev, listOf(kernel, 1).sgl!, 0, DMA_TO_DEVICE)).to.equal(0);
      expect(api.dma_map_sg(dev, listOf(kernel, 1).sgl!, -5, DMA_TO_DEVICE)).to.equal(0);
      api.dma_unmap_sg(dev, listOf(kernel, 1).sgl!, -5, DMA_TO_DEVICE);
      expect(api.dma_map_sgtable(dev, new SgTable(kernel), DMA_TO_DEVICE)).to.equal(-EIO);
      expect(kernel.warned.map((line) => line.split(':')[0])).to.deep.equal([
        'dma_map_single',
        '__virt_to_phys',
        '__virt_to_phys',
        '__virt_to_phys',
        'dma_map_phys',
        'dma_map_sg',
      ]);
    });

    it('ask nothing of memory that cannot be had', () => {
      const { kernel, dev } = setUp(isBehindIommu);
      const before = kernel.mm.statistics();
      const handle = out(NOWHERE);
      for (const size of [0, 2 ** 40, 2 ** 52, Number.MAX_SAFE_INTEGER]) {
        for (const gfp of [GFP_KERNEL, GFP_ATOMIC]) {
          expect(api.dma_alloc_coherent(dev, size, handle, gfp), `${size}`).to.equal(0);
          expect(api.dma_alloc_pages(dev, size, handle, 0, gfp), `${size}`).to.equal(null);
          expect(api.dma_alloc_noncontiguous(dev, size, 0, gfp, 0), `${size}`).to.equal(null);
        }
      }
      expect(api.dma_alloc_pages(dev, 1, handle, 0, GFP_KERNEL | __GFP_DMA)).to.equal(null);
      expect(api.dma_alloc_pages(dev, 1, handle, 0, GFP_KERNEL | __GFP_COMP)).to.equal(null);
      expect(api.dma_alloc_noncontiguous(dev, 1, 0, GFP_KERNEL, api.DMA_ATTR_NO_WARN)).to.equal(null);
      dev.dma.coherent_dma_mask = 0n;
      expect(api.dma_alloc_pages(dev, 1, handle, 0, GFP_KERNEL)).to.equal(null);
      kernel.mm.slabs.shrink();
      expect(kernel.mm.statistics()).to.deep.equal(before);
      expect(new Set(kernel.warned.map((line) => line.split(':')[0]))).to.deep.equal(
        new Set(['alloc_pages', 'dma_alloc_pages', 'dma_alloc_noncontiguous']),
      );
    });

    it('free nothing twice', () => {
      const { kernel, dev } = setUp(isBehindIommu);
      kernel.mm.slabs.shrink();
      const before = kernel.mm.statistics();
      const handle = out(NOWHERE);
      const cpu = api.dma_alloc_coherent(dev, 9000, handle, GFP_KERNEL);
      for (let n = 0; n < 3; n++) api.dma_free_coherent(dev, 9000, cpu, handle.value);
      const page = api.dma_alloc_pages(dev, 9000, handle, DMA_TO_DEVICE, GFP_KERNEL)!;
      for (let n = 0; n < 3; n++) api.dma_free_pages(dev, 9000, page, handle.value, DMA_TO_DEVICE);
      const sgt = api.dma_alloc_noncontiguous(dev, 9000, DMA_TO_DEVICE, GFP_KERNEL, 0)!;
      for (let n = 0; n < 3; n++) api.dma_free_noncontiguous(dev, 9000, sgt, DMA_TO_DEVICE);
      kernel.mm.slabs.shrink();
      expect(kernel.mm.statistics()).to.deep.equal(before);
      expect(kernel.warned.length).to.be.at.least(6);
    });

    it('unmap what was never mapped, and leave the rest alone', () => {
      const { kernel, dev } = setUp(isBehindIommu);
      const buffer = phys_to_virt(physAddr(LOW));
      const address = api.dma_map_single(dev, buffer, 100, DMA_TO_DEVICE);
      for (const wrong of [0n, 0x1234_5000n, DMA_MAPPING_ERROR]) {
        api.dma_unmap_single(dev, dmaAddr(wrong), 100, DMA_TO_DEVICE);
        api.dma_sync_single_for_cpu(dev, dmaAddr(wrong), 100, DMA_TO_DEVICE);
        api.dma_sync_single_for_device(dev, dmaAddr(wrong), 100, DMA_TO_DEVICE);
      }
      expect(dev.dma.ops.toPhysical(dev, address)).to.equal(LOW);
      // Without an IOMMU nothing is there to be undone, and Linux notices nothing either.
      expect(kernel.warned.length).to.equal(isBehindIommu ? 3 : 0);
    });

    it('as masks: zero cannot be had, and cuts off nothing', () => {
      const { dev } = setUp(isBehindIommu);
      const had = isBehindIommu ? 0 : -EIO;
      expect(api.dma_set_mask(dev, 0n)).to.equal(had);
      expect(api.dma_set_coherent_mask(dev, 0n)).to.equal(had);
      expect(api.dma_get_mask(dev)).to.equal(0xffff_ffffn);
      const address = api.dma_map_single(dev, phys_to_virt(physAddr(LOW)), 100, DMA_TO_DEVICE);
      expect(api.dma_mapping_error(dev, address)).to.equal(0);
      expect(address < 1n << 32n).to.equal(true);
      expect(api.dma_set_mask(dev, (1n << 70n) - 1n)).to.equal(0);
      expect(api.dma_get_mask(dev)).to.equal(api.DMA_BIT_MASK(64));
    });
  });
}

describe('kernel-api/dma: more bad arguments', () => {
  it('tells of memory that is mapped as a resource, and goes on', () => {
    const { kernel, dev } = setUp(false);
    const memory = LOW + (32 << 20);
    expect(api.dma_map_resource(dev, physAddr(memory), 4, DMA_TO_DEVICE, 0)).to.equal(BigInt(memory));
    expect(api.dma_map_resource(dev, physAddr(0x1000), 4, DMA_TO_DEVICE, 0)).to.equal(0x1000n);
    expect(kernel.warned).to.deep.equal([
      'dma_map_phys: test-device: dma_map_resource called for RAM address 0x82000000',
    ]);
  });

  it('describes no memory that is none', () => {
    const { kernel, dev } = setUp(true);
    const sgt = new SgTable(kernel);
    expect(api.dma_get_sgtable(dev, sgt, virtAddr(VMALLOC_START), NOWHERE, 4096)).to.equal(-EINVAL);
    expect(kernel.warned).to.deep.equal(['dma_get_sgtable: test-device: 0x6000000000000 is no memory for DMA']);
  });

  it('believes what a pool is told, unless it is a debugging kernel', () => {
    const kernel = makeDmaKernel({ bootargs: 'slab_debug' });
    const dev = makeDmaDevice(kernel);
    const pool = dma_pool_create('blocks', dev, 64, 64, 0)!;
    const handle = out(NOWHERE);
    const block = dma_pool_alloc(pool, GFP_KERNEL, handle);
    expect(kernel.mm.load8(virtAddr(block + 20)), 'not initialised').to.equal(0xa9);
    dma_pool_free(pool, block, handle.value);
    dma_pool_free(pool, block, handle.value);
    dma_pool_free(pool, block, dmaAddr(handle.value + 0x10_0000n));
    kernel.mm.store8(virtAddr(block + 40), 1);
    expect(dma_pool_alloc(pool, GFP_KERNEL, handle)).to.equal(block);
    expect(pool.nr_active).to.equal(1);
    const dma = handle.value.toString(16);
    expect(kernel.warned).to.deep.equal([
      `pool_block_err: test-device: pool_block_err blocks, dma 0x${dma} already free`,
      `pool_block_err: test-device: pool_block_err blocks, 0x${block.toString(16)}/0x${(handle.value + 0x10_0000n).toString(16)} (bad dma)`,
      `pool_check_block: test-device: pool_check_block blocks, 0x${block.toString(16)} (corrupted): 0x1 at offset 40`,
    ]);
  });
});
