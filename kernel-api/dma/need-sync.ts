import type { DmaAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';

/**
 * Whether mappings of a device need syncs (CONFIG_DMA_NEED_SYNC). A device that snoops needs none until one of its buffers
 * is bounced; from then on every sync has to be looked at.
 */

/** To be called when the mask is set, or a back end chosen (`dma_setup_need_sync`). Both back ends go by coherence alone. */
export const dma_setup_need_sync = (dev: StructDevice): void => {
  dev.dma.dma_skip_sync = dev.dma.dma_coherent;
};

/** A buffer was bounced: no more shortcuts (`dma_reset_need_sync`). */
export const dma_reset_need_sync = (dev: StructDevice): void => {
  dev.dma.dma_skip_sync = false;
};

/** Whether syncs of the device have to be looked at one by one. */
export const dma_dev_need_sync = (dev: StructDevice): boolean => !dev.dma.dma_skip_sync;

/** Whether this mapping needs `dma_sync_*`; if not, a driver may leave the calls out. */
export const dma_need_sync = (dev: StructDevice, address: DmaAddr): boolean =>
  !dev.dma.dma_skip_sync && dev.dma.ops.needSync(dev, address);

/** Whether mappings of the device have to be unmapped. To be asked after they were made. */
export const dma_need_unmap = (dev: StructDevice): boolean => dev.dma.ops.name !== 'direct' || !dev.dma.dma_skip_sync;
