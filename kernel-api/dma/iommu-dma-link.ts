import { dmaAddr, dmaAddrOf, dmaOffsetOf, dmaPageOf, PAGE_SIZE, type DmaAddr, type PhysAddr } from '../../base/address';
import { EINVAL, EIO, ENOMEM, EOPNOTSUPP, EPERM } from '../../base/errno';
import { hex } from '../../base/u64';
import type { StructDevice } from '../base/struct-device';
import { IotlbGather } from '../iommu/iotlb-gather';
import { dma_set_master } from './admission';
import { arch_sync_dma_for_cpu, arch_sync_dma_for_device } from './arch-sync';
import { DMA_ATTR_MMIO, DMA_ATTR_REQUIRE_COHERENT, DMA_ATTR_SKIP_CPU_SYNC, type DmaAttrs } from './attrs';
import type { DmaDataDirection } from './direction';
import { traceMap, traceUnmap } from './dma-trace';
import { allocIova, iommuToPhysical, protectionOf } from './iommu-dma';
import { dev_use_swiotlb, isUnaligned, mapSwiotlb } from './iommu-dma-bounce';
import { swiotlb_tbl_unmap_single } from './swiotlb/map-single';

/**
 * Mapping in two steps (`dma_iova_*` of `include/linux/dma-mapping.h` and `drivers/iommu/dma-iommu.c`): a driver takes a
 * range of I/O addresses for a transfer and links memory into it piece by piece, without a list. Only behind an IOMMU;
 * where `dma_iova_try_alloc` says no, `dma_map_phys` is the way.
 */

/** A range of I/O addresses (`struct dma_iova_state`). Of drivers' interest is whether it is in use, and `addr`. */
export class DmaIovaState {
  /** Where the range begins: the address for the device. */
  addr: DmaAddr = dmaAddr(0);
  /** Its length in bytes; 0 while it is not in use. */
  __size = 0;
  /** Some of it is bounced (`DMA_IOVA_USE_SWIOTLB`). */
  __swiotlb = false;
}

/** Whether the range is in use, so that the driver has to link and unlink instead of map and unmap. */
export const dma_use_iova = (state: DmaIovaState): boolean => state.__size !== 0;

/** Its length in bytes. */
export const dma_iova_size = (state: DmaIovaState): number => state.__size;

const MMIO_OR_SKIPPED = DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_MMIO;
const TOO_LARGE = 2 ** 63;

const inPage = (address: number): number => address & (PAGE_SIZE - 1);
const pagesOf = (offset: number, size: number): number => Math.ceil((offset + size) / PAGE_SIZE);
const advance = (address: DmaAddr, bytes: number): DmaAddr => dmaAddr(address + BigInt(bytes));

/** Whether the caches have to be looked after. */
const isCached = (dev: StructDevice, attrs: DmaAttrs): boolean =>
  !dev.dma.dma_coherent && (attrs & MMIO_OR_SKIPPED) === 0;

/**
 * Takes a range for `size` bytes. Of the physical address only the offset in the page counts.
 * @returns false if the device is not behind an IOMMU, or there is no room: use `dma_map_phys` then
 */
export const dma_iova_try_alloc = (dev: StructDevice, state: DmaIovaState, phys: PhysAddr, size: number): boolean => {
  state.addr = dmaAddr(0);
  state.__size = 0;
  state.__swiotlb = false;
  if (dev.dma.iommu === null) return false;
  if (size === 0 || size >= TOO_LARGE) {
    dev.kernel.dma.warnOnce('dma_iova_try_alloc', `${dev.name}: a range of ${size} bytes`);
    return false;
  }
  const offset = inPage(phys);
  const page = allocIova(dev, pagesOf(offset, size), dev.dma.iovaLimit);
  if (page === 0) return false;
  dma_set_master(dev);
  state.addr = dmaAddrOf(page, offset);
  state.__size = size;
  return true;
};

