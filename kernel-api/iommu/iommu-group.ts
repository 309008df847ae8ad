import { EBUSY, EINVAL } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import type { Kernel } from '../kernel';
import { IOMMU_DOMAIN_BLOCKED, type IommuDomain } from './iommu-domain';

/**
 * `struct iommu_group`: devices that the IOMMU cannot tell apart, or that are not told apart on purpose. They are all
 * members of the same domain.
 */
export class IommuGroup {
  readonly kernel: Kernel;
  readonly id: number;
  readonly devices: StructDevice[] = [];
  /** The domain its devices are members of. Null before the first. */
  domain: IommuDomain | null = null;
  /** The domain of the DMA API. */
  default_domain: IommuDomain | null = null;

  constructor(kernel: Kernel, id: number) {
    this.kernel = kernel;
    this.id = id;
  }

  /**
   * Moves all devices to a domain. If one cannot be moved, those before it go back to the old domain.
   * @returns 0 or the errno of the attempt that failed.
   */
  setDomain(domain: IommuDomain): number {
    if (this.domain === domain) return 0;
    for (let moved = 0; moved < this.devices.length; moved++) {
      const error = this.attach(this.devices[moved]!, domain);
      if (error !== 0) {
        this.revert(moved, domain);
        return error;
      }
    }
    this.domain = domain;
    return 0;
  }

  /**
   * The first domain of a group, and every return to the default domain: drivers must not fail these, so whatever
   * happens the group's domain is the new one afterwards, and devices that failed are blocked.
   */
  setDomainNofail(domain: IommuDomain): number {
    if (this.domain === domain) return 0;
    let result = 0;
    for (const dev of this.devices) {
      const error = this.attach(dev, domain);
      if (error === 0) continue;
      result = error;
      dev.iommu?.iommu?.ops.blocked_domain.attach_dev(dev, this.domain);
    }
    this.domain = domain;
    return result;
  }

  /** Moves one device into the group's present domain, as it joins. */
  attach(dev: StructDevice, domain: IommuDomain): number {
    if (dev.iommu?.require_direct === true && domain.type === IOMMU_DOMAIN_BLOCKED) {
      this.kernel.log.warn({ device: dev.name }, 'firmware wants this device mapped one to one: it cannot be blocked');
      return -EINVAL;
    }
    return domain.attach_dev(dev, this.domain);
  }

  private revert(count: number, failed: IommuDomain): void {
    const previous = this.domain;
    if (previous === null) return;
    for (const dev of this.devices.slice(0, count)) {
      const error = previous.attach_dev(dev, failed);
      if (error !== 0) this.kernel.warn('iommu_group_set_domain', `${dev.name} cannot go back to its old domain`);
    }
  }

  /** `iommu_attach_group`: refused with `-EBUSY` while somebody else's domain is attached. */
  attachOwned(domain: IommuDomain): number {
    const { domain: current, default_domain } = this;
    if (current !== null && current !== default_domain && current.type !== IOMMU_DOMAIN_BLOCKED) return -EBUSY;
    return this.setDomain(domain);
  }
}
