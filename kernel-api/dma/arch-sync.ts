import { physAddr } from '../../base/address';
import { ARCH_DMA_MINALIGN } from '../boot/riscv-isa';
import type { Kernel } from '../kernel';
import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE, type DmaDataDirection } from './direction';

/**
 * Cache maintenance for devices that do not snoop the CPU's cache (`arch/riscv/mm/dma-noncoherent.c`), by the Zicbom
 * instructions. Sizes in bytes; whole blocks are worked on, so what shares one with a buffer is written back, or
 * forgotten, with it. A CPU without usable Zicbom has nothing that it could do here, and does nothing.
 *
 * Callers ask first whether the device is coherent, and for `DMA_ATTR_SKIP_CPU_SYNC`.
 */

/**
 * Hands memory to a device: what the CPU wrote becomes visible to it. What the device is about to write is cleaned too, so
 * that no dirty line can be written back on top of it; forgetting the lines is left to `arch_sync_dma_for_cpu`, because a
 * prefetch may bring them back any time until then.
 */
export const arch_sync_dma_for_device = (kernel: Kernel, phys: number, size: number, dir: DmaDataDirection): void => {
  if (kernel.isa.cbomBlockSize === 0) return;
  if (dir === DMA_TO_DEVICE || dir === DMA_FROM_DEVICE || dir === DMA_BIDIRECTIONAL) {
    kernel.cpu.cleanLines(physAddr(phys), size);
  }
};

/** Hands memory back to the CPU: what it held of memory that the device may have written is forgotten. */
export const arch_sync_dma_for_cpu = (kernel: Kernel, phys: number, size: number, dir: DmaDataDirection): void => {
  if (kernel.isa.cbomBlockSize === 0) return;
  if (dir === DMA_FROM_DEVICE || dir === DMA_BIDIRECTIONAL) kernel.cpu.invalidateLines(physAddr(phys), size);
};

/** Gets memory out of the cache before an uncached alias of it is made. */
export const arch_dma_prep_coherent = (kernel: Kernel, phys: number, size: number): void => {
  if (kernel.isa.cbomBlockSize !== 0) kernel.cpu.flushLines(physAddr(phys), size);
};

/**
 * What a buffer for DMA must be aligned to, in bytes, so that it shares no block with other data: 64 where non-coherent
 * DMA is supported, which is where the CPU has Zicbom; else 1.
 */
export const dma_get_cache_alignment = (kernel: Kernel): number =>
  kernel.isa.cbomBlockSize === 0 ? 1 : ARCH_DMA_MINALIGN;
