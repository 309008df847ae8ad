import type { StructDevice } from '../../base/struct-device';
import type { RiscvPagingDomain } from './paging-domain';
import type { RiscvIommu } from './riscv-iommu';

/** What the driver keeps with each device behind its IOMMU. */
export class RiscvDeviceInfo {
  readonly iommu: RiscvIommu;
  /** The translating domain that the device is bonded to; null with a static one. */
  domain: RiscvPagingDomain | null = null;

  constructor(iommu: RiscvIommu) {
    this.iommu = iommu;
  }
}

/** The driver's data of a device that it has taken in. */
export const deviceInfo = (dev: StructDevice): RiscvDeviceInfo => dev.iommu!.priv as RiscvDeviceInfo;
