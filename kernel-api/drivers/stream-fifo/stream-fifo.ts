import type { DmaAddr } from '../../../base/address';
import { EINVAL, EIO, ENODEV, ETIMEDOUT } from '../../../base/errno';
import type { StructDevice } from '../../base/struct-device';
import {
  IORESOURCE_MEM,
  devm_platform_ioremap_resource,
  platform_get_drvdata,
  platform_get_resource,
  platform_set_drvdata,
  type PlatformDevice,
  type PlatformDriver,
} from '../../base/platform';
import { DMA_FROM_DEVICE, DMA_TO_DEVICE, type DmaDataDirection } from '../../dma/direction';
import { dma_map_sgtable, dma_unmap_sgtable } from '../../dma/mapping';
import {
  dma_async_issue_pending,
  dma_submit_error,
  dmaengine_prep_dma_cyclic,
  dmaengine_prep_slave_sg,
  dmaengine_slave_config,
  dmaengine_submit,
  dmaengine_terminate_sync,
} from '../../dmaengine/client';
import { dma_release_channel, dma_request_chan } from '../../dmaengine/dmaengine';
import {
  DMA_CTRL_ACK,
  DMA_DEV_TO_MEM,
  DMA_MEM_TO_DEV,
  DMA_PREP_INTERRUPT,
  DMA_TRANS_NOERROR,
  type DmaAsyncTxDescriptor,
  type DmaChan,
  type DmaTransferDirection,
} from '../../dmaengine/types';
import { IS_ERR } from '../../err';
import type { IoMem } from '../../io/io-mem';
import type { SgTable } from '../../scatterlist/sg-table';
import { Completion, complete, wait_for_completion_timeout } from '../../sched/completion';
import { msecs_to_jiffies } from '../../sched/jiffies';
import { WaitQueueHead, wait_event, wake_up } from '../../sched/wait-queue';
import {
  CONFIG_DEPTH_MASK,
  CONFIG_WIDTH_MASK,
  CONFIG_WIDTH_SHIFT,
  CONTROL_DMA_RX_EN,
  CONTROL_DMA_TX_EN,
  CONTROL_LOOPBACK,
  CONTROL_RESET,
  CONTROL_SINK_EN,
  CONTROL_SOURCE_EN,
  CONTROL_STALL,
  FIFO_CONFIG,
  FIFO_CONTROL,
  FIFO_ID,
  FIFO_ID_VALUE,
  FIFO_RX_BURST,
  FIFO_RX_CHECKSUM,
  FIFO_RX_DATA,
  FIFO_SEED,
  FIFO_TX_BURST,
  FIFO_TX_CHECKSUM,
  FIFO_TX_DATA,
} from './regs';

/** How long a transfer may take. */
const TIMEOUT_MS = 1000;
/** Items of a burst: what both the FIFO's handshake and the controller are set to. */
const BURST = 4;

/** Which way the bytes go, in the words of the DMA API and of dmaengine. */
interface Way {
  readonly mapping: DmaDataDirection;
  readonly transfer: DmaTransferDirection;
}
const TRANSMIT: Way = { mapping: DMA_TO_DEVICE, transfer: DMA_MEM_TO_DEV };
const RECEIVE: Way = { mapping: DMA_FROM_DEVICE, transfer: DMA_DEV_TO_MEM };

/** A transfer that somebody waits for. */
interface Transfer {
  readonly done: Completion;
  /** 0 or a negative errno. */
  error: number;
}

/**
 * A bound stream FIFO: what the rest of the kernel (here: scenarios) uses it by. Lists are mapped for the DMA controller,
 * which is the device that touches the memory.
 */
export class StreamFifoPort {
  readonly dev: StructDevice;
  readonly tx: DmaChan;
  readonly rx: DmaChan;
  /** Bytes of an item. */
  readonly width: number;
  private readonly regs: IoMem;
  private readonly control: number;
  private readonly transfers: Transfer[] = [];
  private readonly idle: WaitQueueHead;
  /** Calls of `transmit` and `receive` that have not returned. */
  private users = 0;
  private closing = false;

  constructor(dev: StructDevice, regs: IoMem, registersAt: number, tx: DmaChan, rx: DmaChan) {
    this.dev = dev;
    this.regs = regs;
    this.tx = tx;
    this.rx = rx;
    this.idle = new WaitQueueHead(dev.kernel, 'the last transfer of the FIFO');
    const config = regs.readl(FIFO_CONFIG);
    this.width = (config >>> CONFIG_WIDTH_SHIFT) & CONFIG_WIDTH_MASK;
    const burst = Math.min(BURST, config & CONFIG_DEPTH_MASK);
    regs.writel(FIFO_TX_BURST, burst);
    regs.writel(FIFO_RX_BURST, burst);
    this.control = CONTROL_DMA_TX_EN | CONTROL_DMA_RX_EN | CONTROL_STALL;
    dmaengine_slave_config(tx, {
      dst_addr: registersAt + FIFO_TX_DATA,
      dst_addr_width: this.width,
      dst_maxburst: burst,
    });
    dmaengine_slave_config(rx, {
      src_addr: registersAt + FIFO_RX_DATA,
      src_addr_width: this.width,
      src_maxburst: burst,
    });
  }

  /** Empties the FIFOs, sets the pattern's seed, and starts sink and source. */
  start(seed = 0): void {
    this.stop();
    this.regs.writel(FIFO_SEED, seed);
    this.regs.writel(FIFO_CONTROL, this.control | CONTROL_SINK_EN | CONTROL_SOURCE_EN);
  }

  /** Empties the FIFOs and connects the transmit FIFO to the receive FIFO. */
  startLoopback(): void {
    this.stop();
    this.regs.writel(FIFO_CONTROL, this.control | CONTROL_LOOPBACK | CONTROL_SINK_EN);
  }

