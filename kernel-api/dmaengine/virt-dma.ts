import { EINVAL } from '../../base/errno';
import type { Kernel } from '../kernel';
import { SpinLock, spin_lock_irqsave, spin_unlock_irqrestore } from '../sched/spinlock';
import { tasklet_kill, tasklet_schedule, tasklet_setup, type Tasklet } from '../sched/tasklet';
import type { StructDevice } from '../base/struct-device';
import { dma_cookie_assign, dma_cookie_complete, dma_cookie_init } from './cookie';
import {
  DMA_CTRL_REUSE,
  DMA_TRANS_NOERROR,
  type DmaAsyncTxCallback,
  type DmaAsyncTxCallbackResult,
  type DmaAsyncTxDescriptor,
  type DmaChan,
  type DmaCookie,
  type DmaDevice,
  type DmaEngineResult,
} from './types';

/**
 * Virtual channels (`drivers/dma/virt-dma.c`): the life of a transaction, which is the same in every controller's driver.
 * Allocated by prepare, submitted by the client, issued, completed in the interrupt, called back in a tasklet, freed.
 */

/** `struct virt_dma_desc`. Drivers extend it with their own part. */
export class VirtDmaDesc implements DmaAsyncTxDescriptor {
  cookie: DmaCookie = 0;
  flags: number;
  readonly chan: VirtDmaChan;
  callback: DmaAsyncTxCallback | null = null;
  callback_result: DmaAsyncTxCallbackResult | null = null;
  callback_param: unknown = null;
  /** What the client is told at the end. */
  readonly tx_result: DmaEngineResult = { result: DMA_TRANS_NOERROR, residue: 0 };

  constructor(chan: VirtDmaChan, flags: number) {
    this.chan = chan;
    this.flags = flags;
  }

  tx_submit(): DmaCookie {
    return vchan_tx_submit(this);
  }

  desc_free(): number {
    return vchan_tx_desc_free(this);
  }

  /** Called with each submission, lock held: a reusable transaction is made as good as new. */
  prepareRun(): void {}
}

/** `struct virt_dma_chan`. Drivers extend it with their own part. The lists are protected by `lock`. */
export class VirtDmaChan implements DmaChan {
  device: DmaDevice;
  chan_id = 0;
  cookie: DmaCookie = 0;
  completed_cookie: DmaCookie = 0;
  client_count = 0;
  name: string | null = null;
  slave: StructDevice | null = null;
  readonly lock: SpinLock;
  /** Calls back and frees what completed. */
  readonly task: Tasklet;
  desc_allocated: VirtDmaDesc[] = [];
  desc_submitted: VirtDmaDesc[] = [];
  desc_issued: VirtDmaDesc[] = [];
  desc_completed: VirtDmaDesc[] = [];
  desc_terminated: VirtDmaDesc[] = [];
  /** The cyclic transaction whose period ended and was not reported yet. */
  cyclic: VirtDmaDesc | null = null;
  /** Gives a transaction's resources back. */
  readonly release: (desc: VirtDmaDesc) => void;

  /** `vchan_init`: also adds the channel to its controller. */
  constructor(kernel: Kernel, device: DmaDevice, release: (desc: VirtDmaDesc) => void) {
    this.device = device;
    this.release = release;
    this.lock = new SpinLock(kernel);
    this.task = tasklet_setup(kernel, () => vchan_complete(this));
    dma_cookie_init(this);
    device.channels.push(this);
  }
}

/** Runs `body` with the channel locked. */
export const withChannelLock = <T>(vc: VirtDmaChan, body: () => T): T => {
  const flags = spin_lock_irqsave(vc.lock);
  try {
    return body();
  } finally {
    spin_unlock_irqrestore(vc.lock, flags);
  }
};

const unlink = (list: VirtDmaDesc[], desc: VirtDmaDesc): boolean => {
  const index = list.indexOf(desc);
  if (index < 0) return false;
  list.splice(index, 1);
  return true;
};

/** Puts a prepared transaction under the channel's care; the result goes to the client. */
export const vchan_tx_prep = (vc: VirtDmaChan, desc: VirtDmaDesc): DmaAsyncTxDescriptor =>
  withChannelLock(vc, () => {
    vc.desc_allocated.push(desc);
    return desc;
  });

/** Warns of a transaction that is not the client's: it is queued, or freed. In Linux that corrupts the channel's lists. */
const refuse = (desc: VirtDmaDesc, where: string): number => {
  desc.chan.device.dev.kernel.warn(where, 'the transaction is queued already, or was freed when it completed');
  return -EINVAL;
};

