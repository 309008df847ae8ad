import { EAGAIN, ETIMEDOUT } from '../../../base/errno';
import { udelay } from '../../sched/delay';
import { readl_poll_timeout_atomic } from '../../io/poll';
import { dma_pool_create, dma_pool_destroy, type DmaPool } from '../../dma/dmapool';
import { dma_chan_name } from '../../dmaengine/dmaengine';
import { DMA_MEM_TO_MEM, type DmaChan, type DmaDevice, type DmaSlaveConfig } from '../../dmaengine/types';
import {
  VirtDmaChan,
  vchan_dma_desc_free_list,
  vchan_free_chan_resources,
  vchan_get_all_descriptors,
  vchan_next_desc,
  withChannelLock,
} from '../../dmaengine/virt-dma';
import { toAxiDmaDesc, type AxiDmaDesc } from './desc';
import { KernelOops } from '../../oops';
import type { AxiDmaChip } from './chip';
import { PeripheralAddresses } from './peripheral';
import {
  CHAN_ABORT_SHIFT,
  CHAN_ABORT_WE_SHIFT,
  CHAN_EN_SHIFT,
  CHAN_EN_WE_SHIFT,
  CHAN_REG_LEN,
  CHAN_SUSP_SHIFT,
  CHAN_SUSP_WE_SHIFT,
  CH_BLK_TFR_RESUMEREQ,
  CH_CFG_H,
  CH_CFG_H_DST_PER_POS,
  CH_CFG_H_PRIORITY_POS,
  CH_CFG_H_SRC_PER_POS,
  CH_CFG_H_TT_FC_POS,
  CH_CFG_L,
  CH_CFG_L_DST_MULTBLK_TYPE_POS,
  CH_CFG_L_SRC_MULTBLK_TYPE_POS,
  CH_INTCLEAR,
  CH_INTSIGNAL_ENA,
  CH_INTSTATUS,
  CH_INTSTATUS_ENA,
  CH_LLP,
  CH_STATUS,
  CH_STATUS_CMPLTD_BLK_SIZE_MASK,
  COMMON_REG_LEN,
  DMAC_CHEN,
  DMAC_CHEN_H,
  IRQ_ALL_ERR,
  IRQ_BLOCK_TRF,
  IRQ_DMA_TRF,
  IRQ_SUSPENDED,
  LLI_SIZE,
  MBLK_TYPE_LL,
  TT_FC_MEM_TO_MEM_DMAC,
  TT_FC_MEM_TO_PER_DMAC,
  TT_FC_PER_TO_MEM_DMAC,
} from './regs';

/** How long a channel that is told to stop may take: the poll's interval and limit, in microseconds. */
const STOP_POLL_US = 1;
const STOP_TIMEOUT_US = 50_000;
/** How often the suspend status is looked at, two microseconds apart. */
const SUSPEND_POLLS = 20;

const TT_FC_OF_DIRECTION = [TT_FC_MEM_TO_MEM_DMAC, TT_FC_MEM_TO_PER_DMAC, TT_FC_PER_TO_MEM_DMAC] as const;

/** One channel of the controller: its registers, its descriptor pool, and the life of what runs on it. */
export class AxiDmaChan extends VirtDmaChan {
  readonly chip: AxiDmaChip;
  readonly id: number;
  /** The hardware handshake that the device tree gives to the client. */
  handshake = 0;
  config: DmaSlaveConfig = {};
  /** The peripheral's data registers as the controller has to address them. */
  readonly peripheral: PeripheralAddresses;
  pool: DmaPool | null = null;
  private paused = false;
  private readonly base: number;

  constructor(chip: AxiDmaChip, device: DmaDevice, id: number) {
    super(chip.dev.kernel, device, (desc) => toAxiDmaDesc(desc).freeItems());
    this.chip = chip;
    this.id = id;
    this.base = COMMON_REG_LEN + id * CHAN_REG_LEN;
    this.peripheral = new PeripheralAddresses(chip.dev);
  }

  private read(register: number): number {
    return this.chip.regs.readl(this.base + register);
  }

