import { dmaAddrOf, dmaOffsetOf, dmaPageOf, PAGE_SIZE, pageOf, type DmaAddr, type PhysAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { IOMMU_CACHE, IOMMU_MMIO, IOMMU_PRIV, IOMMU_READ, IOMMU_WRITE } from '../iommu/iommu-domain';
import { IotlbGather } from '../iommu/iotlb-gather';
import { arch_sync_dma_for_cpu, arch_sync_dma_for_device } from './arch-sync';
import {
  DMA_ATTR_MMIO,
  DMA_ATTR_PRIVILEGED,
  DMA_ATTR_REQUIRE_COHERENT,
  DMA_ATTR_SKIP_CPU_SYNC,
  type DmaAttrs,
} from './attrs';
import { DMA_BIDIRECTIONAL, DMA_TO_DEVICE, type DmaDataDirection } from './direction';
import { DMA_MAPPING_ERROR } from './dma-address';
import type { DmaLimit } from './dma-limit';
import { dev_use_swiotlb, isUnaligned, mapSwiotlb } from './iommu-dma-bounce';
import { swiotlb_tbl_unmap_single } from './swiotlb/map-single';

/**
 * Mapping single ranges through an IOMMU (`drivers/iommu/dma-iommu.c`). With strict invalidation the IOMMU has forgotten the
 * pages when an unmap returns; with lazy invalidation the domain's flush queue sees to that later. Only then is their address free for others.
 */

const LAST_32BIT_PAGE = 2 ** 20 - 1;

/** What the device may do with a mapping (`dma_info_to_prot`). */
export const protectionOf = (dev: StructDevice, dir: DmaDataDirection, attrs: DmaAttrs): number => {
  let prot = (attrs & DMA_ATTR_MMIO) !== 0 ? IOMMU_MMIO : dev.dma.dma_coherent ? IOMMU_CACHE : 0;
  if ((attrs & DMA_ATTR_PRIVILEGED) !== 0) prot |= IOMMU_PRIV;
  if (dir === DMA_BIDIRECTIONAL) return prot | IOMMU_READ | IOMMU_WRITE;
  return prot | (dir === DMA_TO_DEVICE ? IOMMU_READ : IOMMU_WRITE);
};

/** Allocates I/O pages below the device's limit and inside the aperture (`iommu_dma_alloc_iova`). 0 if there are none. */
export const allocIova = (dev: StructDevice, pages: number, limit: DmaLimit): number => {
  const { domain, iovad } = dev.dma.iommu!;
  const last = Math.min(limit.page, domain.aperturePageEnd);
  if (last > LAST_32BIT_PAGE && dev.dma.pci_32bit_workaround) {
    const page = iovad.allocFast(pages, LAST_32BIT_PAGE);
    if (page !== 0) return page;
    dev.dma.pci_32bit_workaround = false;
  }
  return iovad.allocFast(pages, last);
};

/**
 * Unmaps pages of a device and frees their addresses (`__iommu_dma_unmap`), or has both done after the next flush of the
 * domain. Warns if not all of them were mapped.
 *
 * @param queue null: now, even where invalidation is lazy
 */
export const unmapPages = (dev: StructDevice, iovaPage: number, count: number, queue = dev.dma.iommu!.queue): void => {
  const { domain, iovad } = dev.dma.iommu!;
  const gather = new IotlbGather();
  gather.queued = queue !== null;
  const unmapped = domain.unmapPages(iovaPage, count, gather);
  if (unmapped !== count) {
    dev.kernel.warn(
      '__iommu_dma_unmap',
      `${dev.name}: ${count} pages at 0x${(iovaPage * PAGE_SIZE).toString(16)} were to be unmapped, ` +
        `${unmapped} of them were mapped`,
    );
  }
  if (queue !== null) {
    queue.add(iovaPage, count, gather.freelist);
  } else {
    domain.iotlbSync(gather);
    iovad.freeFast(iovaPage, count);
  }
};

/** Maps a physical range below a limit (`__iommu_dma_map`). `DMA_MAPPING_ERROR` if there is no address or no memory. */
export const mapRange = (dev: StructDevice, phys: PhysAddr, size: number, prot: number, limit: DmaLimit): DmaAddr => {
  const { domain, iovad } = dev.dma.iommu!;
  if ((dev.dma.dma_parms?.min_align_mask ?? 0) > PAGE_SIZE - 1) {
    dev.kernel.dma.warnOnce('__iommu_dma_map', `${dev.name}: Unsupported alignment constraint`);
    return DMA_MAPPING_ERROR;
  }
  const offset = phys & (PAGE_SIZE - 1);
  const pages = Math.ceil((offset + size) / PAGE_SIZE);
  const iovaPage = allocIova(dev, pages, limit);
  if (iovaPage === 0) return DMA_MAPPING_ERROR;
  if (pages > 0 && domain.mapPages(iovaPage, pageOf(phys), pages, prot) < 0) {
    iovad.freeFast(iovaPage, pages);
    return DMA_MAPPING_ERROR;
  }
  return dmaAddrOf(iovaPage, offset);
};

/** Unmaps what `mapRange` mapped. */
export const unmapAddress = (dev: StructDevice, address: DmaAddr, size: number): void =>
  unmapPages(dev, dmaPageOf(address), Math.ceil((dmaOffsetOf(address) + size) / PAGE_SIZE));

/** The physical address behind an I/O address (`iommu_iova_to_phys`), or -1. */
export const iommuToPhysical = (dev: StructDevice, address: DmaAddr): number => {
  const page = dev.dma.iommu!.domain.iovaToPhysPage(dmaPageOf(address));
  return page < 0 ? -1 : page * PAGE_SIZE + dmaOffsetOf(address);
};

/** The buffer itself, or a bounce buffer for it, which the CPU's caches then know nothing of; -1 if there is none. */
const placeFor = (dev: StructDevice, phys: number, size: number, dir: DmaDataDirection, attrs: DmaAttrs): number => {
  const isMmio = (attrs & DMA_ATTR_MMIO) !== 0;
  let place = phys;
  if (!isMmio && isUnaligned(phys, size) && dev_use_swiotlb(dev, size, dir)) {
    if ((attrs & DMA_ATTR_REQUIRE_COHERENT) !== 0) return -1;
    place = mapSwiotlb(dev, phys, size, dir, attrs);
    if (place < 0) return -1;
  }
  if (!dev.dma.dma_coherent && !isMmio && (attrs & DMA_ATTR_SKIP_CPU_SYNC) === 0) {
    arch_sync_dma_for_device(dev.kernel, place, size, dir);
  }
  return place;
};

/** Neither bounced nor cached: nothing but the mapping itself has to be undone. */
const UNBOUNCED = DMA_ATTR_MMIO | DMA_ATTR_REQUIRE_COHERENT;

/** `iommu_dma_map_phys`. */
export const iommuMapPhys = (
  dev: StructDevice,
  phys: PhysAddr,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): DmaAddr => {
  const place = placeFor(dev, phys, size, dir, attrs);
  if (place < 0) return DMA_MAPPING_ERROR;
  const address = mapRange(dev, place as PhysAddr, size, protectionOf(dev, dir, attrs), dev.dma.iovaLimit);
  if (address === DMA_MAPPING_ERROR && (attrs & UNBOUNCED) === 0) {
    swiotlb_tbl_unmap_single(dev, place, size, dir, attrs);
  }
  return address;
};

/** `iommu_dma_unmap_phys`: an address that is not mapped is warned of and left alone. */
export const iommuUnmapPhys = (
  dev: StructDevice,
  address: DmaAddr,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): void => {
  if ((attrs & UNBOUNCED) !== 0) {
    unmapAddress(dev, address, size);
    return;
  }
  const phys = iommuToPhysical(dev, address);
  if (phys <= 0) {
    dev.kernel.warn('iommu_dma_unmap_phys', `${dev.name}: 0x${address.toString(16)} is not mapped`);
    return;
  }
  if (!dev.dma.dma_coherent && (attrs & DMA_ATTR_SKIP_CPU_SYNC) === 0) {
    arch_sync_dma_for_cpu(dev.kernel, phys, size, dir);
  }
  unmapAddress(dev, address, size);
  swiotlb_tbl_unmap_single(dev, phys, size, dir, attrs);
};
