export { StreamFifo } from './stream-fifo';
export type { StreamFifoOptions, StreamFifoParameters } from './options';
export { patternBytes, streamChecksum } from './pattern';
