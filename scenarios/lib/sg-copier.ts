import {
  Completion,
  DMA_CTRL_ACK,
  DMA_FROM_DEVICE,
  DMA_MEMCPY,
  DMA_PREP_INTERRUPT,
  DMA_TO_DEVICE,
  DMA_TRANS_NOERROR,
  EIO,
  EINVAL,
  ENOMEM,
  ETIMEDOUT,
  IS_ERR,
  complete,
  dma_async_issue_pending,
  dma_map_sgtable,
  dma_release_channel,
  dma_request_chan_by_mask,
  dma_unmap_sgtable,
  dmaAddr,
  dmaengine_prep_dma_memcpy,
  dmaengine_submit,
  dmaengine_terminate_sync,
  for_each_sgtable_dma_sg,
  reinit_completion,
  msecs_to_jiffies,
  platform_get_drvdata,
  platform_set_drvdata,
  wait_for_completion_timeout,
  type DmaAddr,
  type DmaChan,
  type PlatformDevice,
  type PlatformDriver,
  type SgTable,
} from 'dmalab';

/**
 * A client of dmaengine that copies one scatter-gather table to another: the everyday shape of a driver which has a DMA
 * controller do its work. Binds to a `dmalab,sg-copier` node.
 */
export class SgCopier {
  readonly chan: DmaChan;
  private readonly done: Completion;

  constructor(chan: DmaChan) {
    this.chan = chan;
    this.done = new Completion(chan.device.dev.kernel);
  }

  /**
   * Copies all of `from` to `to`; both lists must describe the same number of bytes. 0, or a negative errno with
   * nothing left mapped. The device that reads and writes the memory is the controller, so it is what they are mapped for.
   */
  async copy(to: SgTable, from: SgTable): Promise<number> {
    const { dev } = this.chan.device;
    let error = dma_map_sgtable(dev, from, DMA_TO_DEVICE, 0);
    if (error !== 0) return error;
    error = dma_map_sgtable(dev, to, DMA_FROM_DEVICE, 0);
    if (error === 0) {
      error = await this.transfer(to, from);
      dma_unmap_sgtable(dev, to, DMA_FROM_DEVICE, 0);
    }
    dma_unmap_sgtable(dev, from, DMA_TO_DEVICE, 0);
    return error;
  }

  private async transfer(to: SgTable, from: SgTable): Promise<number> {
    const { chan, done } = this;
    reinit_completion(done);
    const pieces = [...pair(to, from)];
    if (pieces.length === 0) return -EINVAL;
    let result: number = DMA_TRANS_NOERROR;
    for (const [index, piece] of pieces.entries()) {
      const flags = DMA_CTRL_ACK | DMA_PREP_INTERRUPT;
      const desc = dmaengine_prep_dma_memcpy(chan, piece.to, piece.from, piece.length, flags);
      if (desc === null) {
        dmaengine_terminate_sync(chan);
        return -ENOMEM;
      }
      const last = index === pieces.length - 1;
      desc.callback_result = (_param, outcome) => {
        if (outcome.result !== DMA_TRANS_NOERROR) result = outcome.result;
        if (last) complete(done);
      };
      dmaengine_submit(desc);
    }
    dma_async_issue_pending(chan);
    if ((await wait_for_completion_timeout(done, msecs_to_jiffies(1000))) === 0) {
      dmaengine_terminate_sync(chan);
      return -ETIMEDOUT;
    }
    return result === DMA_TRANS_NOERROR ? 0 : -EIO;
  }
}

/** The pieces that are contiguous in both mapped lists. */
function* pair(to: SgTable, from: SgTable): Generator<{ to: DmaAddr; from: DmaAddr; length: number }> {
  const sources = for_each_sgtable_dma_sg(from);
  let source = sources.next();
  let used = 0;
  for (const target of for_each_sgtable_dma_sg(to)) {
    let filled = 0;
    while (filled < target.dma_length && source.done !== true) {
      const length = Math.min(target.dma_length - filled, source.value.dma_length - used);
      yield {
        to: dmaAddr(target.dma_address + BigInt(filled)),
        from: dmaAddr(source.value.dma_address + BigInt(used)),
        length,
      };
      filled += length;
      used += length;
      if (used === source.value.dma_length) {
        source = sources.next();
        used = 0;
      }
    }
  }
}

/** The driver; `copier()` tells the bound instance. */
export const sgCopierDriver = (): { driver: PlatformDriver; copier: () => SgCopier } => {
  let bound: SgCopier | undefined;
  const driver: PlatformDriver = {
    driver: { name: 'sg-copier', of_match_table: [{ compatible: 'dmalab,sg-copier' }] },
    probe(pdev: PlatformDevice) {
      const chan = dma_request_chan_by_mask(pdev.kernel, DMA_MEMCPY);
      if (IS_ERR(chan)) return chan;
      bound = new SgCopier(chan);
      platform_set_drvdata(pdev, bound);
      return 0;
    },
    remove(pdev: PlatformDevice) {
      const { chan } = platform_get_drvdata<SgCopier>(pdev);
      dmaengine_terminate_sync(chan);
      dma_release_channel(chan);
      bound = undefined;
    },
  };
  return {
    driver,
    copier: () => {
      if (bound === undefined) throw new Error('no sg-copier is bound');
      return bound;
    },
  };
};