/** Gives a range back of which nothing is linked any more. */
export const dma_iova_free = (dev: StructDevice, state: DmaIovaState): void => {
  const { iovad } = dev.dma.iommu!;
  iovad.freeFast(dmaPageOf(state.addr), pagesOf(dmaOffsetOf(state.addr), dma_iova_size(state)));
};

/** `__dma_iova_link`: page boundaries at both ends, or `-EINVAL`. */
const link = (
  dev: StructDevice,
  address: DmaAddr,
  phys: number,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): number => {
  if (isCached(dev, attrs)) arch_sync_dma_for_device(dev.kernel, phys, size, dir);
  if ((dmaOffsetOf(address) | inPage(phys) | inPage(size)) !== 0) {
    dev.kernel.log.error({ iova: hex(address), paddr: hex(phys), size }, 'iommu_map: unaligned');
    return -EINVAL;
  }
  const prot = protectionOf(dev, dir, attrs);
  return dev.dma.iommu!.domain.mapPages(dmaPageOf(address), phys / PAGE_SIZE, size / PAGE_SIZE, prot);
};

/** `iommu_dma_iova_bounce_and_link`: part of a page, in a page of the bounce buffers. */
const bounceAndLink = (
  dev: StructDevice,
  address: DmaAddr,
  phys: number,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): number => {
  const place = mapSwiotlb(dev, phys, size, dir, attrs);
  if (place < 0) return -ENOMEM;
  const before = inPage(phys);
  const error = link(dev, advance(address, -before), place - before, PAGE_SIZE, dir, attrs);
  if (error !== 0) swiotlb_tbl_unmap_single(dev, place, size, dir, attrs);
  return error;
};

/** The three parts of a buffer that begins or ends inside a page, in bytes. */
const splitAtPages = (phys: number, size: number): { head: number; middle: number; tail: number } => {
  const before = inPage(phys);
  const head = before === 0 ? 0 : Math.min(size, PAGE_SIZE - before);
  const tail = size > head ? inPage(phys + size) : 0;
  return { head, middle: size - head - tail, tail };
};

/** `iommu_dma_iova_link_swiotlb`: what is less than a page, at the beginning and at the end, is bounced. */
const linkBounced = (
  dev: StructDevice,
  state: DmaIovaState,
  phys: number,
  offset: number,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): number => {
  const { head, middle, tail } = splitAtPages(phys, size);
  const address = advance(state.addr, offset);
  let mapped = head;
  let error = head > 0 ? bounceAndLink(dev, address, phys, head, dir, attrs) : 0;
  if (error !== 0) return error;
  if (head > 0) state.__swiotlb = true;
  if (middle > 0) {
    error = link(dev, advance(address, mapped), phys + mapped, middle, dir, attrs);
    if (error === 0) mapped += middle;
  }
  if (error === 0 && tail > 0) {
    error = bounceAndLink(dev, advance(address, mapped), phys + mapped, tail, dir, attrs);
    if (error === 0) state.__swiotlb = true;
  }
  if (error !== 0 && mapped > 0) dma_iova_unlink(dev, state, offset, mapped, dir, attrs);
  return error;
};

/**
 * Links memory into a range, at an offset that is a multiple of the page size unless the memory is the first. Nothing of it
 * is to be used by the device before `dma_iova_sync`.
 * @returns 0; `-EIO` (an offset, and memory that does not begin with a page); `-EOPNOTSUPP` (`DMA_ATTR_REQUIRE_COHERENT`);
 *   `-EPERM` (it would have to be bounced, and must not be); `-ENOMEM`, `-EADDRINUSE`, `-EINVAL` (alignment)
 */