  private write(register: number, value: number): void {
    this.chip.regs.writel(this.base + register, value);
  }

  /** Whether the hardware has the channel enabled. */
  get enabled(): boolean {
    return (this.chip.regs.readl(DMAC_CHEN) & (1 << (CHAN_EN_SHIFT + this.id))) !== 0;
  }

  private setEnabled(enabled: boolean): void {
    const bit = enabled ? 1 << (CHAN_EN_SHIFT + this.id) : 0;
    this.chip.regs.writel(DMAC_CHEN, bit | (1 << (CHAN_EN_WE_SHIFT + this.id)));
  }

  private setSuspended(suspended: boolean): void {
    const bit = suspended ? 1 << (CHAN_SUSP_SHIFT + this.id) : 0;
    this.chip.regs.writel(DMAC_CHEN, (bit | (1 << (CHAN_SUSP_WE_SHIFT + this.id))) >>> 0);
  }

  /** Takes the pending interrupt causes and clears them. */
  takeInterrupts(): number {
    const status = this.read(CH_INTSTATUS);
    if (status !== 0) this.write(CH_INTCLEAR, status);
    return status;
  }

  /** No cause of this channel raises an interrupt, or is even remembered. */
  maskInterrupts(): void {
    this.write(CH_INTSIGNAL_ENA, 0);
    this.write(CH_INTSTATUS_ENA, 0);
    this.write(CH_INTCLEAR, 0xffff_ffff);
  }

  /** Puts a channel to rest, whatever firmware or an earlier kernel left it doing. */
  quiesce(): void {
    this.maskInterrupts();
    if (this.enabled) this.stop();
  }

  /** `device_alloc_chan_resources`: the pool of linked-list items. */
  allocate(): boolean {
    if (this.chip.gone) return false;
    // The controller ignores the low six bits of an item's address.
    this.pool = dma_pool_create(dma_chan_name(this), this.chip.dev, LLI_SIZE, LLI_SIZE, 0);
    return this.pool !== null;
  }

  /** `device_free_chan_resources`. */
  freeResources(): void {
    if (!this.chip.gone) this.quiesce();
    vchan_free_chan_resources(this);
    this.paused = false;
    this.config = {};
    this.peripheral.forget();
    if (this.pool !== null) dma_pool_destroy(this.pool);
    this.pool = null;
  }

  /** The transaction that runs, or is to run next. Lock held. */
  firstIssued(): AxiDmaDesc | null {
    const desc = vchan_next_desc(this);
    return desc === null ? null : toAxiDmaDesc(desc);
  }

  /** Starts the first issued transaction, if the channel is idle. Lock held. */
  startNext(): void {
    const desc = this.firstIssued();
    if (desc === null || desc.started || this.chip.gone) return;
    desc.started = true;
    this.program(desc);
    this.setEnabled(true);
  }

  private program(desc: AxiDmaDesc): void {
    const { direction } = desc;
    const linkedList =
      (MBLK_TYPE_LL << CH_CFG_L_SRC_MULTBLK_TYPE_POS) | (MBLK_TYPE_LL << CH_CFG_L_DST_MULTBLK_TYPE_POS);
    let high = TT_FC_OF_DIRECTION[direction] << CH_CFG_H_TT_FC_POS;
    high |= this.chip.config.priority[this.id]! << CH_CFG_H_PRIORITY_POS;
    if (direction !== DMA_MEM_TO_MEM) {
      high |= (this.handshake << CH_CFG_H_SRC_PER_POS) | (this.handshake << CH_CFG_H_DST_PER_POS);
    }
    this.write(CH_CFG_L, linkedList);
    this.write(CH_CFG_H, high);
    const { llp } = desc.items[0]!;
    this.write(CH_LLP, Number(llp & 0xffff_ffffn));
    this.write(CH_LLP + 4, Number(llp >> 32n));
    const causes = IRQ_ALL_ERR | (desc.cyclic === null ? IRQ_DMA_TRF : IRQ_BLOCK_TRF);
    this.write(CH_INTCLEAR, 0xffff_ffff);
    this.write(CH_INTSIGNAL_ENA, causes);
    // A pause is noticed by polling the status; it needs no interrupt.
    this.write(CH_INTSTATUS_ENA, causes | IRQ_SUSPENDED);
  }

