import type { DmaAddr } from '../../base/address';
import { ENOSYS, EPERM } from '../../base/errno';
import { for_each_sg, type Scatterlist } from '../scatterlist/scatterlist';
import { might_sleep } from '../sched/atomic';
import {
  DMA_CTRL_REUSE,
  type DmaAsyncTxDescriptor,
  type DmaChan,
  type DmaCookie,
  type DmaSlaveConfig,
  type DmaStatus,
  type DmaTransferDirection,
  type DmaTxState,
} from './types';

/**
 * What a dmaengine client calls (`include/linux/dmaengine.h`, "Slave DMA" in the driver API guide): prepare, submit,
 * issue, and take away.
 */

/** Configures the peripheral's end. 0, or `-ENOSYS` if the controller has none. */
export const dmaengine_slave_config = (chan: DmaChan, config: DmaSlaveConfig): number =>
  chan.device.device_config?.(chan, config) ?? -ENOSYS;

/** Prepares a copy of `len` bytes. NULL if the controller cannot, or has no descriptors left. */
export const dmaengine_prep_dma_memcpy = (
  chan: DmaChan,
  dest: DmaAddr,
  src: DmaAddr,
  len: number,
  flags: number,
): DmaAsyncTxDescriptor | null => chan.device.device_prep_dma_memcpy?.(chan, dest, src, len, flags) ?? null;

/** Prepares a transfer between a mapped list (`sg_len` is the mapped count) and the configured peripheral. */
export const dmaengine_prep_slave_sg = (
  chan: DmaChan,
  sgl: Scatterlist,
  sg_len: number,
  direction: DmaTransferDirection,
  flags: number,
): DmaAsyncTxDescriptor | null => chan.device.device_prep_slave_sg?.(chan, sgl, sg_len, direction, flags) ?? null;

/** Prepares an endless transfer over a ring of periods. */
export const dmaengine_prep_dma_cyclic = (
  chan: DmaChan,
  buf_addr: DmaAddr,
  buf_len: number,
  period_len: number,
  direction: DmaTransferDirection,
  flags: number,
): DmaAsyncTxDescriptor | null =>
  chan.device.device_prep_dma_cyclic?.(chan, buf_addr, buf_len, period_len, direction, flags) ?? null;

/** Queues a prepared transaction; nothing runs before `dma_async_issue_pending`. */
export const dmaengine_submit = (desc: DmaAsyncTxDescriptor): DmaCookie => desc.tx_submit(desc);

/** Whether a cookie is an error. */
export const dma_submit_error = (cookie: DmaCookie): number => (cookie < 0 ? cookie : 0);

/** Lets the channel run what was submitted. */
export const dma_async_issue_pending = (chan: DmaChan): void => {
  chan.device.device_issue_pending(chan);
};

/** The state of a transaction; `state.residue` is the number of bytes still to move. */
export const dmaengine_tx_status = (chan: DmaChan, cookie: DmaCookie, state: DmaTxState | null): DmaStatus =>
  chan.device.device_tx_status(chan, cookie, state);

/** Suspends the channel. */
export const dmaengine_pause = (chan: DmaChan): number => chan.device.device_pause?.(chan) ?? -ENOSYS;
/** Goes on after a pause. */
export const dmaengine_resume = (chan: DmaChan): number => chan.device.device_resume?.(chan) ?? -ENOSYS;

/**
 * Drops everything queued and stops the channel. Callbacks may still run and memory still be in use until
 * `dmaengine_synchronize`. Callable from atomic context.
 */
export const dmaengine_terminate_async = (chan: DmaChan): number => chan.device.device_terminate_all?.(chan) ?? -ENOSYS;

/** Waits until callbacks of a terminated channel are done and its memory is out of use. Not from a callback. */
export const dmaengine_synchronize = (chan: DmaChan): void => {
  might_sleep(chan.device.dev.kernel, 'dmaengine_synchronize');
  chan.device.device_synchronize?.(chan);
};

/**
 * Terminates, then synchronizes: after it returns 0 the channel neither moves bytes nor calls back. Not from a callback.
 */
export const dmaengine_terminate_sync = (chan: DmaChan): number => {
  const error = dmaengine_terminate_async(chan);
  if (error !== 0) return error;
  dmaengine_synchronize(chan);
  return 0;
};

/** Lets a transaction be submitted again after it completed. 0, or `-EPERM` if the controller cannot. */
export const dmaengine_desc_set_reuse = (tx: DmaAsyncTxDescriptor): number => {
  if (!tx.chan.device.descriptor_reuse) return -EPERM;
  tx.flags |= DMA_CTRL_REUSE;
  return 0;
};

/** The transaction is freed when it completes next. */
export const dmaengine_desc_clear_reuse = (tx: DmaAsyncTxDescriptor): void => {
  tx.flags &= ~DMA_CTRL_REUSE;
};

/** Whether the transaction outlives its completion. */
export const dmaengine_desc_test_reuse = (tx: DmaAsyncTxDescriptor): boolean => (tx.flags & DMA_CTRL_REUSE) !== 0;

/** Frees a reusable transaction that is not queued. 0, or `-EPERM` if it is not reusable. */
export const dmaengine_desc_free = (desc: DmaAsyncTxDescriptor): number =>
  dmaengine_desc_test_reuse(desc) ? desc.desc_free(desc) : -EPERM;

/** How many descriptors of at most `max_len` bytes a mapped list needs (`sg_nents_for_dma`). */
export const sg_nents_for_dma = (sgl: Scatterlist, sg_len: number, max_len: number): number => {
  let count = 0;
  for (const sg of for_each_sg(sgl, sg_len)) count += Math.ceil(sg.dma_length / max_len);
  return count;
};
