import { dmaAddr, virtAddr, type DmaAddr, type VirtAddr } from '../../base/address';
import { dma_alloc_coherent, dma_free_coherent } from '../../kernel-api/dma/mapping';
import {
  dma_async_issue_pending,
  dmaengine_prep_dma_memcpy,
  dmaengine_submit,
} from '../../kernel-api/dmaengine/client';
import { dma_request_chan_by_mask } from '../../kernel-api/dmaengine/dmaengine';
import {
  DMA_CTRL_ACK,
  DMA_MEMCPY,
  DMA_PREP_INTERRUPT,
  type DmaAsyncTxDescriptor,
  type DmaChan,
  type DmaCookie,
  type DmaEngineResult,
} from '../../kernel-api/dmaengine/types';
import { IS_ERR, out } from '../../kernel-api/err';
import { GFP_KERNEL } from '../../kernel-api/gfp';
import type { Kernel } from '../../kernel-api/kernel';
import { Completion, complete, wait_for_completion_timeout } from '../../kernel-api/sched/completion';
import { msecs_to_jiffies } from '../../kernel-api/sched/jiffies';
import { patternBytes } from '../../lab/pattern';

export const FLAGS = DMA_PREP_INTERRUPT | DMA_CTRL_ACK;

/** Memory that the controller reaches, with both its addresses. */
export interface DmaMemory {
  readonly cpu: VirtAddr;
  readonly dma: DmaAddr;
  readonly size: number;
  fill(seed: number): void;
  bytes(at?: number, length?: number): Uint8Array;
  free(): void;
}

/** A free channel for copies. */
export const copyChannel = (kernel: Kernel): DmaChan => {
  const chan = dma_request_chan_by_mask(kernel, DMA_MEMCPY);
  if (IS_ERR(chan)) throw new Error(`no channel: ${chan}`);
  return chan;
};

/** Coherent memory of a channel's controller. */
export const dmaMemory = (chan: DmaChan, size: number): DmaMemory => {
  const { dev } = chan.device;
  const { mm } = dev.kernel;
  const handle = out(dmaAddr(0));
  const cpu = dma_alloc_coherent(dev, size, handle, GFP_KERNEL);
  if (cpu === 0) throw new Error('no coherent memory');
  return {
    cpu,
    dma: handle.value,
    size,
    fill: (seed) => mm.write(cpu, patternBytes(seed, 0, size)),
    bytes: (at = 0, length = size - at) => mm.read(virtAddr(cpu + at), length),
    free: () => dma_free_coherent(dev, size, cpu, handle.value),
  };
};

/** A submitted transaction and what became of it. */
export interface Submitted {
  readonly desc: DmaAsyncTxDescriptor;
  readonly cookie: DmaCookie;
  readonly done: Completion;
  readonly results: DmaEngineResult[];
}

/** Submits a transaction, and notes its callbacks. */
export const submit = (desc: DmaAsyncTxDescriptor | null): Submitted => {
  if (desc === null) throw new Error('the transaction could not be prepared');
  const done = new Completion(desc.chan.device.dev.kernel);
  const results: DmaEngineResult[] = [];
  desc.callback_result = (_param, result) => {
    results.push({ ...result });
    complete(done);
  };
  return { desc, cookie: dmaengine_submit(desc), done, results };
};

/** Prepares and submits a copy. */
export const submitCopy = (chan: DmaChan, to: bigint, from: bigint, length: number, flags = FLAGS): Submitted =>
  submit(dmaengine_prep_dma_memcpy(chan, dmaAddr(to), dmaAddr(from), length, flags));

/** Waits for a transaction's callback, 100 ms at most. */
export const finished = async ({ done }: Submitted): Promise<boolean> =>
  (await wait_for_completion_timeout(done, msecs_to_jiffies(100))) > 0;

/** Runs one copy to its end. */
export const copy = async (chan: DmaChan, to: bigint, from: bigint, length: number): Promise<Submitted> => {
  const submitted = submitCopy(chan, to, from, length);
  dma_async_issue_pending(chan);
  if (!(await finished(submitted))) throw new Error('the copy did not end');
  return submitted;
};
