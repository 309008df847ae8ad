import type { OfNode } from '../of/of-node';
import type { IommuDomain } from './iommu-domain';
import type { IommuGroup } from './iommu-group';
import type { IommuDevice } from './iommu-ops';

/** What the IOMMU core knows of a device (`struct dev_iommu` with its `iommu_fwspec`). */
export class DeviceIommu {
  /** The node that the device's `iommus` property points to. */
  readonly iommuNode: OfNode;
  /** The ids that its accesses carry. */
  readonly ids: number[] = [];
  /** The IOMMU that serves it; null until that has taken it in. */
  iommu: IommuDevice | null = null;
  group: IommuGroup | null = null;
  /** It needs ranges mapped one to one, so it must not be blocked. */
  require_direct = false;
  /** Its IOMMU is an emulated one that rereads all tables at a flush: few, large flushes do better. */
  shadow_on_flush = false;
  /** The IOMMU driver's own data (`dev_iommu_priv_set`). */
  priv: unknown = null;

  constructor(iommuNode: OfNode) {
    this.iommuNode = iommuNode;
  }

  /** The domain it is a member of. */
  get domain(): IommuDomain | null {
    return this.group?.domain ?? null;
  }
}
