import { dmaAddrOf, PAGE_SIZE, virtAddr, type DmaAddr, type VirtAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { SG_DMA_FLAGS, SG_DMA_SWIOTLB } from '../scatterlist/layout';
import { arch_sync_dma_for_cpu, arch_sync_dma_for_device } from './arch-sync';
import type { DmaDataDirection } from './direction';
import type { DmaSyncOps } from './dma-map-ops';
import { iommuToPhysical } from './iommu-dma';
import { dev_use_swiotlb } from './iommu-dma-bounce';
import { swiotlb_sync_single_for_cpu, swiotlb_sync_single_for_device } from './swiotlb/map-single';

/** Syncs of mappings that go through an IOMMU (`iommu_dma_sync_*` of `drivers/iommu/dma-iommu.c`). */

type SyncSingle = DmaSyncOps['syncSingleForCpu'];
type ArchSync = typeof arch_sync_dma_for_cpu;

/** Neither cached nor bounced. Linux goes by the size of the part that is synced, not by that of the mapping. */
const needsNone = (dev: StructDevice, size: number, dir: DmaDataDirection): boolean =>
  dev.dma.dma_coherent && !dev_use_swiotlb(dev, size, dir);

const singleForCpu: SyncSingle = (dev, address, size, dir) => {
  if (needsNone(dev, size, dir)) return;
  const phys = iommuToPhysical(dev, address);
  if (phys < 0) return;
  if (!dev.dma.dma_coherent) arch_sync_dma_for_cpu(dev.kernel, phys, size, dir);
  swiotlb_sync_single_for_cpu(dev, phys, size, dir);
};

const singleForDevice: SyncSingle = (dev, address, size, dir) => {
  if (needsNone(dev, size, dir)) return;
  const phys = iommuToPhysical(dev, address);
  if (phys < 0) return;
  swiotlb_sync_single_for_device(dev, phys, size, dir);
  if (!dev.dma.dma_coherent) arch_sync_dma_for_device(dev.kernel, phys, size, dir);
};

/** Calls `visit` for each entry of a mapped list, with its DMA address, its physical one, the length of its data and that of its segment. */
export const forEachEntry = (
  dev: StructDevice,
  sgl: VirtAddr,
  nents: number,
  visit: (address: DmaAddr, phys: number, length: number, dmaLength: number) => void,
): void => {
  const { scratch: pool } = dev.kernel.dma;
  const scratch = pool.take(0);
  const { reader } = scratch;
  try {
    reader.begin(dev.kernel, sgl, nents);
    while (reader.next()) {
      const address = dmaAddrOf(reader.dmaPage, reader.dmaOffset);
      visit(address, reader.pfn * PAGE_SIZE + reader.offset, reader.length, reader.dmaLength);
    }
  } finally {
    pool.give(scratch);
  }
};

/** Whether entries of a mapped list may be bounced; then each of them is a mapping of its own. */
export const isBouncedList = (dev: StructDevice, sgl: VirtAddr): boolean =>
  (dev.kernel.mm.load32(virtAddr(sgl + SG_DMA_FLAGS)) & SG_DMA_SWIOTLB) !== 0;

/** Lists are synced by what the CPU sees of them, unless entries may be bounced. */
const syncList = (
  dev: StructDevice,
  sgl: VirtAddr,
  nents: number,
  dir: DmaDataDirection,
  single: SyncSingle,
  arch: ArchSync,
): void => {
  if (isBouncedList(dev, sgl)) {
    forEachEntry(dev, sgl, nents, (address, _phys, length) => single(dev, address, length, dir));
  } else if (!dev.dma.dma_coherent) {
    forEachEntry(dev, sgl, nents, (_address, phys, length) => arch(dev.kernel, phys, length, dir));
  }
};

export const iommuSync: DmaSyncOps = {
  syncSingleForCpu: singleForCpu,
  syncSingleForDevice: singleForDevice,
  syncSgForCpu: (dev, sgl, nents, dir) => syncList(dev, sgl, nents, dir, singleForCpu, arch_sync_dma_for_cpu),
  syncSgForDevice: (dev, sgl, nents, dir) => syncList(dev, sgl, nents, dir, singleForDevice, arch_sync_dma_for_device),
  needSync: () => true,
};