export const dma_iova_link = (
  dev: StructDevice,
  state: DmaIovaState,
  phys: PhysAddr,
  offset: number,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): number => {
  const before = inPage(phys);
  if (before !== 0 && offset > 0) {
    dev.kernel.dma.warnOnce('dma_iova_link', `${dev.name}: memory at ${hex(phys)} at an offset of ${offset}`);
    return -EIO;
  }
  const mustBeCoherent = (attrs & DMA_ATTR_REQUIRE_COHERENT) !== 0;
  if (mustBeCoherent && (state.__swiotlb || !dev.dma.dma_coherent)) {
    if (state.__swiotlb) dev.kernel.dma.warnOnce('dma_iova_link coherent', `${dev.name}: the range is bounced in part`);
    return -EOPNOTSUPP;
  }
  const mustBounce = isUnaligned(phys, size) && dev_use_swiotlb(dev, size, dir);
  if (mustBounce && (mustBeCoherent || (attrs & DMA_ATTR_MMIO) !== 0)) return -EPERM;
  const bytes = pagesOf(before, size) * PAGE_SIZE;
  const error = mustBounce
    ? linkBounced(dev, state, phys, offset, size, dir, attrs)
    : link(dev, advance(state.addr, offset - before), phys - before, bytes, dir, attrs);
  if (error === 0 && dev.kernel.trace.active) {
    traceMap(dev, 'iova', phys, advance(state.addr, offset), size, dir, attrs);
  }
  return error;
};

/** Makes what was linked since the last time ready for the device. There is nothing to wait for on RISC-V. @returns 0 */
export const dma_iova_sync = (_dev: StructDevice, _state: DmaIovaState, _offset: number, _size: number): number => 0;

/** Takes back what caches and bounce buffers have of a range, page by page (`iommu_dma_iova_unlink_range_slow`). */
const takeBack = (dev: StructDevice, first: DmaAddr, size: number, dir: DmaDataDirection, attrs: DmaAttrs): void => {
  let address = first;
  for (let left = size; left > 0;) {
    const phys = iommuToPhysical(dev, address);
    if (phys <= 0) {
      dev.kernel.warn('iommu_dma_iova_unlink_range_slow', `${dev.name}: ${hex(address)} is not mapped`);
      return;
    }
    const bytes = Math.min(left, PAGE_SIZE - dmaOffsetOf(address));
    if (isCached(dev, attrs)) arch_sync_dma_for_cpu(dev.kernel, phys, bytes, dir);
    swiotlb_tbl_unmap_single(dev, phys, bytes, dir, attrs);
    address = advance(address, bytes);
    left -= bytes;
  }
};

/** `__iommu_dma_iova_unlink`. Only a range that is freed with it can be left to the flush queue. */
const unlink = (
  dev: StructDevice,
  state: DmaIovaState,
  offset: number,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
  andFree: boolean,
): void => {
  const { domain, iovad, queue } = dev.dma.iommu!;
  const address = advance(state.addr, offset);
  if (dev.kernel.trace.active) traceUnmap(dev, 'iova', address, size, dir, attrs);
  if (state.__swiotlb || isCached(dev, attrs)) takeBack(dev, address, size, dir, attrs);
  const page = dmaPageOf(address);
  const count = pagesOf(dmaOffsetOf(address), size);
  const gather = new IotlbGather();
  const lazily = andFree ? queue : null;
  gather.queued = lazily !== null;
  const unmapped = domain.unmapPages(page, count, gather);
  if (unmapped !== count) {
    dev.kernel.warn('__iommu_dma_iova_unlink', `${dev.name}: of ${count} pages ${unmapped} were linked`);
  }
  if (lazily !== null) {
    lazily.add(page, count, gather.freelist);
    return;
  }
  domain.iotlbSync(gather);
  if (andFree) iovad.freeFast(page, count);
};

/** Undoes `dma_iova_link` of part of a range, and waits until the IOMMU has forgotten it. */
export const dma_iova_unlink = (
  dev: StructDevice,
  state: DmaIovaState,
  offset: number,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): void => unlink(dev, state, offset, size, dir, attrs, false);

/**
 * Unlinks the first `mappedLength` bytes of a range, which are all that is linked of it, and gives the range back. As in
 * Linux it goes back as if it were as long as what was linked: in the caches of addresses it then counts as a shorter one.
 */
export const dma_iova_destroy = (
  dev: StructDevice,
  state: DmaIovaState,
  mappedLength: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): void => {
  if (mappedLength > 0) unlink(dev, state, 0, mappedLength, dir, attrs, true);
  else dma_iova_free(dev, state);
};
