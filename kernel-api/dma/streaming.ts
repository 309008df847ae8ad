import {
  ADDRESS_LIMIT,
  offsetInPage,
  pageOf,
  pageStart,
  physAddr,
  virtAddr,
  type DmaAddr,
  type PhysAddr,
  type VirtAddr,
} from '../../base/address';
import { EINVAL, EIO, ENOMEM, EOPNOTSUPP, EREMOTEIO } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import { is_vmalloc_addr, STRUCT_PAGE_SIZE, VMEMMAP_START } from '../mm/layout';
import { pfn_valid, virt_to_page, type Page } from '../mm/page';
import { PageReserved } from '../mm/page-alloc';
import type { Scatterlist } from '../scatterlist/scatterlist';
import type { SgTable } from '../scatterlist/sg-table';
import { checkCount, checkDevice, checkDmaAddr, checkSize } from './arguments';
import { DMA_ATTR_CC_SHARED, DMA_ATTR_MMIO, DMA_ATTR_REQUIRE_COHERENT, type DmaAttrs } from './attrs';
import { checkDirection, type DmaDataDirection } from './direction';
import { DMA_MAPPING_ERROR } from './dma-address';
import { traceMap, traceMapSg, traceUnmap, traceUnmapSg, type MappedWhat } from './dma-trace';

/**
 * Streaming mappings (`kernel/dma/mapping.c`): a buffer is lent to the device until it is unmapped. The functions whose
 * names end in `_attrs` take attributes; they are 0 in the others.
 */

const incoherent = (dev: StructDevice, attrs: DmaAttrs): boolean =>
  !dev.dma.dma_coherent && (attrs & DMA_ATTR_REQUIRE_COHERENT) !== 0;

const withoutMask = (dev: StructDevice, where: string): boolean => {
  if (dev.dma.dma_mask !== null) return false;
  dev.kernel.dma.warnOnce(where, `${dev.name}: the device has no DMA mask`);
  return true;
};

/** Memory shared with the outside has no mapping behind an IOMMU: the IOMMU is the host's. */
const unmappable = (dev: StructDevice, attrs: DmaAttrs): boolean =>
  (attrs & DMA_ATTR_CC_SHARED) !== 0 && dev.dma.ops.name !== 'direct';

/** An address that no memory can have: Linux finds it out of every device's reach, or builds nonsense from it. */
const nowhere = (dev: StructDevice, phys: number, size: number): DmaAddr => {
  const place = phys < 0 ? `-0x${(-phys).toString(16)}` : `0x${phys.toString(16)}`;
  dev.kernel.dma.warnOnce('dma_map_phys', `${dev.name}: there is no physical address ${place}+${size}`);
  return DMA_MAPPING_ERROR;
};

/** The check that Linux makes when the debugging of the DMA API is built in. The call goes on. */
const warnIfRam = (dev: StructDevice, phys: PhysAddr): void => {
  const { kernel } = dev;
  const pfn = pageOf(phys);
  if (!pfn_valid(kernel, pfn) || PageReserved(kernel.mm.pages.handles.at(pfn))) return;
  kernel.warn('dma_map_phys', `${dev.name}: dma_map_resource called for RAM address 0x${phys.toString(16)}`);
};

const mapPhys = (
  dev: StructDevice,
  phys: PhysAddr,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
  what: MappedWhat,
): DmaAddr => {
  checkDevice(dev);
  checkDirection('dma_map_phys', dir);
  checkSize('dma_map_phys', size);
  if (withoutMask(dev, 'dma_map_phys') || incoherent(dev, attrs) || unmappable(dev, attrs)) return DMA_MAPPING_ERROR;
  if (!(phys >= 0 && phys < ADDRESS_LIMIT)) return nowhere(dev, phys, size);
  if ((attrs & DMA_ATTR_MMIO) !== 0) warnIfRam(dev, phys);
  const address = dev.dma.ops.mapPhys(dev, phys, size, dir, attrs);
  if (dev.kernel.trace.active) traceMap(dev, what, phys, address, size, dir, attrs);
  return address;
};

const unmapPhys = (
  dev: StructDevice,
  address: DmaAddr,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
  what: MappedWhat,
): void => {
  checkDevice(dev);
  checkDirection('dma_unmap_phys', dir);
  checkSize('dma_unmap_phys', size);
  checkDmaAddr('dma_unmap_phys', address);
  if (unmappable(dev, attrs)) return;
  if (dev.kernel.trace.active) traceUnmap(dev, what, address, size, dir, attrs);
  dev.dma.ops.unmapPhys(dev, address, size, dir, attrs);
};

