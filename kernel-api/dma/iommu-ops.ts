import { PAGE_SIZE, SIZE_MAX } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { dma_common_alloc_pages, dma_common_free_pages, dma_common_get_sgtable } from './common-ops';
import { DMA_BIT_MASK } from './dma-address';
import type { DmaMapOps } from './dma-map-ops';
import { iommuMapPhys, iommuToPhysical, iommuUnmapPhys } from './iommu-dma';
import { iommuAlloc, iommuFree, iommuFreeRevoked, iommuRevoke } from './iommu-dma-alloc';
import { iommuMapSg, iommuUnmapSg } from './iommu-dma-sg';
import { iommuNoncontiguous } from './iommu-dma-noncontiguous';
import { iommuSync } from './iommu-dma-sync';
import { iova_rcache_range } from './iova';
import { swiotlb_max_mapping_size } from './swiotlb/swiotlb-map';

/** The smallest leaf of the tables decides where segments can be joined. */
const mergeBoundary = (dev: StructDevice): number => {
  const { pgsize_bitmap } = dev.dma.iommu!.domain;
  return pgsize_bitmap === 0n ? PAGE_SIZE - 1 : Number(pgsize_bitmap & -pgsize_bitmap) - 1;
};

/** The back end of devices in a translating IOMMU domain that belongs to the DMA API. Needs `dev.dma.iommu`. */
export const iommuOps: DmaMapOps = {
  name: 'iommu',
  ...iommuSync,
  mapPhys: iommuMapPhys,
  unmapPhys: iommuUnmapPhys,
  mapSg: iommuMapSg,
  unmapSg: iommuUnmapSg,
  alloc: iommuAlloc,
  free: iommuFree,
  revocation: { revoke: iommuRevoke, free: iommuFreeRevoked },
  getSgtable: dma_common_get_sgtable,
  allocPages: dma_common_alloc_pages,
  freePages: dma_common_free_pages,
  supported: () => true,
  requiredMask: () => DMA_BIT_MASK(32),
  mergeBoundary,
  // What an untrusted device is given may have to be bounced as a whole.
  maxMappingSize: (dev) => (dev.dma.untrusted ? swiotlb_max_mapping_size(dev) : SIZE_MAX),
  optMappingSize: iova_rcache_range,
  noncontiguous: iommuNoncontiguous,
  toPhysical: iommuToPhysical,
};
