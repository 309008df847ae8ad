import { dmaAddrOf, pageOf, physAddr, type DmaAddr } from '../../../base/address';
import type { StructDevice } from '../../base/struct-device';
import type { Kernel } from '../../kernel';
import { arch_sync_dma_for_device } from '../arch-sync';
import { DMA_ATTR_SKIP_CPU_SYNC, type DmaAttrs } from '../attrs';
import type { DmaDataDirection } from '../direction';
import { DMA_MAPPING_ERROR } from '../dma-address';
import { dma_get_min_align_mask } from '../segments';
import { __swiotlb_tbl_unmap_single, ioTlbMemOf, swiotlb_tbl_map_single } from './map-single';
import { IO_TLB_SEGSIZE, IO_TLB_SIZE } from './slots';

/** Bounce buffers for devices that are mapped directly, and what the rest of the kernel asks of swiotlb. */

/** Whether everything is bounced for the device. */
export const is_swiotlb_force_bounce = (dev: StructDevice): boolean => ioTlbMemOf(dev).force_bounce;
/** Whether the device has memory to bounce in. */
export const is_swiotlb_active = (dev: StructDevice): boolean => ioTlbMemOf(dev).nslabs !== 0;
/** Whether there is a default pool. */
export const is_swiotlb_allocated = (kernel: Kernel): boolean => kernel.dma.swiotlb.defaultMem.nslabs !== 0;
/** Whether the device's coherent memory comes from its pool as well. */
export const is_swiotlb_for_alloc = (dev: StructDevice): boolean => ioTlbMemOf(dev).for_alloc;

/** The largest mapping that a bounce buffer has room for, in bytes: a segment, without what alignment may cost. */
export const swiotlb_max_mapping_size = (dev: StructDevice): number =>
  IO_TLB_SIZE * IO_TLB_SEGSIZE - Math.ceil(dma_get_min_align_mask(dev) / IO_TLB_SIZE) * IO_TLB_SIZE;

const overflow = (dev: StructDevice, address: DmaAddr, size: number): void => {
  const { dma_mask, bus_dma_limit } = dev.dma;
  dev.kernel.dma.warnOnce(
    'swiotlb_map',
    `${dev.name}: swiotlb addr 0x${address.toString(16).padStart(16, '0')}+${size} overflow ` +
      `(mask ${(dma_mask ?? 0n).toString(16)}, bus limit ${bus_dma_limit.toString(16)}).`,
  );
};

/**
 * Maps a buffer by way of a bounce buffer. Only the physical address of the bounce buffer is returned, for callers that
 * write it in halves. @returns -1 if there is no room, or if the device cannot reach the pool
 */
export const mapBounced = (
  dev: StructDevice,
  phys: number,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): number => {
  const { kernel } = dev;
  if (kernel.trace.active)
    kernel.trace.emit({ type: 'swiotlb-bounced', device: dev.name, physical: physAddr(phys), length: size });
  const tlbAddr = swiotlb_tbl_map_single(dev, phys, size, 0, dir, attrs);
  if (tlbAddr < 0) return -1;
  const map = dev.dma.dma_range_map;
  const page = map === null ? pageOf(tlbAddr) : map.toDmaPage(tlbAddr);
  const offset = map === null ? tlbAddr & 0xfff : map.offset;
  if (page < 0 || !dev.dma.limit.covers(page, offset, size)) {
    const pool = ioTlbMemOf(dev).defpool!;
    __swiotlb_tbl_unmap_single(dev, tlbAddr, size, dir, attrs | DMA_ATTR_SKIP_CPU_SYNC, pool);
    overflow(dev, page < 0 ? DMA_MAPPING_ERROR : dmaAddrOf(page, offset), size);
    return -1;
  }
  if (!dev.dma.dma_coherent && (attrs & DMA_ATTR_SKIP_CPU_SYNC) === 0) {
    arch_sync_dma_for_device(kernel, tlbAddr, size, dir);
  }
  return tlbAddr;
};

/** Maps a buffer by way of a bounce buffer (`swiotlb_map`). `DMA_MAPPING_ERROR` if that cannot be. */
export const swiotlb_map = (
  dev: StructDevice,
  phys: number,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): DmaAddr => {
  const tlbAddr = mapBounced(dev, phys, size, dir, attrs);
  if (tlbAddr < 0) return DMA_MAPPING_ERROR;
  const map = dev.dma.dma_range_map;
  if (map === null) return BigInt(tlbAddr) as DmaAddr;
  const page = map.toDmaPage(tlbAddr);
  return dmaAddrOf(page, map.offset);
};
