import { EINVAL } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import type { Kernel } from '../kernel';
import { type IOMMU_DOMAIN_BLOCKED, IOMMU_DOMAIN_IDENTITY, IommuDomain } from './iommu-domain';

/** A domain without tables, of which a driver has one for all devices: identity or blocked. */
export class StaticDomain extends IommuDomain {
  private readonly attach: (dev: StructDevice) => number;

  /** @param attach what the driver does to make a device a member */
  constructor(
    kernel: Kernel,
    type: typeof IOMMU_DOMAIN_BLOCKED | typeof IOMMU_DOMAIN_IDENTITY,
    attach: (dev: StructDevice) => number,
  ) {
    super(kernel, type);
    this.attach = attach;
  }

  override attach_dev(dev: StructDevice): number {
    return this.attach(dev);
  }

  override mapPages(): number {
    return -EINVAL;
  }

  override unmapPages(): number {
    return 0;
  }

  override iotlbSync(): void {}

  override flushIotlbAll(): void {}

  override iovaToPhysPage(iovaPage: number): number {
    return this.type === IOMMU_DOMAIN_IDENTITY ? iovaPage : -1;
  }

  override free(): void {}
}
