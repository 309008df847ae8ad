import {
  DMA_COMPLETE,
  DMA_IN_PROGRESS,
  DMA_MIN_COOKIE,
  type DmaAsyncTxDescriptor,
  type DmaChan,
  type DmaCookie,
  type DmaStatus,
  type DmaTxState,
} from './types';

/**
 * Cookies (`drivers/dma/dmaengine.h`): running numbers by which a channel's transactions are known. They wrap within
 * the positive 32-bit integers.
 */

const COOKIE_MAX = 0x7fff_ffff;

/** A fresh channel: nothing submitted, nothing complete. */
export const dma_cookie_init = (chan: DmaChan): void => {
  chan.cookie = DMA_MIN_COOKIE;
  chan.completed_cookie = DMA_MIN_COOKIE;
};

/** The next cookie, given to a transaction as it is submitted. */
export const dma_cookie_assign = (tx: DmaAsyncTxDescriptor): DmaCookie => {
  const { chan } = tx;
  chan.cookie = chan.cookie >= COOKIE_MAX ? DMA_MIN_COOKIE : chan.cookie + 1;
  tx.cookie = chan.cookie;
  return tx.cookie;
};

/** Marks a transaction, and so all before it, complete. */
export const dma_cookie_complete = (tx: DmaAsyncTxDescriptor): void => {
  tx.chan.completed_cookie = tx.cookie;
  tx.cookie = 0;
};

/** Whether a cookie is complete, given the last complete and the last used; minds the wrap. */
export const dma_async_is_complete = (cookie: DmaCookie, last: DmaCookie, used: DmaCookie): DmaStatus => {
  const outside = last <= used ? cookie <= last || cookie > used : cookie <= last && cookie > used;
  return outside ? DMA_COMPLETE : DMA_IN_PROGRESS;
};

/** The status of a cookie; fills `state` (residue 0) if given. */
export const dma_cookie_status = (chan: DmaChan, cookie: DmaCookie, state: DmaTxState | null): DmaStatus => {
  if (state !== null) {
    state.last = chan.completed_cookie;
    state.used = chan.cookie;
    state.residue = 0;
  }
  return dma_async_is_complete(cookie, chan.completed_cookie, chan.cookie);
};