/** `vchan_tx_submit`. `-EINVAL` if the client does not own the transaction. */
const vchan_tx_submit = (desc: VirtDmaDesc): DmaCookie =>
  withChannelLock(desc.chan, () => {
    if (!unlink(desc.chan.desc_allocated, desc)) return refuse(desc, 'vchan_tx_submit');
    desc.tx_result.result = DMA_TRANS_NOERROR;
    desc.tx_result.residue = 0;
    desc.prepareRun();
    desc.chan.desc_submitted.push(desc);
    return dma_cookie_assign(desc);
  });

/** `vchan_tx_desc_free`: gives up a reusable transaction. `-EINVAL` if the client does not own it. */
const vchan_tx_desc_free = (desc: VirtDmaDesc): number => {
  if (!withChannelLock(desc.chan, () => unlink(desc.chan.desc_allocated, desc))) {
    return refuse(desc, 'vchan_tx_desc_free');
  }
  desc.chan.release(desc);
  return 0;
};

/** Moves what was submitted to what is issued; true if there is something to run. Lock held. */
export const vchan_issue_pending = (vc: VirtDmaChan): boolean => {
  vc.desc_issued.push(...vc.desc_submitted.splice(0));
  return vc.desc_issued.length > 0;
};

/** The transaction that runs, or is to run next. Lock held. */
export const vchan_next_desc = (vc: VirtDmaChan): VirtDmaDesc | null => vc.desc_issued[0] ?? null;

/** An issued transaction by its cookie; those that are only submitted are not found. Lock held. */
export const vchan_find_desc = (vc: VirtDmaChan, cookie: DmaCookie): VirtDmaDesc | null =>
  vc.desc_issued.find((desc) => desc.cookie === cookie) ?? null;

/** The transaction is done: it leaves the issued list, and its callback is scheduled. Lock held. */
export const vchan_cookie_complete = (desc: VirtDmaDesc): void => {
  const { chan } = desc;
  unlink(chan.desc_issued, desc);
  dma_cookie_complete(desc);
  chan.desc_completed.push(desc);
  tasklet_schedule(chan.task);
};

/** A period of a cyclic transaction is done. Lock held. */
export const vchan_cyclic_callback = (desc: VirtDmaDesc): void => {
  desc.chan.cyclic = desc;
  tasklet_schedule(desc.chan.task);
};

/**
 * Takes every transaction of the channel away; the caller frees them with `vchan_dma_desc_free_list` once the
 * hardware is known to have stopped. Lock held.
 */
export const vchan_get_all_descriptors = (vc: VirtDmaChan): VirtDmaDesc[] => {
  vc.cyclic = null;
  return [vc.desc_allocated, vc.desc_submitted, vc.desc_issued, vc.desc_completed, vc.desc_terminated].flatMap((list) =>
    list.splice(0),
  );
};

/** Frees transactions; a reusable one goes back to its client instead. */
export const vchan_dma_desc_free_list = (vc: VirtDmaChan, list: readonly VirtDmaDesc[]): void => {
  for (const desc of list) finishDesc(vc, desc);
};

const finishDesc = (vc: VirtDmaChan, desc: VirtDmaDesc): void => {
  if ((desc.flags & DMA_CTRL_REUSE) !== 0) withChannelLock(vc, () => vc.desc_allocated.push(desc));
  else vc.release(desc);
};

const invokeCallback = (desc: VirtDmaDesc): void => {
  if (desc.callback_result !== null) desc.callback_result(desc.callback_param, desc.tx_result);
  else desc.callback?.(desc.callback_param);
};

/** The tasklet: reports the period and everything that completed, and frees it. */
const vchan_complete = (vc: VirtDmaChan): void => {
  const [completed, cyclic] = withChannelLock(vc, () => {
    const period = vc.cyclic;
    vc.cyclic = null;
    return [vc.desc_completed.splice(0), period] as const;
  });
  if (cyclic !== null) invokeCallback(cyclic);
  for (const desc of completed) {
    invokeCallback(desc);
    finishDesc(vc, desc);
  }
};

/** Waits until callbacks are done, then frees what was terminated. */
export const vchan_synchronize = (vc: VirtDmaChan): void => {
  tasklet_kill(vc.task);
  vchan_dma_desc_free_list(
    vc,
    withChannelLock(vc, () => vc.desc_terminated.splice(0)),
  );
};

/** Frees everything that the channel holds, reusable or not. */
export const vchan_free_chan_resources = (vc: VirtDmaChan): void => {
  for (const desc of withChannelLock(vc, () => vchan_get_all_descriptors(vc))) vc.release(desc);
};
