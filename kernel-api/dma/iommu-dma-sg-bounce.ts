import { dmaOffsetOf, dmaPageOf, PAGE_SIZE, physAddr, virtAddr, type VirtAddr } from '../../base/address';
import { EIO } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import { SG_DMA_FLAGS, SG_DMA_SWIOTLB } from '../scatterlist/layout';
import { DMA_ATTR_SKIP_CPU_SYNC, type DmaAttrs } from './attrs';
import type { DmaDataDirection } from './direction';
import { DMA_MAPPING_ERROR } from './dma-address';
import { iommuMapPhys, iommuUnmapPhys } from './iommu-dma';
import { forEachEntry } from './iommu-dma-sync';
import type { SgScratch } from './sg-scratch';

/** Lists of which entries may have to be bounced: every entry is a mapping of its own (`drivers/iommu/dma-iommu.c`). */

/** Marks a list by its first entry, for the unmapping and for syncs (`sg_dma_mark_swiotlb`). */
const markBounced = ({ kernel: { mm } }: StructDevice, sgl: VirtAddr): void => {
  const at = virtAddr(sgl + SG_DMA_FLAGS);
  mm.store32(at, (mm.load32(at) | SG_DMA_SWIOTLB) >>> 0);
};

/** Maps the entry that the reader is at; false if that failed. */
const mapEntry = (
  dev: StructDevice,
  { reader, writer }: SgScratch,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): boolean => {
  const { length } = reader;
  const address = iommuMapPhys(dev, physAddr(reader.pfn * PAGE_SIZE + reader.offset), length, dir, attrs);
  const failed = address === DMA_MAPPING_ERROR;
  writer.put(reader.entry, dmaPageOf(address), dmaOffsetOf(address), failed ? reader.dmaLength : length);
  return !failed;
};

const mapEntries = (dev: StructDevice, scratch: SgScratch, dir: DmaDataDirection, attrs: DmaAttrs): number => {
  let mapped = 0;
  while (scratch.reader.next() && mapEntry(dev, scratch, dir, attrs)) mapped++;
  return mapped;
};

/** `iommu_dma_map_sg_swiotlb`: `nents`, or `-EIO` with nothing mapped. */
export const mapBouncedSg = (
  dev: StructDevice,
  sgl: VirtAddr,
  nents: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): number => {
  const { kernel } = dev;
  markBounced(dev, sgl);
  const scratch = kernel.dma.scratch.take(0);
  try {
    scratch.reader.begin(kernel, sgl, nents);
    scratch.writer.begin(kernel);
    const mapped = mapEntries(dev, scratch, dir, attrs);
    scratch.writer.end();
    if (mapped === nents) return nents;
    unmapBouncedSg(dev, sgl, mapped, dir, attrs | DMA_ATTR_SKIP_CPU_SYNC);
    return -EIO;
  } finally {
    kernel.dma.scratch.give(scratch);
  }
};

/** `iommu_dma_unmap_sg_swiotlb`. */
export const unmapBouncedSg = (
  dev: StructDevice,
  sgl: VirtAddr,
  nents: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): void =>
  forEachEntry(dev, sgl, nents, (address, _phys, _length, dmaLength) =>
    iommuUnmapPhys(dev, address, dmaLength, dir, attrs),
  );
