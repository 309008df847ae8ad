import { dmaAddr, virtAddr, type DmaAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { Scatterlist } from '../scatterlist/scatterlist';
import type { SgTable } from '../scatterlist/sg-table';
import { checkCount, checkDmaAddr, checkSize } from './arguments';
import { checkDirection, type DmaDataDirection } from './direction';
import { traceSync, traceSyncSg } from './dma-trace';

/**
 * Handing a mapped buffer back and forth between CPU and device (`kernel/dma/mapping.c`). For a device whose mappings need
 * no syncs, nothing happens at all unless somebody follows the trace, who is told who owns the buffer in any case.
 */

/** Whether a sync has nothing to do and nobody to tell. */
const isSkipped = ({ dma, kernel }: StructDevice): boolean => dma.dma_skip_sync && !kernel.trace.active;

/** The CPU is about to read what the device wrote. */
export const dma_sync_single_for_cpu = (
  dev: StructDevice,
  address: DmaAddr,
  size: number,
  dir: DmaDataDirection,
): void => {
  if (isSkipped(dev)) return;
  checkDirection('dma_sync_single_for_cpu', dir);
  checkSize('dma_sync_single_for_cpu', size);
  checkDmaAddr('dma_sync_single_for_cpu', address);
  if (dev.kernel.trace.active) traceSync(dev, 'dma-sync-for-cpu', address, size, dir);
  if (!dev.dma.dma_skip_sync) dev.dma.ops.syncSingleForCpu(dev, address, size, dir);
};

/** The device is about to use what the CPU wrote. */
export const dma_sync_single_for_device = (
  dev: StructDevice,
  address: DmaAddr,
  size: number,
  dir: DmaDataDirection,
): void => {
  if (isSkipped(dev)) return;
  checkDirection('dma_sync_single_for_device', dir);
  checkSize('dma_sync_single_for_device', size);
  checkDmaAddr('dma_sync_single_for_device', address);
  if (dev.kernel.trace.active) traceSync(dev, 'dma-sync-for-device', address, size, dir);
  if (!dev.dma.dma_skip_sync) dev.dma.ops.syncSingleForDevice(dev, address, size, dir);
};

/** The address of a part of a mapping. */
const partOf = (where: string, address: DmaAddr, offset: number): DmaAddr => {
  checkDmaAddr(where, address);
  checkSize(where, offset);
  return dmaAddr(address + BigInt(offset));
};

/** `dma_sync_single_for_cpu` of a part of a mapping. */
export const dma_sync_single_range_for_cpu = (
  dev: StructDevice,
  address: DmaAddr,
  offset: number,
  size: number,
  dir: DmaDataDirection,
): void => {
  if (isSkipped(dev)) return;
  dma_sync_single_for_cpu(dev, partOf('dma_sync_single_range_for_cpu', address, offset), size, dir);
};

/** `dma_sync_single_for_device` of a part of a mapping. */
export const dma_sync_single_range_for_device = (
  dev: StructDevice,
  address: DmaAddr,
  offset: number,
  size: number,
  dir: DmaDataDirection,
): void => {
  if (isSkipped(dev)) return;
  dma_sync_single_for_device(dev, partOf('dma_sync_single_range_for_device', address, offset), size, dir);
};

/** `dma_sync_single_for_cpu` of a mapped list; `nelems` is what `dma_map_sg` was given. */
export const dma_sync_sg_for_cpu = (
  dev: StructDevice,
  sg: Scatterlist | null,
  nelems: number,
  dir: DmaDataDirection,
): void => {
  if (isSkipped(dev)) return;
  checkDirection('dma_sync_sg_for_cpu', dir);
  checkCount('dma_sync_sg_for_cpu', nelems);
  if (nelems <= 0) return;
  const sgl = sg?.address ?? virtAddr(0);
  if (dev.kernel.trace.active) traceSyncSg(dev, 'dma-sync-for-cpu', sgl, nelems, dir);
  if (!dev.dma.dma_skip_sync) dev.dma.ops.syncSgForCpu(dev, sgl, nelems, dir);
};

/** `dma_sync_single_for_device` of a mapped list; `nelems` is what `dma_map_sg` was given. */
export const dma_sync_sg_for_device = (
  dev: StructDevice,
  sg: Scatterlist | null,
  nelems: number,
  dir: DmaDataDirection,
): void => {
  if (isSkipped(dev)) return;
  checkDirection('dma_sync_sg_for_device', dir);
  checkCount('dma_sync_sg_for_device', nelems);
  if (nelems <= 0) return;
  const sgl = sg?.address ?? virtAddr(0);
  if (dev.kernel.trace.active) traceSyncSg(dev, 'dma-sync-for-device', sgl, nelems, dir);
  if (!dev.dma.dma_skip_sync) dev.dma.ops.syncSgForDevice(dev, sgl, nelems, dir);
};

/** `dma_sync_sg_for_cpu` of a whole table. */
export const dma_sync_sgtable_for_cpu = (dev: StructDevice, sgt: SgTable, dir: DmaDataDirection): void =>
  dma_sync_sg_for_cpu(dev, sgt.sgl, sgt.orig_nents, dir);

/** `dma_sync_sg_for_device` of a whole table. */
export const dma_sync_sgtable_for_device = (dev: StructDevice, sgt: SgTable, dir: DmaDataDirection): void =>
  dma_sync_sg_for_device(dev, sgt.sgl, sgt.orig_nents, dir);
