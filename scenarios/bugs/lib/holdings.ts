import {
  IOMMU_DOMAIN_IDENTITY,
  iommu_get_domain_for_dev,
  iommu_iova_to_phys,
  type DmaAddr,
  type StructDevice,
} from 'dmalab';

/** Slots of bounce buffers in use by the device and those that share the pool with it. */
export const bounceSlots = (dev: StructDevice): number =>
  (dev.dma.dma_io_tlb_mem ?? dev.kernel.dma.swiotlb.defaultMem).used;

/** Whether the device's IOMMU knows an address. Without translation there is nothing to know. */
export const isTranslated = (dev: StructDevice, address: DmaAddr): boolean => {
  const domain = iommu_get_domain_for_dev(dev);
  if (domain === null || domain.type === IOMMU_DOMAIN_IDENTITY) return false;
  return iommu_iova_to_phys(domain, address) !== 0;
};
