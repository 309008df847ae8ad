import type { DeviceDma } from '../dma/device-dma';
import type { DeviceIommu } from '../iommu/device-iommu';
import type { Kernel } from '../kernel';
import type { OfNode } from '../of/of-node';
import type { Devres } from './devres';
import type { DeviceDriver } from './device-driver';

/** `struct device` (`include/linux/device.h`): what every device of the driver model has. */
export interface StructDevice {
  readonly kernel: Kernel;
  /** `dev_name()`. Unique on its bus. */
  readonly name: string;
  readonly parent: StructDevice | null;
  /** Its node in the device tree, if it came from there. */
  readonly of_node: OfNode | null;
  /** The driver bound to it, from before `probe` until after `remove`; null while unbound. */
  driver: DeviceDriver | null;
  /** `dev_set_drvdata` / `dev_get_drvdata`. */
  driver_data: unknown;
  /** Managed resources, released in reverse order at unbind. */
  readonly devres: Devres;
  /** Masks, limits, coherence and the back end of its DMA. Configured when the device is created from the device tree. */
  readonly dma: DeviceDma;
  /** Its IOMMU, group and ids; null while it is behind none. */
  iommu: DeviceIommu | null;
}
