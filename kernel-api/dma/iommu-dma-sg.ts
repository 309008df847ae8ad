import { PAGE_OFFSET_MASK, PAGE_SIZE, SIZE_MAX, virtAddr, type VirtAddr } from '../../base/address';
import { EINVAL, ENOMEM } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import type { Kernel } from '../kernel';
import { DMA_ATTR_SKIP_CPU_SYNC, type DmaAttrs } from './attrs';
import type { DmaDataDirection } from './direction';
import { MAPPING_ERROR_OFFSET, MAPPING_ERROR_PAGE } from './dma-address';
import { allocIova, protectionOf, unmapPages } from './iommu-dma';
import { dev_use_sg_swiotlb } from './iommu-dma-bounce';
import { mapBouncedSg, unmapBouncedSg } from './iommu-dma-sg-bounce';
import { iommuSync, isBouncedList } from './iommu-dma-sync';
import { dma_get_max_seg_size, segmentBoundary } from './segments';
import type { SgScratch } from './sg-scratch';

/**
 * Mapping scatter-gather lists through an IOMMU (`iommu_dma_map_sg` and below it in `drivers/iommu/dma-iommu.c`).
 *
 * All entries become one range of I/O addresses. An entry keeps its offset in the page and starts on a page of its own, so
 * entries that start and end on page boundaries adjoin, and are merged into one segment as far as the device's segment
 * limits allow. Before an entry that would cross a segment boundary the range is padded up to it; the padding belongs to
 * the entry before it, and what lies behind that one in memory is mapped there.
 */

const U32 = 2 ** 32;

/** Distance to the next multiple of the boundary. */
const paddingTo = (boundary: number, length: number): number => {
  if (length === 0) return 0;
  return length < boundary ? boundary - length : (boundary - (length % boundary)) % boundary;
};

/** Reads the list into scratch space and lays the entries out. @returns the bytes of I/O address space they take */
const layOut = (kernel: Kernel, sgl: VirtAddr, nents: number, boundary: number, scratch: SgScratch): number => {
  const { reader, entry, pfn, offset, length, span } = scratch;
  let total = 0;
  reader.begin(kernel, sgl, nents);
  for (let i = 0; reader.next(); i++) {
    const at = reader.offset;
    const bytes = reader.length;
    const inPage = at & PAGE_OFFSET_MASK;
    const padded = Math.ceil((bytes + inPage) / PAGE_SIZE) * PAGE_SIZE;
    entry[i] = reader.entry;
    pfn[i] = reader.pfn + (at >>> 12);
    offset[i] = inPage;
    length[i] = bytes;
    // The kernel keeps this in `sg->length`, which has 32 bits.
    span[i] = padded < U32 ? padded : padded - U32;
    const padding = paddingTo(boundary, total);
    // An empty entry makes `s_length - 1` wrap around in C, so that it is always padded for.
    if (padding !== 0 && (padded === 0 || padding < padded - 1)) {
      span[i - 1] = (span[i - 1]! + padding) % U32;
      total = (total + padding) % SIZE_MAX;
    }
    total += padded;
  }
  return total;
};

/**
 * Puts entries that follow one another in memory together, so that each run is mapped in one go (`iommu_map_sg`).
 * @returns the number of pages
 */
const collectRuns = (nents: number, { pfn, span, runs }: SgScratch): number => {
  const { start, pages } = runs;
  let total = 0;
  let count = 0;
  let end = NaN;
  for (let i = 0; i < nents; i++) {
    const entryPages = span[i]! / PAGE_SIZE;
    if (entryPages === 0) continue;
    if (pfn[i] === end) {
      pages[count - 1]! += entryPages;
    } else {
      start[count] = pfn[i]!;
      pages[count] = entryPages;
      count++;
    }
    end = pfn[i]! + entryPages;
    total += entryPages;
  }
  runs.count = count;
  return total;
};

/** Takes back the DMA side of the entries from one on. */
const clearFrom = (first: number, nents: number, { entry, writer }: SgScratch): void => {
  for (let i = first; i < nents; i++) {
    writer.put(virtAddr(entry[i]!), MAPPING_ERROR_PAGE, MAPPING_ERROR_OFFSET, 0);
  }
};

/** Takes back the DMA side of every entry (`__invalidate_sg`). */
const invalidate = (kernel: Kernel, nents: number, scratch: SgScratch): void => {
  scratch.writer.begin(kernel);
  clearFrom(0, nents, scratch);
  scratch.writer.end();
};

/**
 * Writes the mapped segments into the first entries, merging where that is allowed, and clears the rest
 * (`__finalise_sg`). No entry crosses a boundary by itself any more, so only where one starts has to be looked at.
 * @returns the number of segments
 */
