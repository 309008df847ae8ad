import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_NONE, DMA_TO_DEVICE, type DmaDataDirection } from '../dma/direction';

declare const brand: unique symbol;

/** Which way data moves. It can be used where the C-style API wants a direction; a bare number is no `DataDirection`. */
export type DataDirection = DmaDataDirection & { readonly [brand]: 'DataDirection' };

/** The directions, as the memory sees them. */
export const DataDirection = {
  /** Device and CPU both read and write. */
  Bidirectional: DMA_BIDIRECTIONAL as DataDirection,
  /** The CPU has written, the device reads. */
  ToDevice: DMA_TO_DEVICE as DataDirection,
  /** The device writes, the CPU will read. */
  FromDevice: DMA_FROM_DEVICE as DataDirection,
  /** No data moves: for debugging. Nothing can be mapped so. */
  None: DMA_NONE as DataDirection,
} as const;
