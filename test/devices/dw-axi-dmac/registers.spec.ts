import { expect } from 'chai';
import { LabError } from '../../../base/errors';
import { DwAxiDmac } from '../../../devices/dw-axi-dmac';
import * as hw from './rig';
import { IRQ, pattern, Rig } from './rig';

const SRC = 0x8000_0000;
const DST = 0x9000_0000;

const copy = (rig: Rig, channel = 0): void => {
  rig.port.map(SRC, 4096);
  rig.port.map(DST, 4096);
  rig.port.poke(SRC, pattern(4096));
  rig.block(channel, { sar: SRC, dar: DST, items: 64, ioc: true });
  rig.enable(channel);
};

describe('dw-axi-dmac: registers', () => {
  it('identifies itself and cannot be made to say otherwise', () => {
    const rig = new Rig();
    const version = rig.regs.readl(hw.DMAC_COMPVER);
    expect(version).to.equal(0x3230_302a);
    rig.regs.writel(hw.DMAC_COMPVER, 0);
    expect(rig.regs.readl(hw.DMAC_COMPVER)).to.equal(version);
    expect(rig.regs.readl(hw.DMAC_COMMON_INTSTATUS)).to.equal(2);
  });

  it('enables only with the write enable bit', () => {
    const rig = new Rig();
    rig.block(0, { sar: SRC, dar: DST, items: 1 });
    rig.regs.writel(hw.DMAC_CHEN, 0xff);
    expect(rig.regs.readl(hw.DMAC_CHEN)).to.equal(0);
    rig.regs.writel(hw.DMAC_CHEN, 0x1ff);
    expect(rig.regs.readl(hw.DMAC_CHEN)).to.equal(1);
  });

  it('has as many channels as it is given', () => {
    const rig = new Rig({ channels: 2 });
    rig.regs.writel(hw.DMAC_CHEN, 0xffff);
    expect(rig.regs.readl(hw.DMAC_CHEN)).to.equal(3);
    rig.writeCh(2, hw.CH_SAR, 1);
    expect(rig.readCh(2, hw.CH_SAR)).to.equal(0);
    expect(rig.regs.readl(hw.DMAC_COMMON_INTSTATUS)).to.equal(0x100);
  });

  it('records an event only if its status is enabled, and signals only what is to be signalled', () => {
    for (const [enable, signal] of [
      [0, 0xffff_ffff],
      [IRQ.DMA_TRF, 0],
      [IRQ.DMA_TRF, IRQ.DMA_TRF],
    ] as const) {
      const rig = new Rig();
      rig.writeCh(0, hw.CH_INTSTATUS_ENA, enable);
      rig.writeCh(0, hw.CH_INTSIGNAL_ENA, signal);
      copy(rig);
      rig.run();
      expect(rig.status()).to.equal(enable & IRQ.DMA_TRF);
      expect(rig.host.interrupts[0]!.level).to.equal((enable & signal & IRQ.DMA_TRF) !== 0);
      expect(rig.regs.readl(hw.DMAC_INTSTATUS)).to.equal((enable & signal & IRQ.DMA_TRF) === 0 ? 0 : 1);
    }
  });

  it('clears what is written to INTCLEAR, and the wire follows', () => {
    const rig = new Rig();
    copy(rig, 5);
    rig.run();
    expect(rig.regs.readl(hw.DMAC_INTSTATUS)).to.equal(1 << 5);
    rig.writeCh(5, hw.CH_INTCLEAR, IRQ.BLOCK_TRF);
    expect(rig.status(5)).to.equal(IRQ.DMA_TRF);
    expect(rig.host.interrupts[0]!.level).to.equal(true);
    rig.writeCh(5, hw.CH_INTCLEAR, IRQ.DMA_TRF);
    expect(rig.host.interrupts[0]!.level).to.equal(false);
  });

  it('INT_EN gates the wire as a level', () => {
    const rig = new Rig();
    copy(rig);
    rig.run();
    rig.regs.writel(hw.DMAC_CFG, 1);
    expect(rig.host.interrupts[0]!.level).to.equal(false);
    rig.regs.writel(hw.DMAC_CFG, 3);
    expect(rig.host.interrupts[0]!.level).to.equal(true);
    expect(rig.host.interrupts[0]!.rises).to.equal(2);
  });

  it('drives a wire per channel if it has them', () => {
    const rig = new Rig({ channels: 4, interrupts: 'per-channel' });
    expect(rig.dmac.interruptCount).to.equal(4);
    copy(rig, 2);
    rig.run();
    expect(rig.host.interrupts.map((line) => line.level)).to.deep.equal([false, false, true, false]);
  });

  it('refuses writes to an enabled channel, except to its quality of service', () => {
    const rig = new Rig();
    copy(rig);
    for (const offset of [
      hw.CH_SAR,
      hw.CH_DAR,
      hw.CH_BLOCK_TS,
      hw.CH_CTL_L,
      hw.CH_CTL_L + 4,
      hw.CH_CFG_L,
      hw.CH_CFG_H,
      hw.CH_LLP,
      hw.CH_AXI_ID,
    ]) {
      const before = rig.readCh(0, offset);
      rig.writeCh(0, offset, 0x5555_5540);
      expect(rig.readCh(0, offset)).to.equal(before);
      expect(rig.status()).to.equal(IRQ.WRONCHEN_ERR);
      rig.writeCh(0, hw.CH_INTCLEAR, IRQ.WRONCHEN_ERR);
    }
    rig.writeCh(0, hw.CH_AXI_QOS, 0x11);
    expect(rig.readCh(0, hw.CH_AXI_QOS)).to.equal(0x11);
    expect(rig.status()).to.equal(0);
    rig.run();
    expect([...rig.port.bytes(DST, 64)]).to.deep.equal([...rig.port.bytes(SRC, 64)]);
  });

  it('notices wrong accesses to a channel', () => {
    const rig = new Rig();
    rig.writeCh(1, hw.CH_STATUS, 1);
    expect(rig.status(1)).to.equal(IRQ.WR2RO_ERR);
    rig.readCh(1, hw.CH_INTCLEAR);
    expect(rig.status(1)).to.equal(IRQ.WR2RO_ERR | IRQ.RD2RWO_ERR);
    rig.writeCh(1, 0xf0, 1);
    expect(rig.status(1)).to.equal(IRQ.WR2RO_ERR | IRQ.RD2RWO_ERR | IRQ.DEC_ERR);
    expect(rig.status(0)).to.equal(0);
    expect(rig.host.interrupts[0]!.level).to.equal(true);
  });

  it('notices wrong accesses to the common registers', () => {
    const rig = new Rig();
    rig.regs.readl(hw.DMAC_COMMON_INTCLEAR);
    rig.regs.readl(0x60);
    expect(rig.regs.readl(hw.DMAC_COMMON_INTSTATUS)).to.equal(0x104);
    expect(rig.regs.readl(hw.DMAC_INTSTATUS)).to.equal(0x1_0000);
    rig.regs.writel(hw.DMAC_COMMON_INTSIGNAL_ENA, 0);
    expect(rig.host.interrupts[0]!.level).to.equal(false);
    rig.regs.writel(hw.DMAC_COMMON_INTCLEAR, 0x104);
    expect(rig.regs.readl(hw.DMAC_COMMON_INTSTATUS)).to.equal(0);
  });

  it('a peek changes nothing', () => {
    const rig = new Rig();
    rig.regs.peekl(rig.ch(0, hw.CH_INTCLEAR));
    rig.regs.peekl(0x60);
    expect(rig.status()).to.equal(0);
    expect(rig.regs.readl(hw.DMAC_COMMON_INTSTATUS)).to.equal(0);
  });

  it('refuses impossible parameters', () => {
    for (const options of [
      { channels: 0 },
      { channels: 9 },
      { dataWidth: 7 },
      { blockSize: 0 },
      { blockSize: [1, 2] },
      { maxBurstLength: 257 },
      { bytesPerNs: 0 },
      { latencyNs: 0 },
      { burstNs: -1 },
      { startNs: NaN },
      { chunkBytes: 63 },
      { interrupts: 'many' as 'combined' },
      { speed: 3 } as object,
    ]) {
      expect(() => new DwAxiDmac('dmac', options), JSON.stringify(options)).to.throw(LabError);
    }
  });
});