const finalise = (dev: StructDevice, iovaPage: number, nents: number, boundary: number, scratch: SgScratch): number => {
  const { writer, entry, offset, length, span } = scratch;
  const boundaryPages = boundary / PAGE_SIZE;
  const maxLength = dma_get_max_seg_size(dev);
  let count = 0;
  let page = iovaPage;
  let segmentPage = 0;
  let segmentOffset = 0;
  let segmentLength = 0;
  let open = false;
  writer.begin(dev.kernel);
  for (let i = 0; i < nents; i++) {
    const bytes = length[i]!;
    const inPage = offset[i]!;
    const pastBoundary = boundaryPages > 1 && (page < boundaryPages ? page !== 0 : page % boundaryPages !== 0);
    // The room left is an unsigned int: a segment that is too long already has plenty of it.
    if (open && inPage === 0 && pastBoundary && (maxLength - segmentLength) >>> 0 >= bytes) {
      segmentLength += bytes;
    } else {
      if (count > 0) writer.put(virtAddr(entry[count - 1]!), segmentPage, segmentOffset, segmentLength);
      count++;
      segmentPage = page;
      segmentOffset = inPage;
      segmentLength = bytes;
    }
    page += span[i]! / PAGE_SIZE;
    open = segmentLength !== 0 && bytes + inPage >= span[i]!;
  }
  if (count > 0) writer.put(virtAddr(entry[count - 1]!), segmentPage, segmentOffset, segmentLength);
  clearFrom(count, nents, scratch);
  writer.end();
  return count;
};

/** Maps what was laid out, or nothing: the first I/O page, `-ENOMEM` or `-EINVAL`. */
const mapLayout = (dev: StructDevice, bytes: number, nents: number, prot: number, scratch: SgScratch): number => {
  const { domain, iovad } = dev.dma.iommu!;
  const pages = bytes / PAGE_SIZE;
  const iovaPage = allocIova(dev, pages, dev.dma.iovaLimit);
  if (iovaPage === 0) return -ENOMEM;
  // Where lengths have wrapped around, fewer pages than were laid out are there to be mapped.
  const error = collectRuns(nents, scratch) === pages ? domain.mapRuns(iovaPage, scratch.runs, prot) : -EINVAL;
  if (error === 0) return iovaPage;
  iovad.freeFast(iovaPage, pages);
  return error === -ENOMEM ? -ENOMEM : -EINVAL;
};

/** `iommu_dma_map_sg`. @returns the number of mapped segments, `-ENOMEM` or `-EINVAL` */
export const iommuMapSg = (
  dev: StructDevice,
  sgl: VirtAddr,
  nents: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): number => {
  const { kernel } = dev;
  if (dev_use_sg_swiotlb(dev, sgl, nents, dir)) return mapBouncedSg(dev, sgl, nents, dir, attrs);
  if ((attrs & DMA_ATTR_SKIP_CPU_SYNC) === 0) iommuSync.syncSgForDevice(dev, sgl, nents, dir);
  const boundary = segmentBoundary(dev);
  const scratch = kernel.dma.scratch.take(nents);
  try {
    const bytes = layOut(kernel, sgl, nents, boundary, scratch);
    const mapped = bytes === 0 ? 0 : mapLayout(dev, bytes, nents, protectionOf(dev, dir, attrs), scratch);
    if (mapped >= 0) return finalise(dev, mapped, nents, boundary, scratch);
    invalidate(kernel, nents, scratch);
    return mapped;
  } finally {
    kernel.dma.scratch.give(scratch);
  }
};

/** The I/O pages that a list says it is mapped to: `first` and `end`, which are equal if there are none. */
const mappedRange = (
  kernel: Kernel,
  sgl: VirtAddr,
  nents: number,
  { reader }: SgScratch,
): { first: number; end: number } => {
  const range = { first: 0, end: 0 };
  reader.begin(kernel, sgl, nents);
  for (let i = 0; reader.next() && reader.dmaLength !== 0; i++) {
    const page = reader.dmaPage;
    if (i === 0) range.first = page;
    range.end = page + Math.ceil((reader.dmaOffset + reader.dmaLength) / PAGE_SIZE);
  }
  return range;
};

/**
 * `iommu_dma_unmap_sg`: the range goes from the first segment to the last one that has a length. Like Linux it trusts what
 * the list says.
 */
export const iommuUnmapSg = (
  dev: StructDevice,
  sgl: VirtAddr,
  nents: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): void => {
  const { kernel } = dev;
  if (isBouncedList(dev, sgl)) {
    unmapBouncedSg(dev, sgl, nents, dir, attrs);
    return;
  }
  if ((attrs & DMA_ATTR_SKIP_CPU_SYNC) === 0) iommuSync.syncSgForCpu(dev, sgl, nents, dir);
  const scratch = kernel.dma.scratch.take(0);
  const { first, end } = mappedRange(kernel, sgl, nents, scratch);
  kernel.dma.scratch.give(scratch);
  if (end !== 0) unmapPages(dev, first, end - first);
};
