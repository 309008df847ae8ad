import { dmaAddrOf, PAGE_SIZE, physAddr, type DmaAddr, type PhysAddr, type VirtAddr } from '../../base/address';
import type { DmaAllocEvent, DmaMapEvent } from '../../base/trace-events';
import type { StructDevice } from '../base/struct-device';
import { dmaLength, dmaOffset, dmaPage, entryLength, entryOffset, entryPfn, nextEntry } from '../scatterlist/raw';
import type { DmaAttrs } from './attrs';
import type { DmaDataDirection } from './direction';
import { DMA_MAPPING_ERROR } from './dma-address';

/**
 * The DMA API's events. Callers ask `trace.active` first. In an unmap event the physical address is what the back end has
 * for the DMA address, 0 if it has nothing.
 */

export type MappedWhat = DmaMapEvent['what'];

const behind = (dev: StructDevice, address: DmaAddr): PhysAddr =>
  physAddr(Math.max(dev.dma.ops.toPhysical(dev, address), 0));

export const traceMap = (
  dev: StructDevice,
  what: MappedWhat,
  physical: PhysAddr,
  address: DmaAddr,
  length: number,
  direction: DmaDataDirection,
  attrs: DmaAttrs,
): void =>
  dev.kernel.trace.emit({
    type: 'dma-map',
    device: dev.name,
    what,
    physical,
    address,
    length,
    entries: address === DMA_MAPPING_ERROR ? 0 : 1,
    nents: 1,
    direction,
    attrs,
  });

export const traceUnmap = (
  dev: StructDevice,
  what: MappedWhat,
  address: DmaAddr,
  length: number,
  direction: DmaDataDirection,
  attrs: DmaAttrs,
): void =>
  dev.kernel.trace.emit({
    type: 'dma-unmap',
    device: dev.name,
    what,
    physical: behind(dev, address),
    address,
    length,
    entries: 1,
    nents: 1,
    direction,
    attrs,
  });

/** Visits up to `nents` entries, until `visit` returns false. */
const walk = (dev: StructDevice, sgl: VirtAddr, nents: number, visit: (entry: VirtAddr) => boolean): void => {
  let entry = sgl;
  for (let i = 0; i < nents && entry !== 0 && visit(entry); i++) entry = nextEntry(dev.kernel, entry);
};

const addressOf = (dev: StructDevice, entry: VirtAddr): DmaAddr =>
  dmaAddrOf(dmaPage(dev.kernel, entry), dmaOffset(dev.kernel, entry));

/** Tells of the mapped segments of a list, and returns their number and bytes. */
const traceSegments = (dev: StructDevice, sgl: VirtAddr, nents: number): { entries: number; length: number } => {
  const sum = { entries: 0, length: 0 };
  walk(dev, sgl, nents, (entry) => {
    const length = dmaLength(dev.kernel, entry);
    if (length === 0) return false;
    dev.kernel.trace.emit({ type: 'dma-map-segment', address: addressOf(dev, entry), length });
    sum.entries++;
    sum.length += length;
    return true;
  });
  return sum;
};

/** Tells of the entries of a list, and returns their bytes. */
const traceEntries = (dev: StructDevice, sgl: VirtAddr, nents: number): number => {
  const { kernel } = dev;
  let sum = 0;
  walk(dev, sgl, nents, (entry) => {
    const length = entryLength(kernel, entry);
    const physical = physAddr(entryPfn(kernel, entry) * PAGE_SIZE + entryOffset(kernel, entry));
    kernel.trace.emit({ type: 'dma-map-entry', physical, length });
    sum += length;
    return true;
  });
  return sum;
};

/** A list was mapped to `mapped` segments, or not if that is 0 or less. */
export const traceMapSg = (
  dev: StructDevice,
  sgl: VirtAddr,
  nents: number,
  mapped: number,
  direction: DmaDataDirection,
  attrs: DmaAttrs,
): void => {
  const { kernel } = dev;
  const length = traceEntries(dev, sgl, nents);
  if (mapped > 0) traceSegments(dev, sgl, mapped);
  kernel.trace.emit({
    type: 'dma-map',
    device: dev.name,
    what: 'sg',
    physical: physAddr(nents > 0 ? entryPfn(kernel, sgl) * PAGE_SIZE + entryOffset(kernel, sgl) : 0),
    address: mapped > 0 ? addressOf(dev, sgl) : DMA_MAPPING_ERROR,
    length,
    entries: Math.max(mapped, 0),
    nents,
    direction,
    attrs,
  });
};

export const traceUnmapSg = (
  dev: StructDevice,
  sgl: VirtAddr,
  nents: number,
  direction: DmaDataDirection,
  attrs: DmaAttrs,
): void => {
  const address = addressOf(dev, sgl);
  dev.kernel.trace.emit({
    type: 'dma-unmap',
    device: dev.name,
    what: 'sg',
    physical: behind(dev, address),
    address,
    ...traceSegments(dev, sgl, nents),
    nents,
    direction,
    attrs,
  });
};

export const traceSync = (
  dev: StructDevice,
  type: 'dma-sync-for-cpu' | 'dma-sync-for-device',
  address: DmaAddr,
  length: number,
  direction: DmaDataDirection,
): void => dev.kernel.trace.emit({ type, device: dev.name, address, length, direction });

/** One event for each mapped segment of a list. */
export const traceSyncSg = (
  dev: StructDevice,
  type: 'dma-sync-for-cpu' | 'dma-sync-for-device',
  sgl: VirtAddr,
  nents: number,
  direction: DmaDataDirection,
): void =>
  walk(dev, sgl, nents, (entry) => {
    const length = dmaLength(dev.kernel, entry);
    if (length === 0) return false;
    traceSync(dev, type, addressOf(dev, entry), length, direction);
    return true;
  });

/** Memory for DMA was allocated or is freed; a failed allocation has a `cpu` of 0. */
export const traceMemory = (
  dev: StructDevice,
  type: DmaAllocEvent['type'],
  kind: DmaAllocEvent['kind'],
  cpu: VirtAddr,
  address: DmaAddr,
  length: number,
  direction: DmaDataDirection,
): void => dev.kernel.trace.emit({ type, device: dev.name, kind, direction, cpu, address, length });
