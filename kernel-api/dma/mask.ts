import { EIO } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import { checkDevice, checkMask } from './arguments';
import { DMA_BIT_MASK, minNotZero } from './dma-address';
import { dma_setup_need_sync } from './need-sync';

/** The mask of streaming mappings; 32 bits where the device has none. */
export const dma_get_mask = (dev: StructDevice): bigint => {
  const { dma_mask } = dev.dma;
  return dma_mask === null || dma_mask === 0n ? DMA_BIT_MASK(32) : dma_mask;
};

const tell = ({ kernel, name }: StructDevice, mask: bigint, coherent: boolean): void => {
  if (kernel.trace.active) kernel.trace.emit({ type: 'dma-mask', device: name, coherent, mask });
};

/**
 * Tells which addresses the device can emit. 0, or `-EIO` if the device does no DMA or memory for so small a mask cannot
 * be had; then the old mask stays.
 */
export const dma_set_mask = (dev: StructDevice, mask: bigint): number => {
  checkDevice(dev);
  checkMask('dma_set_mask', mask);
  const truncated = BigInt.asUintN(64, mask);
  if (dev.dma.dma_mask === null || !dev.dma.ops.supported(dev, truncated)) return -EIO;
  dev.dma.dma_mask = truncated;
  tell(dev, truncated, false);
  dma_setup_need_sync(dev);
  return 0;
};

/** The same for coherent memory. */
export const dma_set_coherent_mask = (dev: StructDevice, mask: bigint): number => {
  checkDevice(dev);
  checkMask('dma_set_coherent_mask', mask);
  const truncated = BigInt.asUintN(64, mask);
  if (!dev.dma.ops.supported(dev, truncated)) return -EIO;
  dev.dma.coherent_dma_mask = truncated;
  tell(dev, truncated, true);
  return 0;
};

/** Sets both masks. If the streaming mask can be had, so can the other. */
export const dma_set_mask_and_coherent = (dev: StructDevice, mask: bigint): number => {
  const error = dma_set_mask(dev, mask);
  if (error === 0) dma_set_coherent_mask(dev, mask);
  return error;
};

/**
 * `dma_set_mask_and_coherent` for a device whose bus gave it no streaming mask: `dma_mask` points to the coherent mask from
 * now on, so that setting one sets the other.
 */
export const dma_coerce_mask_and_coherent = (dev: StructDevice, mask: bigint): number => {
  checkDevice(dev);
  dev.dma.coerceMask();
  return dma_set_mask_and_coherent(dev, mask);
};

/** The smallest mask that reaches everything: with a smaller one some memory cannot be mapped directly. */
export const dma_get_required_mask = (dev: StructDevice): bigint => dev.dma.ops.requiredMask(dev);

/** Whether the bus windows show all of RAM. */
const allRamMapped = (dev: StructDevice): boolean => {
  const map = dev.dma.dma_range_map;
  if (map === null) return true;
  return dev.kernel.dma.ram.every(({ base, size }) => {
    let at = base as number;
    while (at < base + size) {
      const window = map.regions.find(({ cpu_start, size: length }) => at >= cpu_start && at - cpu_start < length);
      if (window === undefined) return false;
      at = window.cpu_start + window.size;
    }
    return true;
  });
};

/** Whether there is memory that the device cannot address. */
export const dma_addressing_limited = (dev: StructDevice): boolean => {
  if (minNotZero(dma_get_mask(dev), dev.dma.bus_dma_limit) < dma_get_required_mask(dev)) return true;
  return dev.dma.ops.name === 'direct' && !allRamMapped(dev);
};

/** The largest single mapping, in bytes: what a bounce buffer holds where there may have to be one, else `SIZE_MAX`. */
export const dma_max_mapping_size = (dev: StructDevice): number => dev.dma.ops.maxMappingSize(dev);

/** The largest single mapping that is still made quickly, in bytes; never more than `dma_max_mapping_size`. */
export const dma_opt_mapping_size = (dev: StructDevice): number =>
  Math.min(dma_max_mapping_size(dev), dev.dma.ops.optMappingSize(dev));

/** A mask of the boundary at which segments can be merged; 0 if none can. */
export const dma_get_merge_boundary = (dev: StructDevice): number => dev.dma.ops.mergeBoundary(dev);

/** Whether transfers between two PCI devices are possible: so it is with both back ends, though there is no PCI. */
export const dma_pci_p2pdma_supported = (_dev: StructDevice): boolean => true;
