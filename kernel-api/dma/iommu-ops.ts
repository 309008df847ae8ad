import { PAGE_SIZE } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { DMA_BIT_MASK } from './dma-address';
import type { DmaMapOps } from './dma-map-ops';
import { iommuMapPhys, iommuToPhysical, iommuUnmapPhys } from './iommu-dma';
import { iommuAlloc, iommuFree } from './iommu-dma-alloc';
import { iommuMapSg, iommuUnmapSg } from './iommu-dma-sg';

/** The smallest leaf of the tables decides where segments can be joined. */
const mergeBoundary = (dev: StructDevice): number => {
  const { pgsize_bitmap } = dev.dma.iommu!.domain;
  return pgsize_bitmap === 0n ? PAGE_SIZE - 1 : Number(pgsize_bitmap & -pgsize_bitmap) - 1;
};

/** The back end of devices in a translating IOMMU domain that belongs to the DMA API. Needs `dev.dma.iommu`. */
export const iommuOps: DmaMapOps = {
  name: 'iommu',
  mapPhys: iommuMapPhys,
  unmapPhys: iommuUnmapPhys,
  mapSg: iommuMapSg,
  unmapSg: iommuUnmapSg,
  alloc: iommuAlloc,
  free: iommuFree,
  supported: () => true,
  requiredMask: () => DMA_BIT_MASK(32),
  mergeBoundary,
  toPhysical: iommuToPhysical,
};
