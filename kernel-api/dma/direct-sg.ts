import type { VirtAddr } from '../../base/address';
import { EIO } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import {
  DMA_ATTR_CC_SHARED,
  DMA_ATTR_MMIO,
  DMA_ATTR_REQUIRE_COHERENT,
  DMA_ATTR_SKIP_CPU_SYNC,
  type DmaAttrs,
} from './attrs';
import { directPlace, directRelease } from './direct-map';
import type { DmaDataDirection } from './direction';
import { MAPPING_ERROR_OFFSET, MAPPING_ERROR_PAGE } from './dma-address';
import type { SgScratch } from './sg-scratch';
import { is_swiotlb_force_bounce } from './swiotlb/swiotlb-map';

/** Scatter-gather lists without an IOMMU (`kernel/dma/direct.c`): every entry is mapped for itself. */

/** Maps the entry that the reader is at; false if the device cannot reach it. */
const mapEntry = (
  dev: StructDevice,
  { reader, writer }: SgScratch,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): boolean => {
  const { length } = reader;
  const place = directPlace(dev, reader.pfn * 4096 + reader.offset, length, dir, attrs);
  if (place < 0) {
    writer.put(reader.entry, MAPPING_ERROR_PAGE, MAPPING_ERROR_OFFSET, reader.dmaLength);
    return false;
  }
  const map = (attrs & DMA_ATTR_MMIO) === 0 ? dev.dma.dma_range_map : null;
  const page = map === null ? Math.floor(place / 4096) : map.toDmaPage(place);
  writer.put(reader.entry, page, map === null ? place & 0xfff : map.offset, length);
  return true;
};

/** How many entries were mapped: fewer than there are if one could not be. */
const mapEntries = (dev: StructDevice, scratch: SgScratch, dir: DmaDataDirection, attrs: DmaAttrs): number => {
  let mapped = 0;
  while (scratch.reader.next() && mapEntry(dev, scratch, dir, attrs)) mapped++;
  return mapped;
};

/** Whether mapping a list is no more than copying addresses, for entries in reach. */
const isPlainMap = (dev: StructDevice, attrs: DmaAttrs): boolean =>
  dev.dma.dma_coherent &&
  dev.dma.dma_range_map === null &&
  (attrs & (DMA_ATTR_MMIO | DMA_ATTR_CC_SHARED)) === 0 &&
  !is_swiotlb_force_bounce(dev);

/** `dma_direct_map_sg`: `nents`, or `-EIO`, with nothing mapped. */
export const directMapSg = (
  dev: StructDevice,
  sgl: VirtAddr,
  nents: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): number => {
  const { kernel } = dev;
  const scratch = kernel.dma.scratch.take(0);
  try {
    if (isPlainMap(dev, attrs) && scratch.plain.map(dev, sgl, nents)) return nents;
    scratch.reader.begin(kernel, sgl, nents);
    scratch.writer.begin(kernel);
    const mapped = mapEntries(dev, scratch, dir, attrs);
    scratch.writer.end();
    if (mapped === nents) return nents;
    directUnmapSg(dev, sgl, mapped, dir, attrs | DMA_ATTR_SKIP_CPU_SYNC);
    return -EIO;
  } finally {
    kernel.dma.scratch.give(scratch);
  }
};

/** Calls `visit` with the physical address behind each of `nents` mapped entries, its mapped length and its own. */
export const forEachMappedEntry = (
  dev: StructDevice,
  sgl: VirtAddr,
  nents: number,
  visit: (place: number, dmaLength: number, length: number) => void,
): void => {
  const { kernel } = dev;
  const map = dev.dma.dma_range_map;
  const scratch = kernel.dma.scratch.take(0);
  try {
    const { reader } = scratch;
    reader.begin(kernel, sgl, nents);
    while (reader.next()) {
      const { dmaPage, dmaOffset } = reader;
      const place = map === null ? dmaPage * 4096 + dmaOffset : map.physicalOf(dmaPage, dmaOffset);
      visit(place, reader.dmaLength, reader.length);
    }
  } finally {
    kernel.dma.scratch.give(scratch);
  }
};

/** Whether no mapping of the device is bounced or cached, so that there is nothing to sync and nothing to give back. */
export const directIsPlain = ({ dma }: StructDevice): boolean => dma.dma_coherent && !dma.dma_uses_io_tlb;

/** `dma_direct_unmap_sg`. */
export const directUnmapSg = (
  dev: StructDevice,
  sgl: VirtAddr,
  nents: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): void => {
  if ((attrs & (DMA_ATTR_MMIO | DMA_ATTR_REQUIRE_COHERENT)) !== 0 || directIsPlain(dev)) return;
  forEachMappedEntry(dev, sgl, nents, (place, dmaLength) => directRelease(dev, place, dmaLength, dir, attrs));
};
