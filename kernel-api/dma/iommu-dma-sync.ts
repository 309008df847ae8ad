import { PAGE_SIZE, type DmaAddr, type VirtAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { arch_sync_dma_for_cpu, arch_sync_dma_for_device } from './arch-sync';
import type { DmaDataDirection } from './direction';
import type { DmaSyncOps } from './dma-map-ops';
import { iommuToPhysical } from './iommu-dma';

/** Syncs of mappings that go through an IOMMU (`iommu_dma_sync_*` of `drivers/iommu/dma-iommu.c`). */

type ArchSync = typeof arch_sync_dma_for_cpu;

const single = (dev: StructDevice, address: DmaAddr, size: number, dir: DmaDataDirection, sync: ArchSync): void => {
  if (dev.dma.dma_coherent) return;
  const phys = iommuToPhysical(dev, address);
  if (phys >= 0) sync(dev.kernel, phys, size, dir);
};

/** Lists are synced by what the CPU sees of them. */
const list = (dev: StructDevice, sgl: VirtAddr, nents: number, dir: DmaDataDirection, sync: ArchSync): void => {
  if (dev.dma.dma_coherent) return;
  const { scratch: pool } = dev.kernel.dma;
  const scratch = pool.take(0);
  const { reader } = scratch;
  try {
    reader.begin(dev.kernel, sgl, nents);
    while (reader.next()) sync(dev.kernel, reader.pfn * PAGE_SIZE + reader.offset, reader.length, dir);
  } finally {
    pool.give(scratch);
  }
};

export const iommuSync: DmaSyncOps = {
  syncSingleForCpu: (dev, address, size, dir) => single(dev, address, size, dir, arch_sync_dma_for_cpu),
  syncSingleForDevice: (dev, address, size, dir) => single(dev, address, size, dir, arch_sync_dma_for_device),
  syncSgForCpu: (dev, sgl, nents, dir) => list(dev, sgl, nents, dir, arch_sync_dma_for_cpu),
  syncSgForDevice: (dev, sgl, nents, dir) => list(dev, sgl, nents, dir, arch_sync_dma_for_device),
  needSync: () => true,
};
