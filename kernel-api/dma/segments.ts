import type { StructDevice } from '../base/struct-device';

/** `dma_get_seg_boundary` where the device sets none: ULONG_MAX. */
const NO_BOUNDARY = (1n << 64n) - 1n;
const DEFAULT_MAX_SEGMENT = 0x1_0000;

const withoutParameters = (dev: StructDevice, where: string): void =>
  dev.kernel.dma.warnOnce(where, `${dev.name}: the device has no dma_parms`);

/** The longest segment that the device takes, in bytes; 64 KiB unless its driver said otherwise. */
export const dma_get_max_seg_size = (dev: StructDevice): number => {
  const { dma_parms } = dev.dma;
  return dma_parms !== null && dma_parms.max_segment_size !== 0 ? dma_parms.max_segment_size : DEFAULT_MAX_SEGMENT;
};

/** Sets the longest segment that the device takes, in bytes: an unsigned int. */
export const dma_set_max_seg_size = (dev: StructDevice, size: number): void => {
  if (dev.dma.dma_parms === null) withoutParameters(dev, 'dma_set_max_seg_size');
  else dev.dma.dma_parms.max_segment_size = size >>> 0;
};

/** The mask of the boundary that a segment must not cross; all ones if there is none. */
export const dma_get_seg_boundary = (dev: StructDevice): bigint => {
  const { dma_parms } = dev.dma;
  return dma_parms !== null && dma_parms.segment_boundary_mask !== 0n ? dma_parms.segment_boundary_mask : NO_BOUNDARY;
};

/**
 * Sets the boundary that a segment must not cross. A mask that is not a power of two minus one, for which Linux follows a
 * NULL pointer when it maps, is refused with a warning.
 */
export const dma_set_seg_boundary = (dev: StructDevice, mask: bigint): void => {
  if (dev.dma.dma_parms === null) withoutParameters(dev, 'dma_set_seg_boundary');
  else if ((mask & (mask + 1n)) === 0n) dev.dma.dma_parms.segment_boundary_mask = BigInt.asUintN(64, mask);
  else {
    dev.kernel.warn('dma_set_seg_boundary', `${dev.name}: 0x${mask.toString(16)} is not a power of two minus one`);
  }
};

/** The boundary in pages of an IOMMU, of which `page_shift` is the logarithm: the mask in pages, plus one. */
export const dma_get_seg_boundary_nr_pages = (dev: StructDevice | null, page_shift: number): bigint => {
  const mask = dev === null ? 0xffff_ffffn : dma_get_seg_boundary(dev);
  return BigInt.asUintN(64, (mask >> BigInt(page_shift)) + 1n);
};

/** The boundary itself, in bytes: the mask plus one, exact because it is a power of two. */
export const segmentBoundary = (dev: StructDevice): number => {
  const { dma_parms } = dev.dma;
  const mask = dma_parms === null ? 0n : dma_parms.segment_boundary_mask;
  return mask === 0n ? 2 ** 64 : Number(mask) + 1;
};

/** The address bits of a buffer that a mapping has to preserve for the device. */
export const dma_get_min_align_mask = (dev: StructDevice): number => dev.dma.dma_parms?.min_align_mask ?? 0;

/** Sets the address bits of a buffer that a mapping has to preserve for the device. */
export const dma_set_min_align_mask = (dev: StructDevice, mask: number): void => {
  if (dev.dma.dma_parms === null) withoutParameters(dev, 'dma_set_min_align_mask');
  else dev.dma.dma_parms.min_align_mask = mask >>> 0;
};
