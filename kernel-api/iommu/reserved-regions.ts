import type { StructDevice } from '../base/struct-device';

/** `direct`: mapped one to one whenever the device translates. `reserved`: never to be handed out. */
export type IommuResvType = 'direct' | 'reserved';

/** `struct iommu_resv_region`, in page numbers. */
export interface IommuResvRegion {
  readonly startPage: number;
  readonly pageCount: number;
  readonly prot: number;
  readonly type: IommuResvType;
}

/** The ranges that the device's IOMMU driver reserves, in order of address. The IOVA allocator stays clear of them. */
export const iommu_get_resv_regions = (dev: StructDevice): IommuResvRegion[] => {
  const ops = dev.iommu?.iommu?.ops;
  const regions = ops?.get_resv_regions?.(dev) ?? [];
  return [...regions].sort((a, b) => a.startPage - b.startPage);
};