/** Lends a range of physical memory (or, with `DMA_ATTR_MMIO`, of registers) to the device. `DMA_MAPPING_ERROR` on failure. */
export const dma_map_phys = (
  dev: StructDevice,
  phys: PhysAddr,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): DmaAddr => mapPhys(dev, phys, size, dir, attrs, (attrs & DMA_ATTR_MMIO) !== 0 ? 'resource' : 'page');

/** Undoes `dma_map_phys`, with the same size, direction and attributes. */
export const dma_unmap_phys = (
  dev: StructDevice,
  address: DmaAddr,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): void => unmapPhys(dev, address, size, dir, attrs, (attrs & DMA_ATTR_MMIO) !== 0 ? 'resource' : 'page');

/** The page frame of a page; of the NULL page it is as far below 0 as the array of pages is above it. */
const pfnOf = (page: Page | null | undefined): number => page?.pfn ?? -VMEMMAP_START / STRUCT_PAGE_SIZE;

/** Lends `size` bytes at an offset into a page (or into the physically contiguous pages that follow it). */
export const dma_map_page_attrs = (
  dev: StructDevice,
  page: Page,
  offset: number,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): DmaAddr => {
  checkDevice(dev);
  checkSize('dma_map_page', offset);
  if ((attrs & DMA_ATTR_MMIO) !== 0) return DMA_MAPPING_ERROR;
  return mapPhys(dev, physAddr(pageStart(pfnOf(page)) + offset), size, dir, attrs, 'page');
};

export const dma_map_page = (
  dev: StructDevice,
  page: Page,
  offset: number,
  size: number,
  dir: DmaDataDirection,
): DmaAddr => dma_map_page_attrs(dev, page, offset, size, dir, 0);

/** Undoes `dma_map_page`. */
export const dma_unmap_page_attrs = (
  dev: StructDevice,
  address: DmaAddr,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): void => {
  if ((attrs & DMA_ATTR_MMIO) === 0) unmapPhys(dev, address, size, dir, attrs, 'page');
};

export const dma_unmap_page = (dev: StructDevice, address: DmaAddr, size: number, dir: DmaDataDirection): void =>
  dma_unmap_page_attrs(dev, address, size, dir, 0);

/**
 * Lends a buffer that lies in the linear map, as from `kmalloc`. Anything in the vmalloc area, such as a variable on the
 * stack, is refused with a warning: it need not be contiguous.
 */
export const dma_map_single_attrs = (
  dev: StructDevice,
  pointer: VirtAddr,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): DmaAddr => {
  checkDevice(dev);
  if (is_vmalloc_addr(pointer)) {
    const { trace } = dev.kernel;
    if (trace.active) trace.emit({ type: 'dma-map-refused', device: dev.name, cpu: pointer, length: size });
    dev.kernel.dma.warnOnce('dma_map_single', `${dev.name}: memory of the vmalloc area cannot be mapped as a whole`);
    return DMA_MAPPING_ERROR;
  }
  if ((attrs & DMA_ATTR_MMIO) !== 0) return DMA_MAPPING_ERROR;
  const phys = pageStart(virt_to_page(dev.kernel, pointer).pfn) + offsetInPage(pointer);
  if (!(phys >= 0)) {
    dev.kernel.warn('__virt_to_phys', `virt_to_phys used for non-linear address: 0x${pointer.toString(16)}`);
    return DMA_MAPPING_ERROR;
  }
  return mapPhys(dev, physAddr(phys), size, dir, attrs, 'single');
};

export const dma_map_single = (dev: StructDevice, pointer: VirtAddr, size: number, dir: DmaDataDirection): DmaAddr =>
  dma_map_single_attrs(dev, pointer, size, dir, 0);

/** Undoes `dma_map_single`, with the same size and direction. */
export const dma_unmap_single_attrs = (
  dev: StructDevice,
  address: DmaAddr,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): void => {
  if ((attrs & DMA_ATTR_MMIO) === 0) unmapPhys(dev, address, size, dir, attrs, 'single');
};

export const dma_unmap_single = (dev: StructDevice, address: DmaAddr, size: number, dir: DmaDataDirection): void =>
  dma_unmap_single_attrs(dev, address, size, dir, 0);

