import { dmaAddrOf, pageOf, type DmaAddr, type PhysAddr, type VirtAddr } from '../../base/address';
import { EIO } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import { DMA_ATTR_MMIO, type DmaAttrs } from './attrs';
import { directAlloc, directFree, directRequiredMask, directSupported, directToPhysical } from './direct-alloc';
import type { DmaDataDirection } from './direction';
import { DMA_MAPPING_ERROR, MAPPING_ERROR_OFFSET, MAPPING_ERROR_PAGE } from './dma-address';
import type { DmaMapOps } from './dma-map-ops';
import type { SgScratch } from './sg-scratch';

/**
 * Mapping without an IOMMU (`kernel/dma/direct.c`): the bus address follows from the physical one, and a buffer that the
 * device cannot reach is refused. Bounce buffers (swiotlb) are absent.
 */

const overflow = (dev: StructDevice, address: DmaAddr, size: number): void => {
  const { dma_mask, bus_dma_limit } = dev.dma;
  dev.kernel.dma.warnOnce(
    'dma_direct_map_phys',
    `${dev.name}: DMA addr 0x${address.toString(16).padStart(16, '0')}+${size} overflow ` +
      `(mask ${(dma_mask ?? 0n).toString(16)}, bus limit ${bus_dma_limit.toString(16)}).`,
  );
};

/** Maps one range; `DMA_MAPPING_ERROR` (after a warning) if the device cannot reach it. */
const mapPhys = (dev: StructDevice, phys: PhysAddr, size: number, _dir: DmaDataDirection, attrs: DmaAttrs): DmaAddr => {
  const { dma } = dev;
  const map = (attrs & DMA_ATTR_MMIO) === 0 ? dma.dma_range_map : null;
  const page = map === null ? pageOf(phys) : map.toDmaPage(phys);
  const offset = map === null ? phys & 0xfff : map.offset;
  if (page >= 0 && dma.limit.covers(page, offset, size)) return dmaAddrOf(page, offset);
  overflow(dev, page < 0 ? DMA_MAPPING_ERROR : dmaAddrOf(page, offset), size);
  return DMA_MAPPING_ERROR;
};

/** Maps the entry that the reader is at; false (after a warning) if the device cannot reach it. */
const mapEntry = (dev: StructDevice, { reader, writer }: SgScratch): boolean => {
  const { offset: at, length } = reader;
  const map = dev.dma.dma_range_map;
  let page = reader.pfn + (at >>> 12);
  let offset = at & 0xfff;
  if (map !== null) {
    page = map.toDmaPage(page * 4096 + offset);
    offset = map.offset;
  }
  if (page >= 0 && dev.dma.limit.covers(page, offset, length)) {
    writer.put(reader.entry, page, offset, length);
    return true;
  }
  overflow(dev, page < 0 ? DMA_MAPPING_ERROR : dmaAddrOf(page, offset), length);
  writer.put(reader.entry, MAPPING_ERROR_PAGE, MAPPING_ERROR_OFFSET, reader.dmaLength);
  return false;
};

const mapEntries = (dev: StructDevice, scratch: SgScratch): boolean => {
  while (scratch.reader.next()) if (!mapEntry(dev, scratch)) return false;
  return true;
};

const mapSg = (dev: StructDevice, sgl: VirtAddr, nents: number): number => {
  const { kernel } = dev;
  const scratch = kernel.dma.scratch.take(0);
  try {
    scratch.reader.begin(kernel, sgl, nents);
    scratch.writer.begin(kernel);
    const mapped = mapEntries(dev, scratch);
    scratch.writer.end();
    return mapped ? nents : -EIO;
  } finally {
    kernel.dma.scratch.give(scratch);
  }
};

/** The back end of devices whose accesses nothing translates. */
export const directOps: DmaMapOps = {
  name: 'direct',
  mapPhys,
  // Without caches and bounce buffers there is nothing to undo.
  unmapPhys: () => undefined,
  mapSg,
  unmapSg: () => undefined,
  alloc: directAlloc,
  free: directFree,
  supported: directSupported,
  requiredMask: directRequiredMask,
  mergeBoundary: () => 0,
  toPhysical: directToPhysical,
};
