import { DwAxiDmac } from '../../../devices/dw-axi-dmac';
import type { DwAxiDmacOptions } from '../../../devices/dw-axi-dmac';
import type { DmaRequestLine } from '../../../emulator/dma-request';
import { fakeDeviceHost, RegisterWindow, type FakeDeviceHost } from '../../support/fake-device-host';

/** Register offsets and bits as a driver has them, from Linux's dw-axi-dmac.h. */
export const DMAC_ID = 0x000;
export const DMAC_COMPVER = 0x008;
export const DMAC_CFG = 0x010;
export const DMAC_CHEN = 0x018;
export const DMAC_CHEN_H = 0x01c;
export const DMAC_INTSTATUS = 0x030;
export const DMAC_COMMON_INTCLEAR = 0x038;
export const DMAC_COMMON_INTSTATUS_ENA = 0x040;
export const DMAC_COMMON_INTSIGNAL_ENA = 0x048;
export const DMAC_COMMON_INTSTATUS = 0x050;
export const DMAC_RESET = 0x058;
export const CH_SAR = 0x000;
export const CH_DAR = 0x008;
export const CH_BLOCK_TS = 0x010;
export const CH_CTL_L = 0x018;
export const CH_CTL_H = 0x01c;
export const CH_CFG_L = 0x020;
export const CH_CFG_H = 0x024;
export const CH_LLP = 0x028;
export const CH_STATUS = 0x030;
export const CH_SWHSSRC = 0x038;
export const CH_SWHSDST = 0x040;
export const CH_BLK_TFR_RESUMEREQ = 0x048;
export const CH_AXI_ID = 0x050;
export const CH_AXI_QOS = 0x058;
export const CH_INTSTATUS_ENA = 0x080;
export const CH_INTSTATUS = 0x088;
export const CH_INTSIGNAL_ENA = 0x090;
export const CH_INTCLEAR = 0x098;

export const IRQ = {
  BLOCK_TRF: 1 << 0,
  DMA_TRF: 1 << 1,
  SRC_TRAN: 1 << 3,
  DST_TRAN: 1 << 4,
  SRC_DEC_ERR: 1 << 5,
  DST_DEC_ERR: 1 << 6,
  SRC_SLV_ERR: 1 << 7,
  DST_SLV_ERR: 1 << 8,
  LLI_RD_DEC_ERR: 1 << 9,
  LLI_WR_DEC_ERR: 1 << 10,
  LLI_RD_SLV_ERR: 1 << 11,
  LLI_WR_SLV_ERR: 1 << 12,
  INVALID_ERR: 1 << 13,
  MULTIBLKTYPE_ERR: 1 << 14,
  DEC_ERR: 1 << 16,
  WR2RO_ERR: 1 << 17,
  RD2RWO_ERR: 1 << 18,
  WRONCHEN_ERR: 1 << 19,
  SHADOWREG_ERR: 1 << 20,
  SRC_SUSPENDED: 1 << 28,
  SUSPENDED: 1 << 29,
  DISABLED: 1 << 30,
  ABORTED: 2 ** 31,
} as const;

export const CTL_H_IOC = 1 << 26;
export const CTL_H_LAST = 1 << 30;
export const CTL_H_VALID = 2 ** 31;

/** CH_CTL_L from its parts; widths as log2 of bytes, msize as encoded. */
export interface CtlParts {
  readonly srcWidth?: number;
  readonly dstWidth?: number;
  readonly srcFixed?: boolean;
  readonly dstFixed?: boolean;
  readonly srcMsize?: number;
  readonly dstMsize?: number;
}

export const ctlLow = (parts: CtlParts = {}): number =>
  ((parts.srcWidth ?? 0) << 8) |
  ((parts.dstWidth ?? 0) << 11) |
  (parts.srcFixed === true ? 1 << 4 : 0) |
  (parts.dstFixed === true ? 1 << 6 : 0) |
  ((parts.srcMsize ?? 1) << 14) |
  ((parts.dstMsize ?? 1) << 18);

export interface CfgParts {
  readonly srcType?: number;
  readonly dstType?: number;
  readonly ttFc?: number;
  readonly srcPer?: number;
  readonly dstPer?: number;
  readonly softwareHandshake?: boolean;
  readonly priority?: number;
}

/** A linked-list item as a driver writes it. */
export interface Item extends CtlParts {
  readonly sar: number | bigint;
  readonly dar: number | bigint;
  readonly items: number;
  readonly llp?: number | bigint;
  readonly last?: boolean;
  readonly valid?: boolean;
  readonly ioc?: boolean;
}

export const lliBytes = (item: Item): Uint8Array => {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(item.sar), true);
  view.setBigUint64(8, BigInt(item.dar), true);
  view.setUint32(16, item.items - 1, true);
  view.setBigUint64(24, BigInt(item.llp ?? 0), true);
  view.setUint32(32, ctlLow(item), true);
  const high =
    (item.valid === false ? 0 : CTL_H_VALID) +
    (item.last === true ? CTL_H_LAST : 0) +
    (item.ioc === true ? CTL_H_IOC : 0);
  view.setUint32(36, high, true);
  view.setUint32(40, 0x5555_5555, true);
  view.setUint32(44, 0x6666_6666, true);
  return bytes;
};

