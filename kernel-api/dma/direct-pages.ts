import type { PhysAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { __GFP_DMA, __GFP_DMA32, type Gfp } from '../gfp';
import { PFN_PHYS } from '../mm/layout';
import { get_order } from '../mm/page';
import { checkSize } from './arguments';
import { directToDma, dmaToPhys } from './direct-address';
import { DMA_BIT_MASK, DMA_MAPPING_ERROR, minNotZero } from './dma-address';
import { swiotlb_alloc, swiotlb_free } from './swiotlb/restricted-pool';
import { is_swiotlb_for_alloc } from './swiotlb/swiotlb-map';

/** Pages within a device's reach, and which masks a device can have (`kernel/dma/direct.c`). */

/** Where the device's limit lies in physical address space. */
const physicalLimit = (dev: StructDevice): bigint =>
  dmaToPhys(dev, minNotZero(dev.dma.coherent_dma_mask, dev.dma.bus_dma_limit));

/** The zone that memory within reach of the device most likely comes from (`dma_direct_optimal_gfp_mask`). */
const optimalZone = (dev: StructDevice, limit: bigint): Gfp => {
  if (limit <= dev.kernel.dma.zoneDmaLimit) return __GFP_DMA;
  return limit <= DMA_BIT_MASK(32) ? __GFP_DMA32 : 0;
};

/** The flags that choose an atomic pool for the device. */
export const atomicPoolGfp = (dev: StructDevice): Gfp => optimalZone(dev, physicalLimit(dev));

/** Whether memory can be handed to the device as coherent memory (`dma_coherent_ok`). */
export const coherentOk = (dev: StructDevice, pfn: number, size: number): boolean => {
  const map = dev.dma.dma_range_map;
  const page = map === null ? pfn : map.toDmaPage(PFN_PHYS(pfn));
  return page >= 0 && dev.dma.coherentLimit.covers(page, map === null ? 0 : map.offset, size);
};

/**
 * Whether memory can be handed to the device as coherent memory: the bus shows all of it, below the device's limit. Asked
 * about memory that the kernel has from elsewhere.
 */
export const dma_coherent_ok = (dev: StructDevice, phys: PhysAddr, size: number): boolean => {
  checkSize('dma_coherent_ok', size);
  const address = directToDma(dev, phys);
  if (address === DMA_MAPPING_ERROR) return false;
  const last = BigInt.asUintN(64, address + BigInt(size) - 1n);
  return last <= minNotZero(dev.dma.coherent_dma_mask, dev.dma.bus_dma_limit);
};

/** The next zone to try after one whose memory is out of the device's reach; -1 if that was the last. */
const lowerZone = (dev: StructDevice, gfp: Gfp, limit: bigint): Gfp => {
  if (limit < DMA_BIT_MASK(64) && (gfp & (__GFP_DMA32 | __GFP_DMA)) === 0) return gfp | __GFP_DMA32;
  return dev.kernel.dma.hasZoneDma && (gfp & __GFP_DMA) === 0 ? (gfp & ~__GFP_DMA32) | __GFP_DMA : -1;
};

/** Pages of the device's restricted pool, or -1. */
const allocRestricted = (dev: StructDevice, size: number): number => {
  const pfn = swiotlb_alloc(dev, size);
  if (pfn < 0 || coherentOk(dev, pfn, size)) return pfn;
  swiotlb_free(dev, pfn, size);
  return -1;
};

/**
 * Pages within the device's reach, or -1: from its restricted pool if it has one, else from the likeliest zone, then from
 * lower ones (`__dma_direct_alloc_pages`).
 */
export const allocDirectPages = (dev: StructDevice, size: number, gfp: Gfp): number => {
  if (is_swiotlb_for_alloc(dev)) return allocRestricted(dev, size);
  const { mm } = dev.kernel;
  const order = get_order(size);
  const limit = physicalLimit(dev);
  for (let zone = gfp | optimalZone(dev, limit); zone !== -1; zone = lowerZone(dev, zone, limit)) {
    const pfn = mm.allocPfn(zone, order);
    if (pfn < 0 || coherentOk(dev, pfn, size)) return pfn;
    mm.freePfn(pfn, order);
  }
  return -1;
};

/** `dma_direct_supported`: 32 bits always do; fewer do if they cover the lowest zone there is. */
export const directSupported = (dev: StructDevice, mask: bigint): boolean => {
  if (mask >= DMA_BIT_MASK(32)) return true;
  const { maxPfn, hasZoneDma, zoneDmaLimit } = dev.kernel.dma;
  const lastByte = BigInt(maxPfn) * 4096n - 1n;
  const needed = hasZoneDma && zoneDmaLimit < lastByte ? zoneDmaLimit : lastByte;
  return mask >= directToDma(dev, Number(needed));
};

/** `dma_direct_get_required_mask`: all ones up to the highest bit of the last byte of RAM. */
export const directRequiredMask = (dev: StructDevice): bigint => {
  const last = directToDma(dev, dev.kernel.dma.maxPfn * 4096 - 1);
  return DMA_BIT_MASK(last.toString(2).length);
};
