/**
 * The DMA abstractions of Asterinas' OSTD (`ostd/src/mm/dma/`) in TypeScript. docs/ostd.md shows both side by side.
 */
export { FromAndToDevice, FromDevice, ToDevice, type DmaDirection } from './direction';
export type { FromDeviceDirection, ToDeviceDirection } from './direction';
export { DmaCoherent } from './dma-coherent';
export { DmaStream } from './dma-stream';
export { OstdError, type OstdErrorKind } from './error';
export { FrameAllocOptions, USegment } from './segment';
export type { StreamShape } from './stream-memory';
export { VmIo } from './vm-io';
export { VmReader, VmWriter, type PodOnceLayout } from './vm-reader-writer';
