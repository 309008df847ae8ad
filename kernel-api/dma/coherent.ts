import { virtAddr, type DmaAddr, type VirtAddr, dmaAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { Out } from '../err';
import { __GFP_COMP, __GFP_DMA, __GFP_DMA32, __GFP_NOWARN, type Gfp } from '../gfp';
import { DMA_ATTR_NO_WARN, type DmaAttrs } from './attrs';
import { traceCoherent } from './dma-trace';

/**
 * Memory that CPU and device may both use at any time (`kernel/dma/mapping.c`). Pools that belong to one device
 * (`shared-dma-pool` of the device tree) are absent.
 */

const NULL = virtAddr(0);

/**
 * Allocates zeroed, page-aligned memory that the device reaches under its coherent mask. `handle` receives the device's
 * address of it.
 * @returns the CPU's address; 0 (NULL) if there is no such memory, and `handle` is then left alone
 */
export const dma_alloc_attrs = (
  dev: StructDevice,
  size: number,
  handle: Out<DmaAddr>,
  gfp: Gfp,
  attrs: DmaAttrs,
): VirtAddr => {
  const { kernel, dma } = dev;
  if (dma.coherent_dma_mask === 0n) kernel.dma.warnOnce('dma_alloc_attrs', `${dev.name}: no coherent DMA mask`);
  if ((gfp & __GFP_COMP) !== 0) {
    kernel.dma.warnOnce('dma_alloc_attrs', `${dev.name}: __GFP_COMP makes no sense for coherent memory`);
    return NULL;
  }
  const cpu = dma.ops.alloc(dev, size, handle, gfp & ~(__GFP_DMA | __GFP_DMA32), attrs);
  if (kernel.trace.active) traceCoherent(dev, 'dma-alloc', cpu, cpu === 0 ? dmaAddr(0) : handle.value, size);
  return cpu;
};

/** Frees what `dma_alloc_attrs` allocated, with the same size and attributes. Must not be called with interrupts off. */
export const dma_free_attrs = (
  dev: StructDevice,
  size: number,
  cpu: VirtAddr,
  handle: DmaAddr,
  attrs: DmaAttrs,
): void => {
  const { kernel, dma } = dev;
  if (!kernel.cpu.interruptsEnabled) {
    kernel.warn('dma_free_attrs', `${dev.name}: coherent memory freed with interrupts disabled`);
  }
  if (kernel.trace.active) traceCoherent(dev, 'dma-free', cpu, handle, size);
  if (cpu !== 0) dma.ops.free(dev, size, cpu, handle, attrs);
};

const attrsOf = (gfp: Gfp): DmaAttrs => ((gfp & __GFP_NOWARN) !== 0 ? DMA_ATTR_NO_WARN : 0);

/** `dma_alloc_attrs` without attributes. */
export const dma_alloc_coherent = (dev: StructDevice, size: number, handle: Out<DmaAddr>, gfp: Gfp): VirtAddr =>
  dma_alloc_attrs(dev, size, handle, gfp, attrsOf(gfp));

/** `dma_free_attrs` without attributes. */
export const dma_free_coherent = (dev: StructDevice, size: number, cpu: VirtAddr, handle: DmaAddr): void =>
  dma_free_attrs(dev, size, cpu, handle, 0);
