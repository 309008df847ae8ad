import { BUG_ON } from '../oops';

/**
 * Which way the data of a mapping moves (`include/linux/dma-direction.h`): seen from memory, so that "to device" is what
 * the device reads.
 */
export type DmaDataDirection = 0 | 1 | 2 | 3;

export const DMA_BIDIRECTIONAL = 0;
export const DMA_TO_DEVICE = 1;
export const DMA_FROM_DEVICE = 2;
/** No data moves. Not a direction that a mapping may have. */
export const DMA_NONE = 3;

/** Whether a mapping may have this direction. */
export const valid_dma_direction = (direction: DmaDataDirection): boolean =>
  direction === DMA_BIDIRECTIONAL || direction === DMA_TO_DEVICE || direction === DMA_FROM_DEVICE;

/** The `BUG_ON` at the head of every mapping call. @throws KernelOops */
export const checkDirection = (where: string, direction: DmaDataDirection): void => {
  if (!valid_dma_direction(direction)) BUG_ON(true, `${where}: ${direction} is not a DMA direction that data moves in`);
};
