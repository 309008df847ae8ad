import type { Register } from '../../emulator/registers/register';
import type { RegisterBlock } from '../../emulator/registers/register-block';
import type { FieldName } from '../../emulator/registers/spec';
import type { QueueSetup } from './setup';
import type { PrototypeBlockSpec } from './spec';

/** The registers that a queue works with. */
export interface QueueRegisters {
  readonly control: Register;
  readonly status: Register;
  readonly config: Register<FieldName<PrototypeBlockSpec, 'Q_CONFIG'>>;
  readonly size: Register;
  readonly base: Register;
  readonly heads: Register;
  readonly done: Register;
  readonly doneSize: Register;
  readonly doneHead: Register;
  readonly doorbell: Register;
  readonly index: Register;
  readonly doneTail: Register;
  readonly doneQueue: Register<FieldName<PrototypeBlockSpec, 'Q_DONE_QUEUE'>>;
  readonly intStatus: Register;
  readonly intEnable: Register;
  readonly coalesce: Register;
  readonly coalesceNs: Register;
  readonly error: Register<FieldName<PrototypeBlockSpec, 'Q_ERROR'>>;
  readonly errorIndex: Register;
  readonly errorAddress: Register;
  readonly current: Register;
  readonly requests: Register;
  readonly failures: Register;
  readonly stream: Register<FieldName<PrototypeBlockSpec, 'Q_STREAM'>>;
  readonly streamSeed: Register;
  readonly streamLength: Register;
}

/** Picks one queue's registers out of the block. */
export const queueRegisters = (block: RegisterBlock<PrototypeBlockSpec>, index: number): QueueRegisters => ({
  control: block.register('Q_CONTROL', index),
  status: block.register('Q_STATUS', index),
  config: block.register('Q_CONFIG', index),
  size: block.register('Q_SIZE', index),
  base: block.register('Q_BASE', index),
  heads: block.register('Q_HEADS', index),
  done: block.register('Q_DONE', index),
  doneSize: block.register('Q_DONE_SIZE', index),
  doneHead: block.register('Q_DONE_HEAD', index),
  doorbell: block.register('Q_DOORBELL', index),
  index: block.register('Q_INDEX', index),
  doneTail: block.register('Q_DONE_TAIL', index),
  doneQueue: block.register('Q_DONE_QUEUE', index),
  intStatus: block.register('Q_INT_STATUS', index),
  intEnable: block.register('Q_INT_ENABLE', index),
  coalesce: block.register('Q_COALESCE', index),
  coalesceNs: block.register('Q_COALESCE_NS', index),
  error: block.register('Q_ERROR', index),
  errorIndex: block.register('Q_ERROR_INDEX', index),
  errorAddress: block.register('Q_ERROR_ADDRESS', index),
  current: block.register('Q_CURRENT', index),
  requests: block.register('Q_REQUESTS', index),
  failures: block.register('Q_FAILURES', index),
  stream: block.register('Q_STREAM', index),
  streamSeed: block.register('Q_STREAM_SEED', index),
  streamLength: block.register('Q_STREAM_LENGTH', index),
});

/**
 * Takes over what the registers say of where the queue lies and how it begins. A register is a double to the host; `>>>` makes a
 * small integer of it, or all that is counted from there on would be slow.
 */
export const readSetup = (registers: QueueRegisters, setup: QueueSetup): void => {
  const { config, size, base, heads, done, doneSize, index, doneTail, doneQueue } = registers;
  setup.size = size.lo >>> 0;
  setup.index = index.lo >>> 0;
  setup.phase = config.field('PHASE');
  setup.counting = config.field('COUNTING') === 1;
  setup.toMemory = config.field('TO_MEMORY') === 1;
  setup.events = config.field('EVENTS') === 1;
  setup.eventIndex = config.field('EVENT_INDEX') === 1;
  setup.doneSize = doneSize.lo >>> 0;
  setup.doneTail = doneTail.lo >>> 0;
  setup.doneQueue = doneQueue.field('SHARED') === 1 ? doneQueue.field('QUEUE') : doneQueue.index;
  setup.donePhase = config.field('DONE_PHASE');
  setup.base.setHalves(base.lo | 0, base.hi | 0);
  setup.heads.setHalves(heads.lo | 0, heads.hi | 0);
  setup.done.setHalves(done.lo | 0, done.hi | 0);
};
