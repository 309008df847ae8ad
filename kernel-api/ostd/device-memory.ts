import { PAGE_SIZE } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { DmaLimit } from '../dma/dma-limit';
import { is_swiotlb_for_alloc } from '../dma/swiotlb/swiotlb-map';
import { __GFP_DMA, __GFP_DMA32, GFP_KERNEL } from '../gfp';
import { isReachable } from './device-window';
import { OstdError } from './error';
import { USegment } from './segment';

/**
 * Allocates frames that a device can reach: from any zone, and if those are out of reach from lower ones.
 * @throws OstdError `InvalidArgs` for none; `NoMemory`; `AccessDenied`: the device reaches nothing but a pool of its own
 */
export const allocForDevice = (dev: StructDevice, nframes: number, limit: DmaLimit): USegment => {
  if (is_swiotlb_for_alloc(dev)) {
    throw new OstdError('AccessDenied', `${dev.name} reaches nothing but its restricted pool`);
  }
  for (const zone of [0, __GFP_DMA32, __GFP_DMA]) {
    const segment = USegment.allocate(dev.kernel, nframes, GFP_KERNEL | zone);
    if (isReachable(dev, segment.paddr() / PAGE_SIZE, nframes, limit)) return segment;
    segment.drop();
  }
  throw new OstdError('NoMemory', `no ${nframes} contiguous frames in reach of ${dev.name}`);
};