  /** The controller stopped at an item that was not valid when it came by, and is valid now. */
  resumeAtItem(): void {
    this.write(CH_BLK_TFR_RESUMEREQ, 1);
  }

  /**
   * Stops the channel and waits until it has: a disabled channel finishes what it is about, one that hangs on a
   * silent peripheral is aborted. 0 or `-ETIMEDOUT`.
   */
  stop(): number {
    const { regs } = this.chip;
    const active = 1 << (CHAN_EN_SHIFT + this.id);
    this.setEnabled(false);
    const idle = (value: number): boolean => (value & active) === 0;
    if (readl_poll_timeout_atomic(regs.add(DMAC_CHEN), idle, STOP_POLL_US, STOP_TIMEOUT_US) === 0) return 0;
    regs.writel(DMAC_CHEN_H, (1 << (CHAN_ABORT_SHIFT + this.id)) | (1 << (CHAN_ABORT_WE_SHIFT + this.id)));
    if (readl_poll_timeout_atomic(regs.add(DMAC_CHEN), idle, STOP_POLL_US, STOP_TIMEOUT_US) === 0) return 0;
    this.chip.dev.kernel.warn('dw_axi_dmac', `${dma_chan_name(this)} failed to stop`);
    return -ETIMEDOUT;
  }

  /** `device_terminate_all`: what was queued is dropped without a callback. */
  terminate(): number {
    const { error, dropped } = withChannelLock(this, () => {
      const stopped = this.chip.gone ? 0 : this.stop();
      if (stopped === 0 && !this.chip.gone) this.maskInterrupts();
      this.paused = false;
      return { error: stopped, dropped: vchan_get_all_descriptors(this) };
    });
    // A channel that did not stop may still use its items: better to leak them than to hand them out again.
    if (error === 0) vchan_dma_desc_free_list(this, dropped);
    return error;
  }

  /** `device_pause`: 0 once the channel has drained, `-EAGAIN` if it does not say so in time. */
  pause(): number {
    return withChannelLock(this, () => {
      if (this.chip.gone) return -EAGAIN;
      this.setSuspended(true);
      for (let poll = 0; poll < SUSPEND_POLLS; poll++) {
        if ((this.read(CH_INTSTATUS) & IRQ_SUSPENDED) !== 0) {
          this.write(CH_INTCLEAR, IRQ_SUSPENDED);
          this.paused = true;
          return 0;
        }
        udelay(this.chip.dev.kernel, 2);
      }
      this.setSuspended(false);
      return -EAGAIN;
    });
  }

  /** `device_resume`. */
  resume(): number {
    withChannelLock(this, () => {
      if (this.paused && !this.chip.gone) this.setSuspended(false);
      this.paused = false;
    });
    return 0;
  }

  /** Whether `pause` is in force. */
  get isPaused(): boolean {
    return this.paused;
  }

  /** The address of the item that is fetched next, and the number of source items done in the current block. */
  progress(): { next: bigint; items: number } {
    return { next: this.nextItem(), items: this.read(CH_STATUS) & CH_STATUS_CMPLTD_BLK_SIZE_MASK };
  }

  /** `CH_LLP`; the channel may change it between the reads of its halves. */
  private nextItem(): bigint {
    let high = this.read(CH_LLP + 4);
    for (;;) {
      const low = this.read(CH_LLP);
      const before = high;
      high = this.read(CH_LLP + 4);
      if (high === before) return (BigInt(high) << 32n) | BigInt((low & ~0x3f) >>> 0);
    }
  }
}

/** `dchan_to_axi_dma_chan`: the driver's own view of a channel. One of another driver stops the kernel. */
export const toAxiDmaChan = (chan: DmaChan): AxiDmaChan => {
  if (chan instanceof AxiDmaChan) return chan;
  throw new KernelOops('dw-axi-dmac was handed a channel of another driver');
};