/** Lends another device's registers to the device. */
export const dma_map_resource = (
  dev: StructDevice,
  phys: PhysAddr,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): DmaAddr => dma_map_phys(dev, phys, size, dir, attrs | DMA_ATTR_MMIO);

/** Undoes `dma_map_resource`. */
export const dma_unmap_resource = (
  dev: StructDevice,
  address: DmaAddr,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): void => dma_unmap_phys(dev, address, size, dir, attrs | DMA_ATTR_MMIO);

/** The address of a list; NULL where there is none, which following it then finds out. */
const addressOf = (sg: Scatterlist | null | undefined): VirtAddr => sg?.address ?? virtAddr(0);

/** What a back end may return. Anything else is a warning. */
const isKnownResult = (mapped: number): boolean =>
  mapped > 0 || mapped === -EINVAL || mapped === -ENOMEM || mapped === -EIO || mapped === -EREMOTEIO;

/** `__dma_map_sg_attrs`: the number of mapped segments (at least 1), 0 or a negative error. */
const mapSg = (dev: StructDevice, sgl: VirtAddr, nents: number, dir: DmaDataDirection, attrs: DmaAttrs): number => {
  checkDevice(dev);
  checkDirection('dma_map_sg', dir);
  checkCount('dma_map_sg', nents);
  if (incoherent(dev, attrs)) return -EOPNOTSUPP;
  if (withoutMask(dev, 'dma_map_sg')) return 0;
  // No entries: the back ends of Linux return the number itself.
  const mapped = nents > 0 ? dev.dma.ops.mapSg(dev, sgl, nents, dir, attrs) : nents;
  if (dev.kernel.trace.active) traceMapSg(dev, sgl, nents, mapped, dir, attrs);
  if (isKnownResult(mapped)) return mapped;
  dev.kernel.dma.warnOnce('dma_map_sg', `${dev.name}: mapping ${nents} entries gave ${mapped}`);
  return -EIO;
};

/**
 * Lends the buffers of `nents` entries to the device. Returns how many DMA segments they became, which may be fewer, or 0
 * on any error. Unmap with the same `nents`, not with the result.
 */
export const dma_map_sg_attrs = (
  dev: StructDevice,
  sg: Scatterlist,
  nents: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): number => Math.max(mapSg(dev, addressOf(sg), nents, dir, attrs), 0);

export const dma_map_sg = (dev: StructDevice, sg: Scatterlist, nents: number, dir: DmaDataDirection): number =>
  dma_map_sg_attrs(dev, sg, nents, dir, 0);

/** Undoes `dma_map_sg`: `nents` is what that was given. */
export const dma_unmap_sg_attrs = (
  dev: StructDevice,
  sg: Scatterlist,
  nents: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): void => {
  checkDevice(dev);
  checkDirection('dma_unmap_sg', dir);
  checkCount('dma_unmap_sg', nents);
  if (nents <= 0) return;
  const sgl = addressOf(sg);
  if (dev.kernel.trace.active) traceUnmapSg(dev, sgl, nents, dir, attrs);
  dev.dma.ops.unmapSg(dev, sgl, nents, dir, attrs);
};

export const dma_unmap_sg = (dev: StructDevice, sg: Scatterlist, nents: number, dir: DmaDataDirection): void =>
  dma_unmap_sg_attrs(dev, sg, nents, dir, 0);

/**
 * Lends the buffers of a table (all `orig_nents` entries) to the device and sets `nents` to the number of DMA segments.
 * 0; `-EINVAL` (wrong use), `-ENOMEM` (no memory or no addresses), `-EIO` (out of the device's reach).
 */
export const dma_map_sgtable = (
  dev: StructDevice,
  sgt: SgTable,
  dir: DmaDataDirection,
  attrs: DmaAttrs = 0,
): number => {
  const nents = mapSg(dev, addressOf(sgt.sgl), sgt.orig_nents, dir, attrs);
  if (nents < 0) return nents;
  sgt.nents = nents;
  return 0;
};

/** Undoes `dma_map_sgtable`. */
export const dma_unmap_sgtable = (dev: StructDevice, sgt: SgTable, dir: DmaDataDirection, attrs: DmaAttrs = 0): void =>
  dma_unmap_sg_attrs(dev, sgt.sgl!, sgt.orig_nents, dir, attrs);
