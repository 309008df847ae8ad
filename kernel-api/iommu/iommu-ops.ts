import type { StructDevice } from '../base/struct-device';
import type { OfNode } from '../of/of-node';
import type { IommuDomain } from './iommu-domain';
import type { IommuGroup } from './iommu-group';
import type { IommuResvRegion } from './reserved-regions';

/** What an IOMMU driver implements (`struct iommu_ops`). One object per driver, whatever number of IOMMUs it drives. */
export interface IommuOps {
  /** Adds the cells of one `iommus` entry to the device's ids. 0 or an errno. */
  of_xlate(dev: StructDevice, cells: readonly number[]): number;
  /** Takes the device in; the IOMMU that serves it, or an errno. */
  probe_device(dev: StructDevice): IommuDevice | number;
  /** The opposite; `release_domain` is attached by then. */
  release_device(dev: StructDevice): void;
  /** The group the device belongs to: those that cannot be told apart. */
  device_group(dev: StructDevice): IommuGroup | number;
  /** Makes a translating domain that the device can join. */
  domain_alloc_paging(dev: StructDevice): IommuDomain | number;
  readonly identity_domain: IommuDomain;
  readonly blocked_domain: IommuDomain;
  /** Attached before `release_device`. */
  readonly release_domain: IommuDomain;
  /** Ranges that the IOMMU itself does not want mapped, or wants mapped one to one. */
  get_resv_regions?(dev: StructDevice): IommuResvRegion[];
}

/** An IOMMU that its driver has registered (`struct iommu_device`). */
export interface IommuDevice {
  readonly ops: IommuOps;
  readonly dev: StructDevice;
  /** The node that `iommus` properties point to. */
  readonly of_node: OfNode;
  /** Set once all devices that were there before it have been taken in. */
  ready: boolean;
}
