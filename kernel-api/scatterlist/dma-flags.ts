import { SG_DMA_BUS_ADDRESS, SG_DMA_SWIOTLB } from './layout';
import type { Scatterlist } from './scatterlist';

/** The marks that a mapping leaves in `dma_flags`, for the unmapping. Not for drivers. */

/** Whether the segment is an address on the bus, of another device: there is nothing to unmap. */
export const sg_dma_is_bus_address = (sg: Scatterlist): boolean => (sg.dma_flags & SG_DMA_BUS_ADDRESS) !== 0;

export const sg_dma_mark_bus_address = (sg: Scatterlist): void => {
  sg.dma_flags |= SG_DMA_BUS_ADDRESS;
};

export const sg_dma_unmark_bus_address = (sg: Scatterlist): void => {
  sg.dma_flags = (sg.dma_flags & ~SG_DMA_BUS_ADDRESS) >>> 0;
};

/** Whether entries of the list may be bounced. On the first entry it stands for all of them. */
export const sg_dma_is_swiotlb = (sg: Scatterlist): boolean => (sg.dma_flags & SG_DMA_SWIOTLB) !== 0;

export const sg_dma_mark_swiotlb = (sg: Scatterlist): void => {
  sg.dma_flags |= SG_DMA_SWIOTLB;
};
