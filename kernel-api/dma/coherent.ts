import { virtAddr, type DmaAddr, type VirtAddr, dmaAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { out, type Out } from '../err';
import { __GFP_COMP, __GFP_DMA, __GFP_DMA32, __GFP_NOWARN, type Gfp } from '../gfp';
import { get_order } from '../mm/page';
import { dma_set_master } from './admission';
import { checkDevice, checkDmaAddr, checkSize } from './arguments';
import { DMA_ATTR_NO_WARN, DMA_ATTR_WRITE_COMBINE, type DmaAttrs } from './attrs';
import { dma_alloc_from_dev_coherent, dma_release_from_dev_coherent } from './coherent-memory';
import { DMA_BIDIRECTIONAL } from './direction';
import { traceMemory } from './dma-trace';

/**
 * Memory that CPU and device may both use at any time (`kernel/dma/mapping.c`). It comes from memory of the
 * device's own, if it has some, and otherwise from its back end.
 */

const NULL = virtAddr(0);

/** From memory of the device's own; null if it has none. */
const allocOwn = (dev: StructDevice, size: number, handle: Out<DmaAddr>): VirtAddr | null => {
  const cpu = out(NULL);
  if (!dma_alloc_from_dev_coherent(dev, size, handle, cpu)) return null;
  dma_set_master(dev);
  return cpu.value;
};

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
  checkDevice(dev);
  checkSize('dma_alloc_attrs', size);
  const { kernel, dma } = dev;
  if (dma.coherent_dma_mask === 0n) kernel.dma.warnOnce('dma_alloc_attrs', `${dev.name}: no coherent DMA mask`);
  if ((gfp & __GFP_COMP) !== 0) {
    kernel.dma.warnOnce('dma_alloc_attrs', `${dev.name}: __GFP_COMP makes no sense for coherent memory`);
    return NULL;
  }
  const own = dma.dma_mem === null ? null : allocOwn(dev, size, handle);
  const cpu = own ?? dma.ops.alloc(dev, size, handle, gfp & ~(__GFP_DMA | __GFP_DMA32), attrs);
  if (kernel.trace.active)
    traceMemory(dev, 'dma-alloc', 'coherent', cpu, cpu === 0 ? dmaAddr(0) : handle.value, size, DMA_BIDIRECTIONAL);
  return cpu;
};

/**
 * Frees what `dma_alloc_attrs` allocated, with the same size and attributes. Must not be called with interrupts off, unless
 * the memory is the device's own.
 */
export const dma_free_attrs = (
  dev: StructDevice,
  size: number,
  cpu: VirtAddr,
  handle: DmaAddr,
  attrs: DmaAttrs,
): void => {
  checkDevice(dev);
  checkSize('dma_free_attrs', size);
  checkDmaAddr('dma_free_attrs', handle);
  const { kernel, dma } = dev;
  if (dma_release_from_dev_coherent(dev, get_order(size), cpu)) {
    if (kernel.trace.active) traceMemory(dev, 'dma-free', 'coherent', cpu, handle, size, DMA_BIDIRECTIONAL);
    return;
  }
  if (!kernel.cpu.interruptsEnabled) {
    kernel.warn('dma_free_attrs', `${dev.name}: coherent memory freed with interrupts disabled`);
  }
  if (kernel.trace.active) traceMemory(dev, 'dma-free', 'coherent', cpu, handle, size, DMA_BIDIRECTIONAL);
  if (cpu !== 0) dma.ops.free(dev, size, cpu, handle, attrs);
};

const attrsOf = (gfp: Gfp): DmaAttrs => ((gfp & __GFP_NOWARN) !== 0 ? DMA_ATTR_NO_WARN : 0);

/** `dma_alloc_attrs` without attributes. */
export const dma_alloc_coherent = (dev: StructDevice, size: number, handle: Out<DmaAddr>, gfp: Gfp): VirtAddr =>
  dma_alloc_attrs(dev, size, handle, gfp, attrsOf(gfp));

/** `dma_free_attrs` without attributes. */
export const dma_free_coherent = (dev: StructDevice, size: number, cpu: VirtAddr, handle: DmaAddr): void =>
  dma_free_attrs(dev, size, cpu, handle, 0);

/** `dma_alloc_attrs` of memory for which the CPU's writes may be combined. */
export const dma_alloc_wc = (dev: StructDevice, size: number, handle: Out<DmaAddr>, gfp: Gfp): VirtAddr =>
  dma_alloc_attrs(dev, size, handle, gfp, DMA_ATTR_WRITE_COMBINE | attrsOf(gfp));

/** Undoes `dma_alloc_wc`. */
export const dma_free_wc = (dev: StructDevice, size: number, cpu: VirtAddr, handle: DmaAddr): void =>
  dma_free_attrs(dev, size, cpu, handle, DMA_ATTR_WRITE_COMBINE);