/** A byte that depends on its position. */
export const patternByte = (at: number, salt = 0): number => (at * 7 + (at >> 8) * 13 + salt + 1) & 0xff;
export const pattern = (length: number, salt = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => patternByte(at, salt));

/** A controller on a fake host, and the things a driver does with it. */
export class Rig {
  readonly host: FakeDeviceHost;
  readonly dmac: DwAxiDmac;
  readonly regs: RegisterWindow;
  /** Timer firings so far. */
  firings = 0;

  constructor(options: DwAxiDmacOptions = {}, dmaRequests: readonly (DmaRequestLine | undefined)[] = []) {
    this.dmac = new DwAxiDmac('dmac', options);
    this.host = fakeDeviceHost({ interrupts: this.dmac.interruptCount, dmaRequests });
    this.dmac.connect(this.host);
    this.regs = new RegisterWindow(this.dmac.mmio[0]);
    this.regs.writel(DMAC_CFG, 3);
  }

  get port() {
    return this.host.dma;
  }

  get now(): number {
    return this.host.clock.now;
  }

  ch(channel: number, offset: number): number {
    return 0x100 + channel * 0x100 + offset;
  }

  readCh(channel: number, offset: number): number {
    return this.regs.readl(this.ch(channel, offset));
  }

  writeCh(channel: number, offset: number, value: number): void {
    this.regs.writel(this.ch(channel, offset), value);
  }

  address(channel: number, offset: number, address: number | bigint): void {
    const value = BigInt(address);
    this.writeCh(channel, offset, Number(value & 0xffff_ffffn));
    this.writeCh(channel, offset + 4, Number(value >> 32n));
  }

  configure(channel: number, parts: CfgParts = {}): void {
    this.writeCh(channel, CH_CFG_L, (parts.srcType ?? 0) | ((parts.dstType ?? 0) << 2));
    this.writeCh(
      channel,
      CH_CFG_H,
      (parts.ttFc ?? 0) |
        (parts.softwareHandshake === true ? 0x18 : 0) |
        ((parts.srcPer ?? 0) << 7) |
        ((parts.dstPer ?? 0) << 12) |
        ((parts.priority ?? 0) << 17),
    );
  }

  enable(channel: number): void {
    this.regs.writel(DMAC_CHEN, 0x101 << channel);
  }

  disable(channel: number): void {
    this.regs.writel(DMAC_CHEN, 0x100 << channel);
  }

  suspend(channel: number): void {
    this.regs.writel(DMAC_CHEN, (0x101_0000 << channel) >>> 0);
  }

  resume(channel: number): void {
    this.regs.writel(DMAC_CHEN, (0x100_0000 << channel) >>> 0);
  }

  abort(channel: number): void {
    this.regs.writel(DMAC_CHEN_H, 0x101 << channel);
  }

  isEnabled(channel: number): boolean {
    return (this.regs.readl(DMAC_CHEN) & (1 << channel)) !== 0;
  }

  status(channel = 0): number {
    return this.readCh(channel, CH_INTSTATUS);
  }

  /** A single block programmed through the registers. */
  block(channel: number, item: Item, cfg: CfgParts = {}): void {
    this.configure(channel, cfg);
    this.address(channel, CH_SAR, item.sar);
    this.address(channel, CH_DAR, item.dar);
    this.writeCh(channel, CH_BLOCK_TS, item.items - 1);
    this.writeCh(channel, CH_CTL_L, ctlLow(item));
    this.writeCh(channel, CH_CTL_H, (item.ioc === true ? CTL_H_IOC : 0) + (item.last === true ? CTL_H_LAST : 0));
  }

  /** A list in memory from `at` on, one item after the other; the channel is pointed to it and enabled. */
  list(channel: number, at: number, items: readonly Item[], cfg: CfgParts = {}): void {
    this.port.map(at, items.length * 64);
    items.forEach((item, i) => {
      const llp = i + 1 < items.length ? at + 64 * (i + 1) : 0;
      this.port.poke(at + 64 * i, lliBytes({ llp, last: i + 1 === items.length, ...item }));
    });
    this.configure(channel, { srcType: 3, dstType: 3, ...cfg });
    this.address(channel, CH_LLP, at);
    this.enable(channel);
  }

  /** Fires one event; false if nothing is armed. */
  step(): boolean {
    this.firings++;
    return this.host.clock.fireNext();
  }

  /** Runs until nothing is left to happen. Fails the test after a number of firings that no test needs. */
  run(limit = 100_000): void {
    for (let i = 0; this.step(); i++) if (i > limit) throw new Error('does not come to rest');
  }
}
