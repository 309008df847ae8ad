import { expect } from 'chai';
import * as hw from './rig';
import { IRQ, pattern, Rig, type Item } from './rig';

const SRC = 0x8000_0000;
const DST = 0x9000_0000;
const LIST = 0xa000_0000;

const bigBlock: Item = { sar: SRC, dar: DST, items: 8192, srcWidth: 3, dstWidth: 3 };

const rigWithMemory = (options: ConstructorParameters<typeof Rig>[0] = {}): Rig => {
  const rig = new Rig(options);
  rig.port.map(SRC, 0x10000);
  rig.port.map(DST, 0x10000);
  rig.port.poke(SRC, pattern(0x10000));
  return rig;
};

/** Bytes of the destination that have arrived, and that nothing has after them. */
const arrived = (rig: Rig): number => {
  const [from, to] = [rig.port.bytes(SRC, 0x10000), rig.port.bytes(DST, 0x10000)];
  let length = 0x10000;
  while (length > 0 && to[length - 1] === 0) length--;
  expect(Buffer.compare(to.subarray(0, length), from.subarray(0, length))).to.equal(0);
  return length;
};

describe('dw-axi-dmac: control', () => {
  it('suspends between steps and resumes where it was', () => {
    const rig = rigWithMemory();
    rig.block(0, bigBlock);
    rig.enable(0);
    for (let i = 0; i < 4; i++) rig.step();
    rig.suspend(0);
    expect(rig.regs.readl(hw.DMAC_CHEN)).to.equal(0x1_0001);
    rig.run();
    expect(rig.status() >>> 0).to.equal(IRQ.SUSPENDED | IRQ.SRC_SUSPENDED);
    expect(rig.isEnabled(0)).to.equal(true);
    const before = arrived(rig);
    expect(before).to.be.within(4096, 0x8000);
    expect(rig.readCh(0, hw.CH_STATUS) * 8).to.equal(before);
    rig.writeCh(0, hw.CH_INTCLEAR, 0xffff_ffff);
    rig.resume(0);
    rig.suspend(0);
    rig.run();
    expect(rig.status() >>> 0, 'suspended again at once').to.equal(IRQ.SUSPENDED | IRQ.SRC_SUSPENDED);
    expect(arrived(rig)).to.equal(before);
    rig.writeCh(0, hw.CH_INTCLEAR, 0xffff_ffff);
    rig.resume(0);
    rig.run();
    expect(rig.status()).to.equal(IRQ.DMA_TRF);
    expect(arrived(rig)).to.equal(0x10000);
  });

  it('suspends and disables: the suspend request is gone for the next transfer', () => {
    const rig = rigWithMemory();
    rig.block(0, bigBlock);
    rig.enable(0);
    rig.step();
    rig.suspend(0);
    rig.run();
    rig.disable(0);
    rig.run();
    expect(rig.regs.readl(hw.DMAC_CHEN)).to.equal(0);
    rig.block(0, bigBlock);
    rig.enable(0);
    rig.run();
    expect(arrived(rig)).to.equal(0x10000);
  });

  it('ignores requests to suspend or abort a channel that is not enabled', () => {
    const rig = rigWithMemory();
    rig.suspend(0);
    rig.abort(0);
    rig.run();
    expect(rig.regs.readq(hw.DMAC_CHEN)).to.equal(0n);
    expect(rig.status()).to.equal(0);
  });

  it('disables after the step in flight; then nothing moves any more', () => {
    const rig = rigWithMemory();
    rig.block(0, bigBlock);
    rig.enable(0);
    for (let i = 0; i < 3; i++) rig.step();
    rig.disable(0);
    expect(rig.isEnabled(0), 'not yet').to.equal(true);
    while (rig.isEnabled(0)) rig.step();
    const bytes = arrived(rig);
    rig.run();
    expect(arrived(rig)).to.equal(bytes);
    expect(rig.status()).to.equal(IRQ.DISABLED);
    expect(rig.readCh(0, hw.CH_SAR)).to.equal(SRC + bytes);
  });

  it('aborts', () => {
    const rig = rigWithMemory();
    rig.block(0, bigBlock);
    rig.enable(0);
    rig.step();
    rig.abort(0);
    expect(rig.regs.readl(hw.DMAC_CHEN_H)).to.equal(1);
    rig.run();
    expect(rig.status()).to.equal(IRQ.ABORTED);
    expect(rig.regs.readq(hw.DMAC_CHEN)).to.equal(0n);
  });

  it('an abort in the last step leaves the list item as it is', () => {
    const rig = rigWithMemory();
    rig.list(0, LIST, [{ ...bigBlock, items: 64 }]);
    rig.step();
    rig.abort(0);
    rig.run();
    expect(rig.status()).to.equal(IRQ.ABORTED);
    expect(rig.port.bytes(LIST + 39, 1)[0]! & 0x80).to.equal(0x80);
  });

  it('goes round a list for ever where there is no write-back, in bounded steps', () => {
    const rig = rigWithMemory({ lliWriteBack: false });
    rig.list(0, LIST, [
      { ...bigBlock, items: 16, llp: LIST + 64 },
      { ...bigBlock, items: 16, llp: LIST, last: false },
    ]);
    let last = -1;
    for (let i = 0; i < 10_000; i++) {
      rig.step();
      expect(rig.now).to.be.greaterThan(last);
      last = rig.now;
    }
    expect(rig.isEnabled(0)).to.equal(true);
    rig.suspend(0);
    rig.run(10);
    expect(rig.status() >>> 0).to.equal(IRQ.SUSPENDED | IRQ.SRC_SUSPENDED);
    rig.abort(0);
    rig.run(10);
    expect(rig.isEnabled(0)).to.equal(false);
  });

  it('goes round a list as long as software keeps making the items valid', () => {
    const rig = rigWithMemory();
    const items = [0, 1, 2].map((i) => ({
      ...bigBlock,
      dar: DST + 128 * i,
      items: 16,
      last: true,
      llp: LIST + 64 * ((i + 1) % 3),
    }));
    rig.list(0, LIST, items);
    for (let period = 0; period < 10; period++) {
      rig.run();
      expect(rig.status()).to.equal(IRQ.DMA_TRF);
      const next = rig.readCh(0, hw.CH_LLP);
      expect(next).to.equal(LIST + 64 * ((period + 1) % 3));
      rig.writeCh(0, hw.CH_INTCLEAR, IRQ.DMA_TRF);
      rig.port.poke(next, hw.lliBytes(items[(period + 1) % 3]!));
      rig.enable(0);
    }
  });

  it('a list that leads back to a consumed item stops there', () => {
    const rig = rigWithMemory();
    rig.list(0, LIST, [{ ...bigBlock, items: 16, last: false, llp: LIST }]);
    rig.run();
    expect(rig.status()).to.equal(IRQ.INVALID_ERR);
  });

  it('turning the controller off stops all channels, and reads back when it has', () => {
    const rig = rigWithMemory();
    for (const channel of [0, 3]) {
      rig.block(channel, bigBlock);
      rig.enable(channel);
    }
    rig.step();
    rig.regs.writel(hw.DMAC_CFG, 0);
    expect(rig.regs.readl(hw.DMAC_CFG)).to.equal(1);
    rig.enable(1);
    rig.run();
    expect(rig.regs.readl(hw.DMAC_CFG)).to.equal(0);
    expect(rig.regs.readq(hw.DMAC_CHEN)).to.equal(0n);
    const bytes = arrived(rig);
    expect(bytes).to.be.lessThan(0x10000);
    rig.enable(0);
    expect(rig.isEnabled(0), 'disabled controller').to.equal(false);
    rig.run();
    expect(arrived(rig)).to.equal(bytes);
  });

  it('resets through its register, in the middle of a step', () => {
    const rig = rigWithMemory();
    rig.block(0, bigBlock);
    rig.enable(0);
    rig.step();
    rig.step();
    const before = rig.now;
    rig.regs.writel(hw.DMAC_RESET, 1);
    expect(rig.regs.readl(hw.DMAC_RESET)).to.equal(1);
    rig.run();
    expect(rig.now - before).to.equal(20);
    const bytes = arrived(rig);
    expect(rig.regs.readl(hw.DMAC_RESET)).to.equal(0);
    expect(rig.regs.readl(hw.DMAC_CFG)).to.equal(0);
    expect(rig.readCh(0, hw.CH_SAR)).to.equal(0);
    expect(rig.status()).to.equal(0);
    rig.run();
    expect(arrived(rig)).to.equal(bytes);
    rig.regs.writel(hw.DMAC_CFG, 3);
    rig.block(0, bigBlock);
    rig.enable(0);
    rig.run();
    expect(arrived(rig)).to.equal(0x10000);
  });

  it('power-on reset drops everything', () => {
    const rig = rigWithMemory();
    rig.block(0, { ...bigBlock, items: 16 });
    rig.enable(0);
    rig.run();
    expect(rig.host.interrupts[0]!.level).to.equal(true);
    rig.block(0, bigBlock);
    rig.enable(0);
    rig.step();
    rig.dmac.reset();
    expect(rig.host.clock.nextDeadline).to.equal(Infinity);
    expect(rig.host.interrupts[0]!.level).to.equal(false);
    expect(rig.regs.readq(hw.DMAC_CHEN)).to.equal(0n);
    expect(rig.regs.readl(hw.DMAC_CFG)).to.equal(0);
    expect(rig.readCh(0, hw.CH_INTSTATUS_ENA)).to.not.equal(0);
  });

  it('does not start a channel whose peripheral is to control the flow', () => {
    const rig = rigWithMemory();
    const events: string[] = [];
    rig.host.trace.subscribe(({ event }) => events.push(event.type));
    for (const ttFc of [4, 5, 6, 7]) {
      rig.block(0, bigBlock, { ttFc });
      rig.enable(0);
      expect(rig.isEnabled(0)).to.equal(false);
      rig.run();
    }
    expect(events).to.deep.equal(['unimplemented', 'unimplemented', 'unimplemented', 'unimplemented']);
    expect(arrived(rig)).to.equal(0);
  });

  it('survives a channel that writes to its own controller', () => {
    const target = 0x1000_0000;
    const writes: [string, number, number][] = [
      ['disables itself', hw.DMAC_CHEN, 0x100],
      ['resets the controller', hw.DMAC_RESET, 1],
      ['turns the controller off', hw.DMAC_CFG, 0],
      ['changes its own source', 0x100 + hw.CH_SAR, 0x1234],
    ];
    for (const [name, offset, value] of writes) {
      const rig = rigWithMemory();
      rig.port.mount(target, rig.dmac.mmio[0]);
      rig.port.poke(SRC, Uint8Array.of(value & 0xff, value >> 8, 0, 0));
      rig.block(0, { sar: SRC, dar: target + offset, items: 1, srcWidth: 2, dstWidth: 2 });
      rig.enable(0);
      rig.run();
      expect(rig.isEnabled(0), name).to.equal(false);
    }
  });
});
