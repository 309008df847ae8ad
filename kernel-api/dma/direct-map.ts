import {
  ADDRESS_LIMIT,
  dmaAddrOf,
  dmaOffsetOf,
  dmaPageOf,
  pageOf,
  type DmaAddr,
  type PhysAddr,
} from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { arch_sync_dma_for_cpu, arch_sync_dma_for_device } from './arch-sync';
import {
  DMA_ATTR_CC_SHARED,
  DMA_ATTR_MMIO,
  DMA_ATTR_REQUIRE_COHERENT,
  DMA_ATTR_SKIP_CPU_SYNC,
  type DmaAttrs,
} from './attrs';
import type { DmaDataDirection } from './direction';
import { DMA_MAPPING_ERROR } from './dma-address';
import { dma_kmalloc_needs_bounce } from './kmalloc-bounce';
import { __swiotlb_tbl_unmap_single, swiotlb_find_pool } from './swiotlb/map-single';
import { is_swiotlb_active, is_swiotlb_force_bounce, mapBounced } from './swiotlb/swiotlb-map';

/**
 * Mappings without an IOMMU (`kernel/dma/direct.h`): the bus address follows from the physical one; a buffer that the device
 * cannot reach, or that shares cache lines with others, is bounced.
 */

/** Never bounced. */
const UNBOUNCED = DMA_ATTR_MMIO | DMA_ATTR_REQUIRE_COHERENT;

const overflow = (dev: StructDevice, address: DmaAddr, size: number): void => {
  const { dma_mask, bus_dma_limit } = dev.dma;
  dev.kernel.dma.warnOnce(
    'dma_direct_map_phys',
    `${dev.name}: DMA addr 0x${address.toString(16).padStart(16, '0')}+${size} overflow ` +
      `(mask ${(dma_mask ?? 0n).toString(16)}, bus limit ${bus_dma_limit.toString(16)}).`,
  );
};

/** The device cannot use the buffer as it is: bounces it, or warns and returns -1. */
const bounceOrFail = (
  dev: StructDevice,
  phys: number,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
  address: DmaAddr,
): number => {
  if ((attrs & (UNBOUNCED | DMA_ATTR_CC_SHARED)) === 0 && is_swiotlb_active(dev)) {
    return mapBounced(dev, phys, size, dir, attrs);
  }
  overflow(dev, address, size);
  return -1;
};

/**
 * Prepares a buffer for a device: bounces it if need be, and writes back what caches hold of it.
 * @returns the physical address that the device is to use, of the buffer or of its bounce buffer; -1 if there is none
 */
export const directPlace = (
  dev: StructDevice,
  phys: number,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): number => {
  const { dma } = dev;
  const shared = (attrs & DMA_ATTR_CC_SHARED) !== 0;
  if (is_swiotlb_force_bounce(dev)) {
    if (!shared) return (attrs & UNBOUNCED) !== 0 ? -1 : mapBounced(dev, phys, size, dir, attrs);
  } else if (shared) return -1;
  const isMmio = (attrs & DMA_ATTR_MMIO) !== 0;
  const map = isMmio ? null : dma.dma_range_map;
  const page = map === null ? pageOf(phys) : map.toDmaPage(phys);
  const offset = map === null ? phys & 0xfff : map.offset;
  const inReach = page >= 0 && dma.limit.covers(page, offset, size);
  if (!inReach || (!isMmio && !shared && dma_kmalloc_needs_bounce(dev, size, dir))) {
    const address = page < 0 ? DMA_MAPPING_ERROR : dmaAddrOf(page, offset);
    return bounceOrFail(dev, phys, size, dir, attrs, address);
  }
  if (!dma.dma_coherent && (attrs & (DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_MMIO)) === 0) {
    arch_sync_dma_for_device(dev.kernel, phys, size, dir);
  }
  return phys;
};

/** `dma_direct_map_phys`: maps one range; `DMA_MAPPING_ERROR` if the device cannot reach it. */
export const directMapPhys = (
  dev: StructDevice,
  phys: PhysAddr,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): DmaAddr => {
  const place = directPlace(dev, phys, size, dir, attrs);
  if (place < 0) return DMA_MAPPING_ERROR;
  const map = (attrs & DMA_ATTR_MMIO) === 0 ? dev.dma.dma_range_map : null;
  // One bigint instead of the four that page and offset would take.
  if (map === null) return BigInt(place) as DmaAddr;
  const page = map.toDmaPage(place);
  return dmaAddrOf(page, map.offset);
};

/** Whether there can be memory at what a DMA address came out as. */
export const isPhysical = (place: number): boolean => place >= 0 && place < ADDRESS_LIMIT;

/** `dma_to_phys`: not exact where there cannot be memory, -1 where the bus shows nothing. */
export const directPhysOf = (dev: StructDevice, address: DmaAddr): number => {
  const map = dev.dma.dma_range_map;
  return map === null ? Number(address) : map.physicalOf(dmaPageOf(address), dmaOffsetOf(address));
};

/** Undoes `directPlace`, given the address that it returned. */
export const directRelease = (
  dev: StructDevice,
  place: number,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): void => {
  if (!dev.dma.dma_coherent && (attrs & DMA_ATTR_SKIP_CPU_SYNC) === 0 && isPhysical(place)) {
    arch_sync_dma_for_cpu(dev.kernel, place, size, dir);
  }
  const pool = swiotlb_find_pool(dev, place);
  if (pool !== null) __swiotlb_tbl_unmap_single(dev, place, size, dir, attrs, pool);
};

/** `dma_direct_unmap_phys`. */
export const directUnmapPhys = (
  dev: StructDevice,
  address: DmaAddr,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): void => {
  if ((attrs & UNBOUNCED) === 0) directRelease(dev, directPhysOf(dev, address), size, dir, attrs);
};
