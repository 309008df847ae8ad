/** The driver's side of queues of any declared format. */
export { DescriptorQueue } from './descriptor-queue';
export { queueLayout, type QueueLayout, type QueueSize } from './layout';
export type { PostOptions } from './post';
export type { Prepare } from './entry-writer';
export type { Finished, Posted, Refused, RequestPiece, SharedMemory } from './request';
