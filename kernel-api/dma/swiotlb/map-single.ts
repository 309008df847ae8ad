import { pageOf } from '../../../base/address';
import { hex } from '../../../base/u64';
import { dev_warn } from '../../base/dev-printk';
import type { StructDevice } from '../../base/struct-device';
import { BUG_ON } from '../../oops';
import { DMA_ATTR_NO_WARN, DMA_ATTR_SKIP_CPU_SYNC, type DmaAttrs } from '../attrs';
import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE, type DmaDataDirection } from '../direction';
import { dma_get_min_align_mask, segmentBoundary } from '../segments';
import { swiotlb_bounce } from './bounce';
import type { IoTlbMem } from './io-tlb-mem';
import type { IoTlbPool, SlotRequest } from './io-tlb-pool';
import type { RateLimit } from './rate-limit';
import { IO_TLB_SIZE, nrSlots } from './slots';

/** Bounce buffers for single ranges of memory (`kernel/dma/swiotlb.c`), by their physical address in the pool. */

/** What `swiotlb_tbl_map_single` returns when it fails: `DMA_MAPPING_ERROR` for a physical address. */
export const TBL_MAPPING_ERROR = -1;

/** The memory that a device bounces in (`dev->dma_io_tlb_mem`). */
export const ioTlbMemOf = (dev: StructDevice): IoTlbMem => dev.dma.dma_io_tlb_mem ?? dev.kernel.dma.swiotlb.defaultMem;

/** The pool that a physical address lies in, among those of the device; NULL if in none. */
export const swiotlb_find_pool = (dev: StructDevice, phys: number): IoTlbPool | null => {
  const pool = ioTlbMemOf(dev).defpool;
  return pool !== null && pool.has(phys) ? pool : null;
};

/** Whether a physical address is in one of the device's bounce buffers. */
export const is_swiotlb_buffer = (dev: StructDevice, phys: number): boolean => swiotlb_find_pool(dev, phys) !== null;

const limited = (dev: StructDevice, limit: RateLimit, message: string): void => {
  const resume = (missed: number): void => dev_warn(dev, `${missed} callbacks suppressed`);
  if (limit.allows(dev.kernel.cpu.now, resume)) dev_warn(dev, message);
};

/** How the device sees the pool: a first address that it does not see at all is all ones, and matches no request. */
const placePool = (dev: StructDevice, pool: IoTlbPool, request: SlotRequest): void => {
  const boundary = segmentBoundary(dev);
  const map = dev.dma.dma_range_map;
  const page = map === null ? pageOf(pool.start) : map.toDmaPage(pool.start);
  const offset = map === null || page < 0 ? 0 : map.offset;
  request.maxSlots = Math.max(boundary / IO_TLB_SIZE, 1);
  const address = (page % 0x10_0000) * 4096 + offset;
  request.dmaLow = page < 0 ? -1 : boundary >= 2 ** 32 ? address : address % boundary;
  request.dmaSlots = page < 0 ? 0 : (page * 2 + nrSlots(offset)) % request.maxSlots;
};

/** Takes slots for a device. @returns the first one, or -1 */
export const findSlots = (
  dev: StructDevice,
  pool: IoTlbPool,
  origAddr: number,
  allocSize: number,
  allocAlignMask: number,
): number => {
  const { request } = dev.kernel.dma.swiotlb;
  request.origAddr = origAddr;
  request.allocSize = allocSize;
  request.allocAlignMask = allocAlignMask;
  request.minAlignMask = dma_get_min_align_mask(dev);
  placePool(dev, pool, request);
  const slot = pool.find(request);
  if (slot < 0) return -1;
  ioTlbMemOf(dev).count(pool.heads[slot]!);
  dev.dma.dma_uses_io_tlb = true;
  return slot;
};

const absent = (dev: StructDevice): number => {
  const { absentLimit } = dev.kernel.dma.swiotlb;
  limited(dev, absentLimit, 'needs a bounce buffer, and there is no memory for them');
  return TBL_MAPPING_ERROR;
};

const full = (dev: StructDevice, size: number, attrs: DmaAttrs): number => {
  const { nslabs, used } = ioTlbMemOf(dev);
  if ((attrs & DMA_ATTR_NO_WARN) === 0) {
    const message = `swiotlb buffer is full (sz: ${size} bytes), total ${nslabs} (slots), used ${used} (slots)`;
    limited(dev, dev.kernel.dma.swiotlb.fullLimit, message);
  }
  return TBL_MAPPING_ERROR;
};

/**
 * Finds a bounce buffer for `mappingSize` bytes at a physical address, and copies them into it, whatever the direction:
 * what the device does not write has to come back as it was. The bits of the address that the device's `min_align_mask`
 * covers are preserved.
 *
 * @param allocAlignMask start and end of what is allocated are aligned to this plus one
 * @returns the physical address of the bounce buffer; -1 if there is no room
 */
