import type { DmaAddr } from '../../base/address';
import { EINVAL } from '../../base/errno';
import { dma_set_coherent_mask, dma_set_mask, dma_set_mask_and_coherent } from '../dma/mask';
import { dma_set_max_seg_size } from '../dma/segments';
import { checkBound, type Core, type Device } from './device';
import type { DmaMask } from './dma-mask';
import { KernelError, toResult } from './kernel-error';

/** An address as a device emits it (`dma_addr_t`). */
export type DmaAddress = DmaAddr;

/*
 * What a device can address: the methods of the trait `dma::Device`. They are for `probe`, before anything is allocated or
 * mapped; hence `Device<Core>`.
 */

/** Sets the mask of streaming mappings. @throws KernelError `EIO` if the device does no DMA, or not with so few bits */
export const dmaSetMask = (dev: Device<Core>, mask: DmaMask): void => {
  checkBound(dev, 'dmaSetMask');
  toResult(dma_set_mask(dev, mask.value()), 'dma_set_mask');
};

/** Sets the mask of coherent memory. @throws KernelError `EIO` */
export const dmaSetCoherentMask = (dev: Device<Core>, mask: DmaMask): void => {
  checkBound(dev, 'dmaSetCoherentMask');
  toResult(dma_set_coherent_mask(dev, mask.value()), 'dma_set_coherent_mask');
};

/** Sets both masks. @throws KernelError `EIO` */
export const dmaSetMaskAndCoherent = (dev: Device<Core>, mask: DmaMask): void => {
  checkBound(dev, 'dmaSetMaskAndCoherent');
  toResult(dma_set_mask_and_coherent(dev, mask.value()), 'dma_set_mask_and_coherent');
};

/** Sets the longest segment that the device takes, in bytes: a `u32`. */
export const dmaSetMaxSegSize = (dev: Device<Core>, size: number): void => {
  checkBound(dev, 'dmaSetMaxSegSize');
  if (size >>> 0 !== size) throw new KernelError(EINVAL, `${size} is no u32`);
  dma_set_max_seg_size(dev, size);
};
