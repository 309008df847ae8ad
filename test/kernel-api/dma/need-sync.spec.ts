import { expect } from 'chai';
import { dmaAddr, physAddr, SIZE_MAX } from '../../../base/address';
import * as api from '../../../kernel-api/dma/mapping';
import { dma_reset_need_sync } from '../../../kernel-api/dma/need-sync';
import { phys_to_virt } from '../../../kernel-api/mm/layout';
import { makeDmaDevice, makeDmaKernel, putBehindIommu } from '../../support/dma-device';
import { makeSwiotlb } from '../../support/swiotlb-kernel';

const LOW = 0x8200_0000;
const ADDRESS = dmaAddr(LOW);

describe('kernel-api/dma: whether syncs and unmaps are needed', () => {
  it('follows coherence once the mask is set, until something is bounced', () => {
    const { dev, pool } = makeSwiotlb();
    const state = (): boolean[] => [
      api.dma_dev_need_sync(dev),
      api.dma_need_sync(dev, ADDRESS),
      api.dma_need_unmap(dev),
    ];
    expect(state(), 'before the mask is set').to.deep.equal([true, false, true]);
    api.dma_set_mask(dev, api.DMA_BIT_MASK(32));
    expect(state()).to.deep.equal([false, false, false]);
    const bounced = api.dma_map_phys(dev, physAddr(0x1_0000_0000), 64, api.DMA_TO_DEVICE, 0);
    expect(pool.has(Number(bounced))).to.equal(true);
    expect(state(), 'other mappings').to.deep.equal([true, false, true]);
    expect(api.dma_need_sync(dev, bounced)).to.equal(true);
    api.dma_unmap_phys(dev, bounced, 64, api.DMA_TO_DEVICE, 0);
    expect(state(), 'it stays so').to.deep.equal([true, false, true]);
    dev.dma.dma_coherent = false;
    api.dma_set_mask(dev, api.DMA_BIT_MASK(32));
    expect(state()).to.deep.equal([true, true, true]);
    putBehindIommu(dev);
    dev.dma.dma_coherent = true;
    api.dma_set_mask(dev, api.DMA_BIT_MASK(32));
    expect(state(), 'behind an IOMMU').to.deep.equal([false, false, true]);
    dma_reset_need_sync(dev);
    expect(state()).to.deep.equal([true, true, true]);
  });

  it('calls no back end for a device that needs no syncs, but tells the trace', () => {
    const kernel = makeDmaKernel();
    const dev = makeDmaDevice(kernel);
    const called: string[] = [];
    dev.dma.ops = {
      ...dev.dma.ops,
      syncSingleForCpu: () => void called.push('cpu'),
      syncSingleForDevice: () => void called.push('device'),
    };
    const sync = (): void => {
      api.dma_sync_single_for_cpu(dev, ADDRESS, 1, 0);
      api.dma_sync_single_range_for_device(dev, ADDRESS, 8, 1, 0);
    };
    sync();
    expect(called.splice(0)).to.deep.equal(['cpu', 'device']);
    api.dma_set_mask(dev, api.DMA_BIT_MASK(64));
    sync();
    const seen: object[] = [];
    const stop = kernel.trace.subscribe(({ event }) => seen.push(event));
    sync();
    stop();
    expect(called).to.deep.equal([]);
    expect(seen).to.deep.equal([
      { type: 'dma-sync-for-cpu', device: 'test-device', address: ADDRESS, length: 1, direction: 0 },
      { type: 'dma-sync-for-device', device: 'test-device', address: ADDRESS + 8n, length: 1, direction: 0 },
    ]);
  });

  it('knows how large mappings may be, and how large they are best', () => {
    const { dev } = makeSwiotlb();
    expect([api.dma_max_mapping_size(dev), api.dma_opt_mapping_size(dev)]).to.deep.equal([2 ** 18, 2 ** 18]);
    api.dma_set_mask(dev, api.DMA_BIT_MASK(64));
    expect([api.dma_max_mapping_size(dev), api.dma_opt_mapping_size(dev)]).to.deep.equal([SIZE_MAX, SIZE_MAX]);
    putBehindIommu(dev);
    expect([api.dma_max_mapping_size(dev), api.dma_opt_mapping_size(dev)]).to.deep.equal([SIZE_MAX, 128 * 1024]);
    expect(api.dma_pci_p2pdma_supported(dev)).to.equal(true);
  });

  it('makes one mask of two for a device without one', () => {
    const dev = makeDmaDevice(makeDmaKernel());
    dev.dma.dma_mask = null;
    expect(api.dma_set_mask_and_coherent(dev, api.DMA_BIT_MASK(40))).to.be.below(0);
    expect(api.dma_coerce_mask_and_coherent(dev, api.DMA_BIT_MASK(40))).to.equal(0);
    expect([api.dma_get_mask(dev), dev.dma.coherent_dma_mask]).to.deep.equal([
      api.DMA_BIT_MASK(40),
      api.DMA_BIT_MASK(40),
    ]);
    api.dma_set_coherent_mask(dev, api.DMA_BIT_MASK(36));
    expect(api.dma_get_mask(dev)).to.equal(api.DMA_BIT_MASK(36));
  });

  it('counts segment boundaries in pages', () => {
    const dev = makeDmaDevice(makeDmaKernel());
    expect(api.dma_get_seg_boundary_nr_pages(null, 12)).to.equal(2n ** 20n);
    expect(api.dma_get_seg_boundary_nr_pages(dev, 12)).to.equal(2n ** 52n);
    expect(api.dma_get_seg_boundary_nr_pages(dev, 0)).to.equal(0n);
    api.dma_set_seg_boundary(dev, 0xffffn);
    expect(api.dma_get_seg_boundary_nr_pages(dev, 12)).to.equal(16n);
  });

  it('knows what memory the device can be handed', () => {
    const dev = makeDmaDevice(makeDmaKernel());
    expect(api.dma_coherent_ok(dev, physAddr(0xffff_f000), 4096)).to.equal(true);
    expect(api.dma_coherent_ok(dev, physAddr(0xffff_f000), 4097)).to.equal(false);
    dev.dma.bus_dma_limit = BigInt(LOW);
    expect(api.dma_coherent_ok(dev, physAddr(LOW), 1)).to.equal(true);
    expect(api.dma_coherent_ok(dev, physAddr(LOW), 2)).to.equal(false);
    expect(phys_to_virt(physAddr(LOW))).to.be.greaterThan(0);
  });
});