export const swiotlb_tbl_map_single = (
  dev: StructDevice,
  origAddr: number,
  mappingSize: number,
  allocAlignMask: number,
  _dir: DmaDataDirection,
  attrs: DmaAttrs,
): number => {
  const { defpool: pool } = ioTlbMemOf(dev);
  if (pool === null) return absent(dev);
  dev.kernel.dma.swiotlb.tellEncryption();
  BUG_ON(mappingSize === 0, 'swiotlb_tbl_map_single: a mapping of no bytes');
  if (allocAlignMask > 4095) {
    const message = 'with such an alignment the largest mappings may find no room';
    dev.kernel.dma.warnOnce('swiotlb_tbl_map_single', `${dev.name}: ${message}`);
  }
  const offset = origAddr & dma_get_min_align_mask(dev) & (allocAlignMask | (IO_TLB_SIZE - 1));
  const size = Math.ceil((mappingSize + offset) / (allocAlignMask + 1)) * (allocAlignMask + 1);
  const first = findSlots(dev, pool, origAddr, size, allocAlignMask);
  if (first < 0) return full(dev, size, attrs);
  // From now on the device's mappings have to be synced, even if it is coherent.
  dev.dma.dma_skip_sync = false;
  const head = pool.assign(first, Math.floor(offset / IO_TLB_SIZE), origAddr);
  const tlbAddr = pool.addressOf(head) + (offset & (IO_TLB_SIZE - 1));
  swiotlb_bounce(dev, tlbAddr, mappingSize, true, pool);
  return tlbAddr;
};

/** Gives the slots of a mapping back. What is no mapping, or not its beginning, is a warning and changes nothing. */
export const releaseSlots = (dev: StructDevice, tlbAddr: number, pool: IoTlbPool): void => {
  const slots = pool.release(pool.slotAt(tlbAddr));
  if (slots > 0) ioTlbMemOf(dev).used -= slots;
  else dev.kernel.warn('swiotlb_release_slots', `${dev.name}: no bounce buffer begins at ${hex(tlbAddr)}`);
};

/** `swiotlb_tbl_unmap_single` for an address that lies in the pool. */
export const __swiotlb_tbl_unmap_single = (
  dev: StructDevice,
  tlbAddr: number,
  mappingSize: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
  pool: IoTlbPool,
): void => {
  const back = dir === DMA_FROM_DEVICE || dir === DMA_BIDIRECTIONAL;
  if (back && (attrs & DMA_ATTR_SKIP_CPU_SYNC) === 0) swiotlb_bounce(dev, tlbAddr, mappingSize, false, pool);
  releaseSlots(dev, tlbAddr, pool);
};

/** Copies back what the device wrote, unless told not to, and gives the bounce buffer back. Nothing if it is none. */
export const swiotlb_tbl_unmap_single = (
  dev: StructDevice,
  tlbAddr: number,
  mappingSize: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): void => {
  const pool = swiotlb_find_pool(dev, tlbAddr);
  if (pool !== null) __swiotlb_tbl_unmap_single(dev, tlbAddr, mappingSize, dir, attrs, pool);
};

/** A sync of slots that nobody has is a mistake; those of coherent memory stand in for nothing, and are left alone. */
const isTaken = (dev: StructDevice, tlbAddr: number, pool: IoTlbPool): boolean => {
  if (!pool.areFree(pool.slotAt(tlbAddr), 1)) return true;
  dev.kernel.warn('swiotlb_sync_single', `${dev.name}: no bounce buffer is mapped at ${hex(tlbAddr)}`);
  return false;
};

/** Copies part of a mapping to the bounce buffer, if the device may read it. Nothing if the address is in none. */
export const swiotlb_sync_single_for_device = (
  dev: StructDevice,
  tlbAddr: number,
  size: number,
  dir: DmaDataDirection,
): void => {
  const pool = swiotlb_find_pool(dev, tlbAddr);
  if (pool === null || !isTaken(dev, tlbAddr, pool)) return;
  if (dir === DMA_TO_DEVICE || dir === DMA_BIDIRECTIONAL) swiotlb_bounce(dev, tlbAddr, size, true, pool);
  else BUG_ON(dir !== DMA_FROM_DEVICE, 'swiotlb_sync_single_for_device: DMA_NONE');
};

/** Copies part of the bounce buffer back to the buffer, if the device may write it. Nothing if the address is in none. */
export const swiotlb_sync_single_for_cpu = (
  dev: StructDevice,
  tlbAddr: number,
  size: number,
  dir: DmaDataDirection,
): void => {
  const pool = swiotlb_find_pool(dev, tlbAddr);
  if (pool === null || !isTaken(dev, tlbAddr, pool)) return;
  if (dir === DMA_FROM_DEVICE || dir === DMA_BIDIRECTIONAL) swiotlb_bounce(dev, tlbAddr, size, false, pool);
  else BUG_ON(dir !== DMA_TO_DEVICE, 'swiotlb_sync_single_for_cpu: DMA_NONE');
};
