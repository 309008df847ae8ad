import type { StructDevice } from '../base/struct-device';
import { ARCH_DMA_MINALIGN } from '../boot/riscv-isa';
import { dma_get_cache_alignment } from './arch-sync';
import { DMA_TO_DEVICE, type DmaDataDirection } from './direction';

/**
 * Small buffers of kmalloc share cache lines with their neighbours, and so cannot be given to a device that writes past the
 * caches (`include/linux/dma-map-ops.h`, with CONFIG_DMA_BOUNCE_UNALIGNED_KMALLOC): they are bounced.
 */

/** Whether buffers of any size can be given to the device: it snoops, or it only reads. */
export const dma_kmalloc_safe = (dev: StructDevice, dir: DmaDataDirection): boolean =>
  dev.dma.dma_coherent || dir === DMA_TO_DEVICE;

/** Whether a buffer of this size, if it is from kmalloc, fills whole cache lines. */
const sizeAligned = (dev: StructDevice, size: number): boolean => {
  if (size >= 2 * ARCH_DMA_MINALIGN) return true;
  return dev.kernel.mm.slabs.roundUp(size) % dma_get_cache_alignment(dev.kernel) === 0;
};

/** Whether a buffer of this size may be of kmalloc, and share cache lines. Only the size is looked at, as in Linux. */
export const dma_kmalloc_needs_bounce = (dev: StructDevice, size: number, dir: DmaDataDirection): boolean =>
  !dma_kmalloc_safe(dev, dir) && !sizeAligned(dev, size);
