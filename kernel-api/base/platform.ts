import { EBUSY, EINVAL, ENOMEM, ENXIO, EPROBE_DEFER } from '../../base/errno';
import type { IoMem } from '../io/io-mem';
import { ioremap, iounmap } from '../io/ioremap';
import type { Kernel } from '../kernel';
import { KernelOops } from '../oops';
import { of_address_to_resource, resource_size, type Resource } from '../of/address';
import { of_irq_get, of_irq_get_byname } from '../of/irq';
import type { OfNode } from '../of/of-node';
import { of_property_read_string_list } from '../of/property';
import { dev_err } from './dev-printk';
import { Device } from './device';
import type { BusDriver, DeviceDriver, OfDeviceId } from './device-driver';
import { devm_add_action_or_reset } from './devres';
import type { StructDevice } from './struct-device';

/** Types of resources. */
export const IORESOURCE_MEM = 0x200;
export const IORESOURCE_IRQ = 0x400;

/** `struct platform_device`: a device that cannot be discovered, only described. */
export class PlatformDevice {
  readonly kernel: Kernel;
  /** The name that drivers without a match table go by. */
  readonly name: string;
  readonly dev: Device;
  /** Its registers, as the CPU sees them. */
  readonly resources: readonly Resource[];

  constructor(dev: Device, resources: readonly Resource[], name = dev.name) {
    this.kernel = dev.kernel;
    this.name = name;
    this.dev = dev;
    this.resources = resources;
    dev.container = this;
  }
}

/** `struct platform_driver`. */
export interface PlatformDriver {
  readonly driver: DeviceDriver;
  /** Binds to a device: 0, or an error number. May sleep. */
  probe(pdev: PlatformDevice): number | Promise<number>;
  /** Unbinds; managed resources are released after it. */
  remove?(pdev: PlatformDevice): void | Promise<void>;
  /** The machine is about to stop. */
  shutdown?(pdev: PlatformDevice): void;
}

/** The platform device around a device. */
export const to_platform_device = (dev: StructDevice): PlatformDevice => {
  if (dev instanceof Device && dev.container instanceof PlatformDevice) return dev.container;
  throw new KernelOops(`device ${dev.name} is no platform device`);
};

/** The entry of a match table that fits a device best: the one whose string stands first in `compatible`. NULL if none. */
export const of_match_device = (table: readonly OfDeviceId[] | undefined, node: OfNode | null): OfDeviceId | null => {
  const strings = node === null ? -EINVAL : of_property_read_string_list(node, 'compatible');
  if (table === undefined || typeof strings === 'number') return null;
  for (const string of strings) {
    const entry = table.find(({ compatible }) => compatible.toLowerCase() === string.toLowerCase());
    if (entry !== undefined) return entry;
  }
  return null;
};

/** The `data` of the match table's entry for the device's driver; NULL if there is none. */
export const of_device_get_match_data = <T>(dev: StructDevice): T | null =>
  (of_match_device(dev.driver?.of_match_table, dev.of_node)?.data as T | undefined) ?? null;

/** As `of_device_get_match_data`. */
export const device_get_match_data = of_device_get_match_data;

const busDriver = (drv: PlatformDriver): BusDriver => ({
  driver: drv.driver,
  owner: drv,
  match: (dev) => {
    const pdev = to_platform_device(dev);
    if (of_match_device(drv.driver.of_match_table, dev.of_node) !== null) return true;
    return pdev.name === drv.driver.name;
  },
  probe: (dev) => drv.probe(to_platform_device(dev)),
  remove: (dev) => drv.remove?.(to_platform_device(dev)),
});

/** Adds a driver and tries it on all devices. 0, or `-EBUSY` if a driver of that name is there. */
export const platform_driver_register = (kernel: Kernel, drv: PlatformDriver): Promise<number> =>
  kernel.drivers.registerDriver(busDriver(drv));

/** Unbinds a driver from all its devices and takes it away. */
export const platform_driver_unregister = (kernel: Kernel, drv: PlatformDriver): Promise<void> =>
  kernel.drivers.unregisterDriver(drv);

/** The `num`-th resource of a type; NULL if there is none. Interrupts are no resources here: `platform_get_irq`. */
export const platform_get_resource = (pdev: PlatformDevice, type: number, num: number): Resource | null =>
  type === IORESOURCE_MEM ? (pdev.resources[num] ?? null) : null;

/** A resource by its name (`reg-names`). */
export const platform_get_resource_byname = (pdev: PlatformDevice, type: number, name: string): Resource | null =>
  type === IORESOURCE_MEM ? (pdev.resources.find((resource) => resource.name === name) ?? null) : null;

