import { dmaAddr, type DmaAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { Scatterlist } from '../scatterlist/scatterlist';
import type { SgTable } from '../scatterlist/sg-table';
import { checkDirection, type DmaDataDirection } from './direction';
import { traceSync, traceSyncSg } from './dma-trace';

/**
 * Handing a mapped buffer back and forth between CPU and device. On a machine without caches and bounce buffers no byte
 * has to move; who owns the buffer is still told on the trace.
 */

/** The CPU is about to read what the device wrote. */
export const dma_sync_single_for_cpu = (
  dev: StructDevice,
  address: DmaAddr,
  size: number,
  dir: DmaDataDirection,
): void => {
  checkDirection('dma_sync_single_for_cpu', dir);
  if (dev.kernel.trace.active) traceSync(dev, 'dma-sync-for-cpu', address, size, dir);
};

/** The device is about to use what the CPU wrote. */
export const dma_sync_single_for_device = (
  dev: StructDevice,
  address: DmaAddr,
  size: number,
  dir: DmaDataDirection,
): void => {
  checkDirection('dma_sync_single_for_device', dir);
  if (dev.kernel.trace.active) traceSync(dev, 'dma-sync-for-device', address, size, dir);
};

/** `dma_sync_single_for_cpu` of a part of a mapping. */
export const dma_sync_single_range_for_cpu = (
  dev: StructDevice,
  address: DmaAddr,
  offset: number,
  size: number,
  dir: DmaDataDirection,
): void => dma_sync_single_for_cpu(dev, dmaAddr(address + BigInt(offset)), size, dir);

/** `dma_sync_single_for_device` of a part of a mapping. */
export const dma_sync_single_range_for_device = (
  dev: StructDevice,
  address: DmaAddr,
  offset: number,
  size: number,
  dir: DmaDataDirection,
): void => dma_sync_single_for_device(dev, dmaAddr(address + BigInt(offset)), size, dir);

/** `dma_sync_single_for_cpu` of a mapped list; `nelems` is what `dma_map_sg` was given. */
export const dma_sync_sg_for_cpu = (
  dev: StructDevice,
  sg: Scatterlist,
  nelems: number,
  dir: DmaDataDirection,
): void => {
  checkDirection('dma_sync_sg_for_cpu', dir);
  if (dev.kernel.trace.active) traceSyncSg(dev, 'dma-sync-for-cpu', sg.address, nelems, dir);
};

/** `dma_sync_single_for_device` of a mapped list; `nelems` is what `dma_map_sg` was given. */
export const dma_sync_sg_for_device = (
  dev: StructDevice,
  sg: Scatterlist,
  nelems: number,
  dir: DmaDataDirection,
): void => {
  checkDirection('dma_sync_sg_for_device', dir);
  if (dev.kernel.trace.active) traceSyncSg(dev, 'dma-sync-for-device', sg.address, nelems, dir);
};

/** `dma_sync_sg_for_cpu` of a whole table. */
export const dma_sync_sgtable_for_cpu = (dev: StructDevice, sgt: SgTable, dir: DmaDataDirection): void =>
  dma_sync_sg_for_cpu(dev, sgt.sgl!, sgt.orig_nents, dir);

/** `dma_sync_sg_for_device` of a whole table. */
export const dma_sync_sgtable_for_device = (dev: StructDevice, sgt: SgTable, dir: DmaDataDirection): void =>
  dma_sync_sg_for_device(dev, sgt.sgl!, sgt.orig_nents, dir);
