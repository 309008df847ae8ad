import type { DmaAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { Scatterlist } from '../scatterlist/scatterlist';

/**
 * The vocabulary of dmaengine (`include/linux/dmaengine.h`): what clients and controller drivers exchange.
 */

/** `enum dma_status`. */
export const DMA_COMPLETE = 0;
export const DMA_IN_PROGRESS = 1;
export const DMA_PAUSED = 2;
export const DMA_ERROR = 3;
export type DmaStatus = typeof DMA_COMPLETE | typeof DMA_IN_PROGRESS | typeof DMA_PAUSED | typeof DMA_ERROR;

/** `enum dma_transfer_direction`. */
export const DMA_MEM_TO_MEM = 0;
export const DMA_MEM_TO_DEV = 1;
export const DMA_DEV_TO_MEM = 2;
export type DmaTransferDirection = typeof DMA_MEM_TO_MEM | typeof DMA_MEM_TO_DEV | typeof DMA_DEV_TO_MEM;

/** Whether a direction has a peripheral at one end. */
export const is_slave_direction = (direction: DmaTransferDirection): boolean =>
  direction === DMA_MEM_TO_DEV || direction === DMA_DEV_TO_MEM;

/** `enum dma_transaction_type`, as bits of a capability mask (`dma_cap_mask_t`). */
export const DMA_MEMCPY = 1 << 0;
export const DMA_SLAVE = 1 << 1;
export const DMA_CYCLIC = 1 << 2;
/** Channels of this controller are handed out one by one, never shared. Set by the core. */
export const DMA_PRIVATE = 1 << 3;
export type DmaCapMask = number;

/** `enum dma_ctrl_flags`: flags of a prepared transaction. */
export const DMA_PREP_INTERRUPT = 1 << 0;
export const DMA_CTRL_ACK = 1 << 1;
/** The descriptor may be submitted again after it completed. */
export const DMA_CTRL_REUSE = 1 << 6;

/** `dma_cookie_t`: identifies a submitted transaction on its channel; negative is an error. */
export type DmaCookie = number;
/** The first cookie of a channel. */
export const DMA_MIN_COOKIE = 1;

/** `enum dmaengine_tx_result`: how a transaction ended. */
export const DMA_TRANS_NOERROR = 0;
export const DMA_TRANS_READ_FAILED = 1;
export const DMA_TRANS_WRITE_FAILED = 2;
export const DMA_TRANS_ABORTED = 3;

/** `struct dmaengine_result`. */
export interface DmaEngineResult {
  result: number;
  /** Bytes that were not transferred. */
  residue: number;
}

/** `struct dma_tx_state`, filled by `dmaengine_tx_status`. */
export interface DmaTxState {
  last: DmaCookie;
  used: DmaCookie;
  residue: number;
}

/** A zero `struct dma_tx_state`. */
export const dma_tx_state = (): DmaTxState => ({ last: 0, used: 0, residue: 0 });

/**
 * `struct dma_slave_config`: the peripheral's end of a transfer. Addresses are physical, widths in bytes
 * (`enum dma_slave_buswidth`), bursts in items.
 */
export interface DmaSlaveConfig {
  readonly direction?: DmaTransferDirection;
  readonly src_addr?: number;
  readonly dst_addr?: number;
  readonly src_addr_width?: number;
  readonly dst_addr_width?: number;
  readonly src_maxburst?: number;
  readonly dst_maxburst?: number;
}

/** Called when a transaction is done; in softirq context. */
export type DmaAsyncTxCallback = (param: unknown) => void;
/** The same, with the result. */
export type DmaAsyncTxCallbackResult = (param: unknown, result: DmaEngineResult) => void;

/** `struct dma_async_tx_descriptor`: a prepared transaction. */
export interface DmaAsyncTxDescriptor {
  cookie: DmaCookie;
  flags: number;
  readonly chan: DmaChan;
  tx_submit(tx: DmaAsyncTxDescriptor): DmaCookie;
  desc_free(tx: DmaAsyncTxDescriptor): number;
  callback: DmaAsyncTxCallback | null;
  callback_result: DmaAsyncTxCallbackResult | null;
  callback_param: unknown;
}

/** `struct dma_chan`: one channel of a controller. */
export interface DmaChan {
  device: DmaDevice;
  /** Its number on the controller. Set at registration. */
  chan_id: number;
  /** The last cookie given out, and the last that completed. */
  cookie: DmaCookie;
  completed_cookie: DmaCookie;
  /** How many clients hold it (a channel is exclusive: 0 or 1). */
  client_count: number;
  /** The client's name for it (`dma:rx`) and the client's device; null while it is free. */
  name: string | null;
  slave: StructDevice | null;
}

/** `struct dma_device`: what a controller's driver registers. Optional operations are those the controller may lack. */
export interface DmaDevice {
  readonly dev: StructDevice;
  cap_mask: DmaCapMask;
  readonly channels: DmaChan[];
  /** Bits `1 << direction`. */
  readonly directions: number;
  /** Bits `2 ** bytes`: the bus widths that a peripheral may have. */
  readonly src_addr_widths: number;
  readonly dst_addr_widths: number;
  readonly max_burst: number;
  /** Whether transactions may be submitted more than once. */
  readonly descriptor_reuse: boolean;
  /** Set by the core: the registered device's number, and how many channels are held. */
  dev_id: number;
  privatecnt: number;
  device_alloc_chan_resources?(chan: DmaChan): number;
  device_free_chan_resources?(chan: DmaChan): void;
  device_prep_dma_memcpy?(
    chan: DmaChan,
    dest: DmaAddr,
    src: DmaAddr,
    len: number,
    flags: number,
  ): DmaAsyncTxDescriptor | null;
  device_prep_slave_sg?(
    chan: DmaChan,
    sgl: Scatterlist,
    sg_len: number,
    direction: DmaTransferDirection,
    flags: number,
  ): DmaAsyncTxDescriptor | null;
  device_prep_dma_cyclic?(
    chan: DmaChan,
    buf_addr: DmaAddr,
    buf_len: number,
    period_len: number,
    direction: DmaTransferDirection,
    flags: number,
  ): DmaAsyncTxDescriptor | null;
  device_config?(chan: DmaChan, config: DmaSlaveConfig): number;
  device_pause?(chan: DmaChan): number;
  device_resume?(chan: DmaChan): number;
  device_terminate_all?(chan: DmaChan): number;
  device_synchronize?(chan: DmaChan): void;
  device_tx_status(chan: DmaChan, cookie: DmaCookie, state: DmaTxState | null): DmaStatus;
  device_issue_pending(chan: DmaChan): void;
}