/** `platform_get_irq` that says nothing when there is no interrupt. */
export const platform_get_irq_optional = (pdev: PlatformDevice, num: number): number => {
  if (pdev.dev.of_node === null) return -ENXIO;
  const irq = of_irq_get(pdev.dev.of_node, num);
  return irq > 0 || irq === -EPROBE_DEFER ? irq : -ENXIO;
};

/** The number of the `num`-th interrupt. `-ENXIO` if there is none, `-EPROBE_DEFER` while its controller has no driver. */
export const platform_get_irq = (pdev: PlatformDevice, num: number): number => {
  const irq = platform_get_irq_optional(pdev, num);
  if (irq < 0 && irq !== -EPROBE_DEFER) dev_err(pdev.dev, `IRQ index ${num} not found`);
  return irq;
};

/** The number of an interrupt by its name (`interrupt-names`). */
export const platform_get_irq_byname = (pdev: PlatformDevice, name: string): number => {
  const irq = pdev.dev.of_node === null ? -ENXIO : of_irq_get_byname(pdev.dev.of_node, name);
  if (irq > 0 || irq === -EPROBE_DEFER) return irq;
  dev_err(pdev.dev, `IRQ ${name} not found`);
  return -ENXIO;
};

/** How many interrupts the device has; `-EPROBE_DEFER` while a controller has no driver. */
export const platform_irq_count = (pdev: PlatformDevice): number => {
  for (let count = 0; ; count++) {
    const irq = platform_get_irq_optional(pdev, count);
    if (irq === -EPROBE_DEFER) return irq;
    if (irq < 0) return count;
  }
};

/** `platform_set_drvdata()`. */
export const platform_set_drvdata = (pdev: PlatformDevice, data: unknown): void => {
  pdev.dev.driver_data = data;
};

/** `platform_get_drvdata()`; the caller knows what its driver stored. */
export const platform_get_drvdata = <T>(pdev: PlatformDevice): T => pdev.dev.driver_data as T;

/** Claims a resource's registers and maps them, until the driver is unbound. `-EBUSY` if they are claimed, `-ENOMEM`. */
export const devm_ioremap_resource = (dev: StructDevice, resource: Resource | null): IoMem | number => {
  const { kernel } = dev;
  if (resource === null) {
    dev_err(dev, 'invalid resource');
    return -EINVAL;
  }
  const size = resource_size(resource);
  const { iomem } = kernel.drivers;
  if (!iomem.request(resource.start, size, dev.name)) {
    dev_err(dev, `can't request region for resource ${resource.name}`);
    return -EBUSY;
  }
  const unclaimed = devm_add_action_or_reset(dev, () => void iomem.release(resource.start, size), null);
  if (unclaimed !== 0) return unclaimed;
  const io = ioremap(kernel, resource.start, size);
  if (io === null) return -ENOMEM;
  const unmapped = devm_add_action_or_reset(dev, iounmap, io);
  return unmapped === 0 ? io : unmapped;
};

/** Claims and maps the `index`-th registers of a device until its driver is unbound. */
export const devm_platform_ioremap_resource = (pdev: PlatformDevice, index: number): IoMem | number =>
  devm_ioremap_resource(pdev.dev, platform_get_resource(pdev, IORESOURCE_MEM, index));

/** Claims and maps registers by their name. */
export const devm_platform_ioremap_resource_byname = (pdev: PlatformDevice, name: string): IoMem | number =>
  devm_ioremap_resource(pdev.dev, platform_get_resource_byname(pdev, IORESOURCE_MEM, name));

/** The resources that a node's `reg` describes; entries from the first that cannot be translated on are left out. */
export const resourcesOf = (node: OfNode): Resource[] => {
  const resources: Resource[] = [];
  for (let index = 0; ; index++) {
    const resource = of_address_to_resource(node, index);
    if (typeof resource === 'number') return resources;
    resources.push(resource);
  }
};

/** Makes a platform device that is not from the device tree, and adds it. An error number if its name is taken. */
export const platform_device_register = async (
  kernel: Kernel,
  name: string,
  parent: StructDevice | null,
  resources: readonly Resource[],
): Promise<PlatformDevice | number> => {
  const dev = new Device(kernel, name, parent, null);
  const pdev = new PlatformDevice(dev, resources);
  const error = await kernel.drivers.addDevice(dev);
  return error === 0 ? pdev : error;
};

/** Unbinds a platform device and takes it away. */
export const platform_device_unregister = (pdev: PlatformDevice): Promise<void> =>
  pdev.kernel.drivers.removeDevice(pdev.dev);
