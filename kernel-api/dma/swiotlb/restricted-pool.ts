import { EINVAL } from '../../../base/errno';
import { pageOf, PAGE_SIZE } from '../../../base/address';
import { dev_info, dev_warn } from '../../base/dev-printk';
import type { StructDevice } from '../../base/struct-device';
import { set_memory_decrypted } from '../../mm/confidential';
import { phys_to_virt } from '../../mm/layout';
import { get_order } from '../../mm/page';
import type { OfNode } from '../../of/of-node';
import {
  of_device_is_available,
  of_device_is_compatible,
  of_parse_phandle,
  of_property_read_bool,
} from '../../of/property';
import { of_reserved_mem_lookup, type ReservedMem } from '../../of/reserved-memory';
import { IoTlbMem } from './io-tlb-mem';
import { IoTlbPool } from './io-tlb-pool';
import { findSlots, ioTlbMemOf, releaseSlots, swiotlb_find_pool } from './map-single';
import { IO_TLB_SIZE } from './slots';

/**
 * Restricted pools (`restricted-dma-pool` of the device tree, CONFIG_DMA_RESTRICTED_POOL): reserved memory that is all a
 * device without an IOMMU is given to see. Its streaming mappings bounce there and its coherent memory comes from there.
 */

const COMPATIBLE = 'restricted-dma-pool';

/** What rules a region out as a restricted pool (`rmem_swiotlb_setup`). */
const UNSUITABLE = ['reusable', 'linux,cma-default', 'linux,dma-default', 'no-map'];

/** The memory of a region, made for the first device that has it, and zeroed then; null if there is no RAM. */
const memOf = (dev: StructDevice, region: ReservedMem): IoTlbMem | null => {
  const { kernel } = dev;
  const { restricted } = kernel.dma.swiotlb;
  const known = restricted.get(region.node);
  if (known !== undefined) return known;
  const nslabs = Math.floor(region.size / IO_TLB_SIZE);
  if (nslabs === 0 || kernel.mm.translate(phys_to_virt(region.base)) < 0) return null;
  set_memory_decrypted(kernel, phys_to_virt(region.base), pageOf(region.size));
  if (kernel.cpu.fillBytes(region.base, 0, nslabs * IO_TLB_SIZE) < 0) return null;
  const mem = new IoTlbMem();
  mem.force_bounce = true;
  mem.for_alloc = true;
  mem.add(new IoTlbPool(region.base, nslabs, 1));
  restricted.set(region.node, mem);
  return mem;
};

/** `of_reserved_mem_device_init_by_idx`, for restricted pools: 0 or a negative error. */
export const assignRestrictedPool = (dev: StructDevice, node: OfNode): number => {
  const region = of_reserved_mem_lookup(node);
  if (region === null || UNSUITABLE.some((name) => of_property_read_bool(node, name))) return -EINVAL;
  const mem = memOf(dev, region);
  if (mem === null) return -EINVAL;
  dev.dma.dma_io_tlb_mem = mem;
  dev_info(dev, `assigned reserved memory node ${region.name}`);
  return 0;
};

/**
 * Gives a device that is behind no IOMMU the first restricted pool among its `memory-region`s, if there is one
 * (`of_dma_set_restricted_buffer`).
 */
export const of_dma_set_restricted_buffer = (dev: StructDevice, np: OfNode): void => {
  for (let index = 0; ; index++) {
    const node = of_parse_phandle(np, 'memory-region', index);
    if (node === null) return;
    if (!of_device_is_compatible(node, COMPATIBLE) || !of_device_is_available(node)) continue;
    if (assignRestrictedPool(dev, node) !== 0) dev_warn(dev, `failed to initialise "${COMPATIBLE}" memory node`);
    return;
  }
};

/** Takes whole pages for coherent memory from the device's pool. @returns the first page frame number, or -1 */
export const swiotlb_alloc = (dev: StructDevice, size: number): number => {
  const { defpool: pool } = ioTlbMemOf(dev);
  if (pool === null) return -1;
  const slot = findSlots(dev, pool, 0, size, PAGE_SIZE * 2 ** get_order(size) - 1);
  if (slot < 0) return -1;
  const address = pool.addressOf(slot);
  if (address % PAGE_SIZE === 0) return pageOf(address);
  const message = `pages were wanted and slots found that begin within one: 0x${address.toString(16)}.`;
  dev.kernel.dma.warnOnce('swiotlb_alloc', `${dev.name}: ${message}`);
  releaseSlots(dev, address, pool);
  return -1;
};

/** Gives pages of `swiotlb_alloc` back. @returns false if they are none of the device's pool */
export const swiotlb_free = (dev: StructDevice, pfn: number, _size: number): boolean => {
  const address = pfn * PAGE_SIZE;
  const pool = swiotlb_find_pool(dev, address);
  if (pool === null) return false;
  releaseSlots(dev, address, pool);
  return true;
};
