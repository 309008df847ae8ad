import {
  DMA_CTRL_ACK,
  DMA_FROM_DEVICE,
  DMA_MEMCPY,
  DMA_PREP_INTERRUPT,
  DMA_TO_DEVICE,
  ENOMEM,
  IS_ERR,
  dma_async_issue_pending,
  dma_map_single,
  dma_mapping_error,
  dma_release_channel,
  dma_request_chan_by_mask,
  dma_unmap_single,
  dmaengine_prep_dma_memcpy,
  dmaengine_submit,
  dmaengine_terminate_sync,
  platform_get_drvdata,
  platform_set_drvdata,
  type DmaAddr,
  type DmaChan,
  type PlatformDriver,
  type VirtAddr,
} from 'dmalab';

/** What the driver copies as soon as it is bound. */
export interface CopyJob {
  readonly source: VirtAddr;
  readonly target: VirtAddr;
  readonly length: number;
}

/** A copy under way: what `remove` has to take back. */
interface Running {
  readonly chan: DmaChan;
  readonly from: DmaAddr;
  readonly to: DmaAddr;
}

/** Maps the buffers for the controller and starts the copy. What it got so far is given back if a step fails. */
const start = (chan: DmaChan, { source, target, length }: CopyJob): Running | number => {
  const { dev } = chan.device;
  const from = dma_map_single(dev, source, length, DMA_TO_DEVICE);
  if (dma_mapping_error(dev, from) !== 0) return -ENOMEM;
  const to = dma_map_single(dev, target, length, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, to) === 0) {
    const desc = dmaengine_prep_dma_memcpy(chan, to, from, length, DMA_PREP_INTERRUPT | DMA_CTRL_ACK);
    if (desc !== null) {
      dmaengine_submit(desc);
      dma_async_issue_pending(chan);
      return { chan, from, to };
    }
    dma_unmap_single(dev, to, length, DMA_FROM_DEVICE);
  }
  dma_unmap_single(dev, from, length, DMA_TO_DEVICE);
  return -ENOMEM;
};

/** First the device stops, then the memory is unmapped: the order that matters. */
const stop = ({ chan, from, to }: Running, length: number): void => {
  const { dev } = chan.device;
  dmaengine_terminate_sync(chan);
  dma_unmap_single(dev, from, length, DMA_TO_DEVICE);
  dma_unmap_single(dev, to, length, DMA_FROM_DEVICE);
  dma_release_channel(chan);
};

/**
 * A driver that starts a long copy in `probe` and is unbound while it runs. A careful one stops the channel, unmaps and lets
 * go in `remove`; a careless one does nothing of it.
 */
export const copierDriver = (job: CopyJob, careful: boolean): PlatformDriver => ({
  driver: { name: careful ? 'careful-copier' : 'careless-copier', of_match_table: [{ compatible: 'dmalab,copier' }] },
  probe(pdev) {
    const chan = dma_request_chan_by_mask(pdev.kernel, DMA_MEMCPY);
    if (IS_ERR(chan)) return chan;
    const running = start(chan, job);
    if (IS_ERR(running)) {
      dma_release_channel(chan);
      return running;
    }
    platform_set_drvdata(pdev, running);
    return 0;
  },
  remove(pdev) {
    if (careful) stop(platform_get_drvdata<Running>(pdev), job.length);
  },
});
