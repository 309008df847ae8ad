import type { Kernel } from '../kernel';
import { of_get_address, of_translate_address, OF_BAD_ADDR } from '../of/address';
import type { OfNode } from '../of/of-node';
import { of_device_is_available, of_device_is_compatible, of_property_present } from '../of/property';
import { Device } from './device';
import { PlatformDevice, resourcesOf } from './platform';
import type { StructDevice } from './struct-device';

/** Nodes under which platform devices are looked for as well (`of_default_bus_match_table`). */
const BUSES = ['simple-bus', 'simple-mfd', 'isa'] as const;

/**
 * The name of a node's device, as `of_device_make_bus_id` makes it: the translated address and the node's name; without
 * an address the names of the node and its parents, joined by colons.
 */
export const of_device_bus_id = (np: OfNode): string => {
  const parts: string[] = [];
  for (let node = np; node.parent !== null; node = node.parent) {
    const reg = of_get_address(node, 0);
    const address = reg === null ? OF_BAD_ADDR : of_translate_address(node, reg.address);
    if (address !== OF_BAD_ADDR) return [`${address.toString(16)}.${node.name}`, ...parts].join(':');
    parts.unshift(node.full_name);
  }
  return parts.join(':');
};

const createDevice = async (kernel: Kernel, np: OfNode, parent: StructDevice | null): Promise<StructDevice | null> => {
  if (!of_device_is_available(np) || np.populated) return null;
  np.populated = true;
  const dev = new Device(kernel, of_device_bus_id(np), parent, np);
  new PlatformDevice(dev, resourcesOf(np));
  const error = await kernel.drivers.addDevice(dev);
  if (error === 0) return dev;
  np.populated = false;
  kernel.log.error({ device: dev.name }, `a second device has this name (${np.path}); it is left out`);
  return null;
};

const populateNode = async (kernel: Kernel, np: OfNode, parent: StructDevice | null): Promise<void> => {
  if (!of_property_present(np, 'compatible')) return;
  const dev = await createDevice(kernel, np, parent);
  if (dev === null || !BUSES.some((bus) => of_device_is_compatible(np, bus))) return;
  for (const child of np.children) await populateNode(kernel, child, dev);
};

/**
 * Makes platform devices for the children of a node (NULL: of the root), and of buses below (`of_platform_populate`).
 * Drivers are tried on each as it appears.
 */
export const of_platform_populate = async (
  kernel: Kernel,
  root: OfNode | null,
  parent: StructDevice | null,
): Promise<number> => {
  for (const child of (root ?? kernel.of.root).children) await populateNode(kernel, child, parent);
  return 0;
};
