export { formatCode, PrototypeEngine } from './prototype';
export type { PrototypeOptions, PrototypeParameters } from './options';
export type { QueueStatistics } from './statistics';
export type { StreamPort } from './stream/stream-port';
export { patternByte as prototypePatternByte } from './stream/pattern';
