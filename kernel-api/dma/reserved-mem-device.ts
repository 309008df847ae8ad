import { dmaAddr } from '../../base/address';
import { EINVAL, ENODEV } from '../../base/errno';
import { dev_info, dev_warn } from '../base/dev-printk';
import type { StructDevice } from '../base/struct-device';
import {
  of_device_is_available,
  of_device_is_compatible,
  of_parse_phandle,
  of_property_match_string,
  of_property_read_bool,
} from '../of/property';
import type { OfNode } from '../of/of-node';
import { of_reserved_mem_lookup, type ReservedMem } from '../of/reserved-memory';
import { assignCoherentMemory, initCoherentMemory, type DmaCoherentMem } from './coherent-memory';
import { minNotZero } from './dma-address';
import { assignRestrictedPool } from './swiotlb/restricted-pool';

/**
 * Regions of `/reserved-memory` for devices (`include/linux/of_reserved_mem.h`): `shared-dma-pool`, from which a device's
 * coherent memory then comes, and `restricted-dma-pool`.
 */

const SHARED_POOL = 'shared-dma-pool';
const RESTRICTED_POOL = 'restricted-dma-pool';

/** The memory of a region, mapped for the first device that is given it; all of them share it. */
const memoryOf = (dev: StructDevice, region: ReservedMem): DmaCoherentMem | number => {
  const { coherentRegions } = dev.kernel.dma;
  const known = coherentRegions.get(region.node);
  if (known !== undefined) return known;
  const mem = initCoherentMemory(dev.kernel, region.base, dmaAddr(region.base), region.size, true);
  if (typeof mem !== 'number') coherentRegions.set(region.node, mem);
  return mem;
};

/** `rmem_dma_device_init`. A region that the kernel may use itself (`reusable`) is none of these. */
const assignSharedPool = (dev: StructDevice, region: ReservedMem): number => {
  if (of_property_read_bool(region.node, 'reusable')) return -EINVAL;
  const mem = memoryOf(dev, region);
  if (typeof mem === 'number') return mem;
  const last = mem.device_base + BigInt(region.size) - 1n;
  if (last > minNotZero(dev.dma.coherent_dma_mask, dev.dma.bus_dma_limit)) {
    dev_warn(dev, 'its reserved memory is out of its reach');
  }
  const error = assignCoherentMemory(dev, mem);
  if (error === 0) dev_info(dev, `assigned reserved memory node ${region.name}`);
  return error;
};

/**
 * Gives a device the region that the `idx`-th phandle of the node's `memory-region` names.
 * @returns 0 (also for a region that is disabled), `-ENODEV` without such a phandle, `-EINVAL` for what is no region, or not
 *   one of these kinds, `-EBUSY` if the device has such memory already
 */
export const of_reserved_mem_device_init_by_idx = (dev: StructDevice, np: OfNode | null, idx: number): number => {
  if (np === null) return -EINVAL;
  const node = of_parse_phandle(np, 'memory-region', idx);
  if (node === null) return -ENODEV;
  if (!of_device_is_available(node)) return 0;
  const region = of_reserved_mem_lookup(node);
  if (region === null) return -EINVAL;
  if (of_device_is_compatible(node, SHARED_POOL)) return assignSharedPool(dev, region);
  return of_device_is_compatible(node, RESTRICTED_POOL) ? assignRestrictedPool(dev, node) : -EINVAL;
};

/** The same by the region's name in `memory-region-names`. */
export const of_reserved_mem_device_init_by_name = (dev: StructDevice, np: OfNode, name: string): number =>
  of_reserved_mem_device_init_by_idx(dev, np, of_property_match_string(np, 'memory-region-names', name));

/** Gives a device its first region. */
export const of_reserved_mem_device_init = (dev: StructDevice): number =>
  of_reserved_mem_device_init_by_idx(dev, dev.of_node, 0);

/** Takes the device's regions away; they stay mapped for other devices. To be called when nothing of them is in use. */
export const of_reserved_mem_device_release = (dev: StructDevice): void => {
  const { coherentRegions, swiotlb } = dev.kernel.dma;
  const { dma } = dev;
  if (dma.dma_mem !== null && [...coherentRegions.values()].includes(dma.dma_mem)) dma.dma_mem = null;
  if (dma.dma_io_tlb_mem !== null && [...swiotlb.restricted.values()].includes(dma.dma_io_tlb_mem)) {
    dma.dma_io_tlb_mem = null;
  }
};