  /** Stops sink, source and handshakes, and empties the FIFOs. */
  stop(): void {
    this.regs.writel(FIFO_CONTROL, CONTROL_RESET | CONTROL_STALL);
  }

  /** FNV-1a over everything that the sink took since the last start. */
  transmitChecksum(): number {
    return this.regs.readl(FIFO_TX_CHECKSUM);
  }

  /** FNV-1a over everything that was read since the last start. */
  receiveChecksum(): number {
    return this.regs.readl(FIFO_RX_CHECKSUM);
  }

  /** Sends a list to the sink. 0, or a negative errno with nothing left mapped. */
  transmit(sgt: SgTable): Promise<number> {
    return this.transfer(this.tx, sgt, TRANSMIT);
  }

  /** Fills a list from the source. 0, or a negative errno with nothing left mapped. */
  receive(sgt: SgTable): Promise<number> {
    return this.transfer(this.rx, sgt, RECEIVE);
  }

  private async transfer(chan: DmaChan, sgt: SgTable, way: Way): Promise<number> {
    if (this.closing) return -ENODEV;
    this.users++;
    try {
      return await this.mapAndRun(chan, sgt, way);
    } finally {
      this.users--;
      wake_up(this.idle);
    }
  }

  private async mapAndRun(chan: DmaChan, sgt: SgTable, way: Way): Promise<number> {
    const { dev } = chan.device;
    const error = dma_map_sgtable(dev, sgt, way.mapping, 0);
    if (error !== 0) return error;
    const flags = DMA_PREP_INTERRUPT | DMA_CTRL_ACK;
    const desc = dmaengine_prep_slave_sg(chan, sgt.sgl!, sgt.nents, way.transfer, flags);
    const result = desc === null ? -EINVAL : await this.finish(chan, desc);
    dma_unmap_sgtable(dev, sgt, way.mapping, 0);
    return result;
  }

  private async finish(chan: DmaChan, desc: DmaAsyncTxDescriptor): Promise<number> {
    const transfer: Transfer = { done: new Completion(this.dev.kernel), error: 0 };
    desc.callback_result = (_param, { result }) => {
      transfer.error = result === DMA_TRANS_NOERROR ? 0 : -EIO;
      complete(transfer.done);
    };
    const cookie = dmaengine_submit(desc);
    if (dma_submit_error(cookie) !== 0) return cookie;
    this.transfers.push(transfer);
    dma_async_issue_pending(chan);
    if ((await wait_for_completion_timeout(transfer.done, msecs_to_jiffies(TIMEOUT_MS))) === 0) {
      dmaengine_terminate_sync(chan);
      transfer.error = -ETIMEDOUT;
    }
    this.transfers.splice(this.transfers.indexOf(transfer), 1);
    return transfer.error;
  }

  /**
   * Receives without end into a ring of periods, which is already mapped for the controller. `onPeriod` runs in softirq
   * context. 0 or a negative errno; ends with `stopCyclic`.
   */
  startCyclic(ring: DmaAddr, length: number, period: number, onPeriod: () => void): number {
    if (this.closing) return -ENODEV;
    const desc = dmaengine_prep_dma_cyclic(this.rx, ring, length, period, DMA_DEV_TO_MEM, DMA_PREP_INTERRUPT);
    if (desc === null) return -EINVAL;
    desc.callback = onPeriod;
    const cookie = dmaengine_submit(desc);
    if (dma_submit_error(cookie) !== 0) return cookie;
    dma_async_issue_pending(this.rx);
    return 0;
  }

  /** Ends `startCyclic`; afterwards the ring is the caller's. */
  stopCyclic(): number {
    return this.closing ? 0 : dmaengine_terminate_sync(this.rx);
  }

  /**
   * Ends the port: what is under way is stopped and returns `-ENODEV`, and nothing is mapped any more when this has
   * ended. For `remove`.
   */
  async close(): Promise<void> {
    this.closing = true;
    this.stop();
    dmaengine_terminate_sync(this.tx);
    dmaengine_terminate_sync(this.rx);
    for (const transfer of this.transfers) {
      transfer.error = -ENODEV;
      complete(transfer.done);
    }
    await wait_event(this.idle, () => this.users === 0);
    dma_release_channel(this.tx);
    dma_release_channel(this.rx);
  }
}

const requestChannels = (dev: StructDevice): { tx: DmaChan; rx: DmaChan } | number => {
  const tx = dma_request_chan(dev, 'tx');
  if (IS_ERR(tx)) return tx;
  const rx = dma_request_chan(dev, 'rx');
  if (!IS_ERR(rx)) return { tx, rx };
  dma_release_channel(tx);
  return rx;
};

const probe = (pdev: PlatformDevice): number => {
  const resource = platform_get_resource(pdev, IORESOURCE_MEM, 0);
  if (resource === null) return -EINVAL;
  const regs = devm_platform_ioremap_resource(pdev, 0);
  if (IS_ERR(regs)) return regs;
  if (regs.readl(FIFO_ID) !== FIFO_ID_VALUE) return -ENODEV;
  const channels = requestChannels(pdev.dev);
  if (IS_ERR(channels)) return channels;
  platform_set_drvdata(pdev, new StreamFifoPort(pdev.dev, regs, resource.start, channels.tx, channels.rx));
  return 0;
};

const remove = (pdev: PlatformDevice): Promise<void> => platform_get_drvdata<StreamFifoPort>(pdev).close();

/** The driver of `dmalab,stream-fifo`. */
export const streamFifoDriver = (): PlatformDriver => ({
  driver: { name: 'stream-fifo', of_match_table: [{ compatible: 'dmalab,stream-fifo' }] },
  probe,
  remove,
});
