import { dmaAddrOf, dmaOffsetOf, dmaPageOf, PAGE_SIZE, pageOf, type DmaAddr, type PhysAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { IOMMU_CACHE, IOMMU_MMIO, IOMMU_READ, IOMMU_WRITE } from '../iommu/iommu-domain';
import { IotlbGather } from '../iommu/iotlb-gather';
import { DMA_ATTR_MMIO, DMA_ATTR_REQUIRE_COHERENT, type DmaAttrs } from './attrs';
import { DMA_BIDIRECTIONAL, DMA_TO_DEVICE, type DmaDataDirection } from './direction';
import { DMA_MAPPING_ERROR } from './dma-address';
import type { DmaLimit } from './dma-limit';
import type { IommuDmaDomain } from './iommu-dma-domain';

/**
 * Mapping single ranges through an IOMMU (`drivers/iommu/dma-iommu.c`), with strict invalidation: when an unmap returns,
 * the IOMMU has forgotten the pages, and only then is their address free for others. Flush queues, which put that off, are
 * absent.
 */

const LAST_32BIT_PAGE = 2 ** 20 - 1;

/** What the device may do with a mapping (`dma_info_to_prot`). */
export const protectionOf = (dev: StructDevice, dir: DmaDataDirection, attrs: DmaAttrs): number => {
  const memory = (attrs & DMA_ATTR_MMIO) !== 0 ? IOMMU_MMIO : dev.dma.dma_coherent ? IOMMU_CACHE : 0;
  if (dir === DMA_BIDIRECTIONAL) return memory | IOMMU_READ | IOMMU_WRITE;
  return memory | (dir === DMA_TO_DEVICE ? IOMMU_READ : IOMMU_WRITE);
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

/** Takes pages out of the tables and waits until the IOMMU has forgotten them. @returns how many were mapped */
export const unmapRange = (domain: IommuDmaDomain, iovaPage: number, count: number): number => {
  const gather = new IotlbGather();
  const unmapped = domain.unmapPages(iovaPage, count, gather);
  domain.iotlbSync(gather);
  return unmapped;
};

/** Unmaps pages of a device and frees their addresses (`__iommu_dma_unmap`). Warns if not all of them were mapped. */
export const unmapPages = (dev: StructDevice, iovaPage: number, count: number): void => {
  const { domain, iovad } = dev.dma.iommu!;
  const unmapped = count > 0 ? unmapRange(domain, iovaPage, count) : 0;
  if (unmapped !== count) {
    dev.kernel.warn(
      '__iommu_dma_unmap',
      `${dev.name}: ${count} pages at 0x${(iovaPage * PAGE_SIZE).toString(16)} were to be unmapped, ` +
        `${unmapped} of them were mapped`,
    );
  }
  iovad.freeFast(iovaPage, count);
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

/** `iommu_dma_map_phys`. */
export const iommuMapPhys = (
  dev: StructDevice,
  phys: PhysAddr,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): DmaAddr => mapRange(dev, phys, size, protectionOf(dev, dir, attrs), dev.dma.limit);

/** `iommu_dma_unmap_phys`: an address that is not mapped is warned of and left alone. */
export const iommuUnmapPhys = (
  dev: StructDevice,
  address: DmaAddr,
  size: number,
  _dir: DmaDataDirection,
  attrs: DmaAttrs,
): void => {
  const checked = (attrs & (DMA_ATTR_MMIO | DMA_ATTR_REQUIRE_COHERENT)) === 0;
  if (checked && iommuToPhysical(dev, address) <= 0) {
    dev.kernel.warn('iommu_dma_unmap_phys', `${dev.name}: 0x${address.toString(16)} is not mapped`);
    return;
  }
  unmapAddress(dev, address, size);
};
