import { dmaAddr, pageAlign, pageOf, physAddr, virtAddr, type DmaAddr, type VirtAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { Out } from '../err';
import { __GFP_DMA, __GFP_DMA32, __GFP_NOWARN, __GFP_ZERO, type Gfp } from '../gfp';
import { PFN_PHYS, phys_to_virt } from '../mm/layout';
import { get_order, pfn_to_page, type Page } from '../mm/page';
import type { SgTable } from '../scatterlist/sg-table';
import { DMA_ATTR_NO_WARN, type DmaAttrs } from './attrs';
import { singleEntry } from './common-ops';
import type { DmaDataDirection } from './direction';
import { DMA_BIT_MASK, DMA_MAPPING_ERROR, minNotZero } from './dma-address';
import type { DmaAllocOps } from './dma-map-ops';

/**
 * Coherent memory of devices without an IOMMU, and what masks they can have (`kernel/dma/direct.c`). For a device that
 * does not snoop, Linux maps the memory once more without caches; caches are absent, and so is that.
 */

const physToDma = (dev: StructDevice, phys: number): DmaAddr => dev.dma.dma_range_map?.toDma(phys) ?? dmaAddr(phys);

/** `dma_to_phys`: all ones where the bus shows nothing, so that it is above every limit. */
const dmaToPhys = (dev: StructDevice, address: bigint): bigint => {
  const map = dev.dma.dma_range_map;
  if (map === null) return address;
  const phys = map.toPhysical(dmaAddr(address));
  return phys < 0 ? DMA_MAPPING_ERROR : BigInt(phys);
};

/** The physical address behind a bus address, or -1. */
export const directToPhysical = (dev: StructDevice, address: DmaAddr): number => {
  const phys = dmaToPhys(dev, address);
  return phys < 1n << 52n ? Number(phys) : -1;
};

/** Where the device's limit lies in physical address space. */
const physicalLimit = (dev: StructDevice): bigint =>
  dmaToPhys(dev, minNotZero(dev.dma.coherent_dma_mask, dev.dma.bus_dma_limit));

/** The zone that memory within reach of the device most likely comes from (`dma_direct_optimal_gfp_mask`). */
const optimalZone = (dev: StructDevice, limit: bigint): Gfp => {
  if (limit <= dev.kernel.dma.zoneDmaLimit) return __GFP_DMA;
  return limit <= DMA_BIT_MASK(32) ? __GFP_DMA32 : 0;
};

/** Whether memory can be handed to the device as coherent memory (`dma_coherent_ok`). */
const coherentOk = (dev: StructDevice, pfn: number, size: number): boolean => {
  const map = dev.dma.dma_range_map;
  const page = map === null ? pfn : map.toDmaPage(PFN_PHYS(pfn));
  return page >= 0 && dev.dma.coherentLimit.covers(page, map === null ? 0 : map.offset, size);
};

/** The next zone to try after one whose memory is out of the device's reach; -1 if that was the last. */
const lowerZone = (dev: StructDevice, gfp: Gfp, limit: bigint): Gfp => {
  if (limit < DMA_BIT_MASK(64) && (gfp & (__GFP_DMA32 | __GFP_DMA)) === 0) return gfp | __GFP_DMA32;
  return dev.kernel.dma.hasZoneDma && (gfp & __GFP_DMA) === 0 ? (gfp & ~__GFP_DMA32) | __GFP_DMA : -1;
};

/** Pages within the device's reach, or -1: tries the likeliest zone, then lower ones (`__dma_direct_alloc_pages`). */
const allocPages = (dev: StructDevice, size: number, gfp: Gfp): number => {
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

/** `dma_direct_alloc`. @returns 0 if there is no memory that the device can reach */
const directAlloc = (
  dev: StructDevice,
  requested: number,
  handle: Out<DmaAddr>,
  gfp: Gfp,
  attrs: DmaAttrs,
): VirtAddr => {
  const size = pageAlign(requested);
  const flags = (gfp & ~__GFP_ZERO) | ((attrs & DMA_ATTR_NO_WARN) === 0 ? 0 : __GFP_NOWARN);
  const pfn = allocPages(dev, size, flags);
  if (pfn < 0) return virtAddr(0);
  const cpu = phys_to_virt(PFN_PHYS(pfn));
  dev.kernel.mm.fill(cpu, 0, size);
  handle.value = physToDma(dev, PFN_PHYS(pfn));
  return cpu;
};

/** `dma_direct_free`. What is freed follows from the DMA address, not from the CPU's, as in Linux. */
const directFree = (dev: StructDevice, size: number, _cpu: VirtAddr, handle: DmaAddr): void => {
  dev.kernel.mm.freePfn(pageOf(directToPhysical(dev, handle)), get_order(size));
};

/** `dma_direct_alloc_pages`. */
const directAllocPages = (
  dev: StructDevice,
  size: number,
  handle: Out<DmaAddr>,
  _dir: DmaDataDirection,
  gfp: Gfp,
): Page | null => {
  const pfn = allocPages(dev, size, gfp);
  if (pfn < 0) return null;
  dev.kernel.mm.fill(phys_to_virt(PFN_PHYS(pfn)), 0, size);
  handle.value = physToDma(dev, PFN_PHYS(pfn));
  return pfn_to_page(dev.kernel, pfn);
};

/** `dma_direct_get_sgtable`: goes by the DMA address, unlike other back ends. */
const directGetSgtable = (dev: StructDevice, sgt: SgTable, _cpu: VirtAddr, handle: DmaAddr, size: number): number =>
  singleEntry(sgt, pfn_to_page(dev.kernel, pageOf(directToPhysical(dev, handle))), size);

/** Memory for DMA without an IOMMU. */
export const directAllocation: DmaAllocOps = {
  alloc: directAlloc,
  free: directFree,
  getSgtable: directGetSgtable,
  allocPages: directAllocPages,
  freePages: (dev, size, page) => dev.kernel.mm.freePfn(page.pfn, get_order(size)),
};

/** `dma_direct_supported`: 32 bits always do; fewer do if they cover the lowest zone there is. */
export const directSupported = (dev: StructDevice, mask: bigint): boolean => {
  if (mask >= DMA_BIT_MASK(32)) return true;
  const { maxPfn, hasZoneDma, zoneDmaLimit } = dev.kernel.dma;
  const lastByte = BigInt(maxPfn) * 4096n - 1n;
  const needed = hasZoneDma && zoneDmaLimit < lastByte ? zoneDmaLimit : lastByte;
  return mask >= physToDma(dev, Number(needed));
};

/** `dma_direct_get_required_mask`: all ones up to the highest bit of the last byte of RAM. */
export const directRequiredMask = (dev: StructDevice): bigint => {
  const last = physToDma(dev, physAddr(dev.kernel.dma.maxPfn * 4096 - 1));
  return DMA_BIT_MASK(last.toString(2).length);
};
