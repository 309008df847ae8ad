import { dmaAddr, pageAlign, type DmaAddr, type VirtAddr, virtAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { Out } from '../err';
import { __GFP_COMP, __GFP_DMA, __GFP_DMA32, type Gfp } from '../gfp';
import { page_address, virt_to_page, type Page } from '../mm/page';
import { checkDevice, checkDmaAddr, checkSize } from './arguments';
import { checkDirection, type DmaDataDirection } from './direction';
import { traceMemory } from './dma-trace';

/** Pages for streaming DMA (`kernel/dma/mapping.c`): mapped once, used often, and synced like any streaming mapping. */

/** Says what is wrong with a request, once per kernel: its message, or null. */
const objection = (dev: StructDevice, gfp: Gfp): string | null => {
  if (dev.dma.coherent_dma_mask === 0n) return 'no coherent DMA mask';
  if ((gfp & (__GFP_DMA | __GFP_DMA32)) !== 0) return 'the zone is not for the caller to choose';
  return (gfp & __GFP_COMP) !== 0 ? '__GFP_COMP makes no sense for memory for DMA' : null;
};

/** `dma_alloc_pages` without the event. */
export const allocPages = (
  dev: StructDevice,
  size: number,
  handle: Out<DmaAddr>,
  dir: DmaDataDirection,
  gfp: Gfp,
): Page | null => {
  const message = objection(dev, gfp);
  if (message !== null) {
    dev.kernel.dma.warnOnce('dma_alloc_pages', `${dev.name}: ${message}`);
    return null;
  }
  return dev.dma.ops.allocPages(dev, pageAlign(size), handle, dir, gfp);
};

/**
 * Allocates zeroed, contiguous pages within the device's reach and maps them. `handle` receives the device's address.
 * @returns null if there are none
 */
export const dma_alloc_pages = (
  dev: StructDevice,
  size: number,
  handle: Out<DmaAddr>,
  dir: DmaDataDirection,
  gfp: Gfp,
): Page | null => {
  checkDevice(dev);
  checkDirection('dma_alloc_pages', dir);
  checkSize('dma_alloc_pages', size);
  const page = allocPages(dev, size, handle, dir, gfp);
  if (dev.kernel.trace.active) {
    if (page === null) traceMemory(dev, 'dma-alloc', 'pages', virtAddr(0), dmaAddr(0), size, dir);
    else traceMemory(dev, 'dma-alloc', 'pages', page_address(page), handle.value, size, dir);
  }
  return page;
};

/** Undoes `dma_alloc_pages`, with the same size and direction. */
export const dma_free_pages = (
  dev: StructDevice,
  size: number,
  page: Page,
  handle: DmaAddr,
  dir: DmaDataDirection,
): void => {
  checkDevice(dev);
  checkDirection('dma_free_pages', dir);
  checkSize('dma_free_pages', size);
  checkDmaAddr('dma_free_pages', handle);
  if (dev.kernel.trace.active) traceMemory(dev, 'dma-free', 'pages', page_address(page), handle, size, dir);
  dev.dma.ops.freePages(dev, pageAlign(size), page, handle, dir);
};

/** `dma_alloc_pages`, for callers that want the CPU's address; 0 (NULL) if there are none. */
export const dma_alloc_noncoherent = (
  dev: StructDevice,
  size: number,
  handle: Out<DmaAddr>,
  dir: DmaDataDirection,
  gfp: Gfp,
): VirtAddr => {
  const page = dma_alloc_pages(dev, size, handle, dir, gfp);
  return page === null ? virtAddr(0) : page_address(page);
};

/** Undoes `dma_alloc_noncoherent`. */
export const dma_free_noncoherent = (
  dev: StructDevice,
  size: number,
  vaddr: VirtAddr,
  handle: DmaAddr,
  dir: DmaDataDirection,
): void => dma_free_pages(dev, size, virt_to_page(dev.kernel, vaddr), handle, dir);
