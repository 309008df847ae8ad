import type { StructDevice } from '../../base/struct-device';
import type { IoMem } from '../../io/io-mem';
import { DMAC_CFG, DMAC_EN_MASK, INT_EN_MASK } from './regs';

/** What the device tree says about a controller (`snps,dw-axi-dmac.yaml`). */
export interface HwConfig {
  readonly nrChannels: number;
  readonly nrMasters: number;
  /** log2 of the bytes of the data bus. */
  readonly dataWidth: number;
  /** Items in a block, for each channel. */
  readonly blockSize: readonly number[];
  readonly priority: readonly number[];
  /** Longest AXI burst in beats, if it is restricted. */
  readonly maxBurst: number | null;
}

/** One controller: its registers and what is common to its channels. */
export class AxiDmaChip {
  readonly dev: StructDevice;
  readonly regs: IoMem;
  readonly config: HwConfig;
  /** The driver is gone: channels that clients still hold do nothing any more. */
  gone = false;

  constructor(dev: StructDevice, regs: IoMem, config: HwConfig) {
    this.dev = dev;
    this.regs = regs;
    this.config = config;
  }

  private update(clear: number, set: number): void {
    this.regs.writel(DMAC_CFG, (this.regs.readl(DMAC_CFG) & ~clear) | set);
  }

  /** Lets channels run. */
  enable(): void {
    this.update(0, DMAC_EN_MASK);
  }

  /** Stops all channels. */
  disable(): void {
    this.update(DMAC_EN_MASK, 0);
  }

  /** Lets interrupts out. */
  irqEnable(): void {
    this.update(0, INT_EN_MASK);
  }

  /** Holds interrupts back; causes are remembered. */
  irqDisable(): void {
    this.update(INT_EN_MASK, 0);
  }
}
