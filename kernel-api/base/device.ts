import { DeviceDma } from '../dma/device-dma';
import type { DeviceIommu } from '../iommu/device-iommu';
import type { Kernel } from '../kernel';
import type { OfNode } from '../of/of-node';
import { Mutex } from '../sched/mutex';
import type { DeviceDriver } from './device-driver';
import { Devres } from './devres';
import type { StructDevice } from './struct-device';

/** A device of the driver model, with what only the driver core uses of it. */
export class Device implements StructDevice {
  readonly kernel: Kernel;
  readonly name: string;
  readonly parent: StructDevice | null;
  readonly of_node: OfNode | null;
  driver: DeviceDriver | null = null;
  driver_data: unknown = null;
  readonly devres: Devres;
  readonly dma = new DeviceDma();
  iommu: DeviceIommu | null = null;
  /** Serializes binding and unbinding (`device_lock`). */
  readonly mutex: Mutex;
  /** Some driver has matched it, so that deferring makes sense. */
  canMatch = false;
  /** Its driver's probe has succeeded. */
  bound = false;
  /** It was added to its bus and not removed since. */
  registered = false;
  /** The bus's own object around it (`container_of`). */
  container: unknown = null;

  constructor(kernel: Kernel, name: string, parent: StructDevice | null, of_node: OfNode | null) {
    this.kernel = kernel;
    this.name = name;
    this.parent = parent;
    this.of_node = of_node;
    this.devres = new Devres(this);
    this.mutex = new Mutex(kernel, `the lock of device ${name}`);
  }
}

/** `dev_name()`. */
export const dev_name = (dev: StructDevice): string => dev.name;
/** `dev_set_drvdata()`. */
export const dev_set_drvdata = (dev: StructDevice, data: unknown): void => {
  dev.driver_data = data;
};
/** `dev_get_drvdata()`; the caller knows what its driver stored. */
export const dev_get_drvdata = <T>(dev: StructDevice): T => dev.driver_data as T;
