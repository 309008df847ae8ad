import { expect } from 'chai';
import { BUS_ACCESS_FAULT, BUS_NO_ADDRESS, BUS_POISONED, type BusOutcome } from '../../../base/bus-outcome';
import * as hw from './rig';
import { IRQ, pattern, Rig, type Item } from './rig';

const SRC = 0x8000_0000;
const DST = 0x9000_0000;
const LIST = 0xa000_0000;
const ITEM: Item = { sar: SRC, dar: DST, items: 64, srcWidth: 2, dstWidth: 2 };

const rigWithMemory = (): Rig => {
  const rig = new Rig();
  rig.port.map(SRC, 0x2000);
  rig.port.map(DST, 0x2000);
  rig.port.poke(SRC, pattern(0x2000));
  rig.port.poke(DST, new Uint8Array(0x2000).fill(0xee));
  return rig;
};

const expectStopped = (rig: Rig, status: number): void => {
  expect(rig.status()).to.equal(status);
  expect(rig.isEnabled(0)).to.equal(false);
  expect(rig.host.interrupts[0]!.level).to.equal(true);
  expect(rig.regs.readl(hw.DMAC_INTSTATUS)).to.equal(1);
  expect(rig.host.clock.nextDeadline).to.equal(Infinity);
};

const untouched = (rig: Rig): void => {
  expect(rig.port.bytes(DST, 0x2000).every((byte) => byte === 0xee)).to.equal(true);
};

describe('dw-axi-dmac: errors', () => {
  const outcomes: [string, BusOutcome][] = [
    ['no such address', BUS_NO_ADDRESS],
    ['access fault', BUS_ACCESS_FAULT],
    ['poison', BUS_POISONED],
  ];
  for (const [name, outcome] of outcomes) {
    const pick = (decode: number, slave: number): number => (outcome === BUS_NO_ADDRESS ? decode : slave);
    for (const fixed of [false, true]) {
      const item = { ...ITEM, srcFixed: fixed };
      it(`${name} at the source${fixed ? ', item by item' : ''}`, () => {
        const rig = rigWithMemory();
        rig.port.fail(SRC, outcome, 'read');
        rig.list(0, LIST, [item]);
        rig.run();
        expectStopped(rig, pick(IRQ.SRC_DEC_ERR, IRQ.SRC_SLV_ERR));
        untouched(rig);
        expect(rig.readCh(0, hw.CH_STATUS)).to.equal(0);
      });

      it(`${name} at the destination${fixed ? ', item by item' : ''}`, () => {
        const rig = rigWithMemory();
        rig.port.fail(DST, outcome, 'write');
        rig.list(0, LIST, [item]);
        rig.run();
        expectStopped(rig, pick(IRQ.DST_DEC_ERR, IRQ.DST_SLV_ERR));
        untouched(rig);
      });
    }

    it(`${name} when an item is fetched`, () => {
      const rig = rigWithMemory();
      rig.port.map(LIST, 64);
      rig.port.fail(LIST, outcome, 'read');
      rig.list(0, LIST, [ITEM]);
      rig.run();
      expectStopped(rig, pick(IRQ.LLI_RD_DEC_ERR, IRQ.LLI_RD_SLV_ERR));
      untouched(rig);
    });

    it(`${name} when an item is written back`, () => {
      const rig = rigWithMemory();
      rig.port.fail(LIST, outcome, 'write');
      rig.list(0, LIST, [ITEM]);
      rig.run();
      expectStopped(rig, pick(IRQ.LLI_WR_DEC_ERR, IRQ.LLI_WR_SLV_ERR));
      expect([...rig.port.bytes(DST, 256)]).to.deep.equal([...rig.port.bytes(SRC, 256)]);
    });
  }

  it('a list that ends nowhere is a decode error, after its blocks have moved', () => {
    const rig = rigWithMemory();
    rig.list(0, LIST, [{ ...ITEM, last: false, llp: 0xdead_beef_0000_0000n }]);
    rig.run();
    expectStopped(rig, IRQ.LLI_RD_DEC_ERR);
    expect([...rig.port.bytes(DST, 256)]).to.deep.equal([...rig.port.bytes(SRC, 256)]);
    expect(rig.regs.readq(rig.ch(0, hw.CH_LLP))).to.equal(0xdead_beef_0000_0000n);
  });

  it('reports the place to the step, when a later page fails', () => {
    const rig = new Rig({ chunkBytes: 1024 });
    rig.port.map(SRC, 0x2000);
    rig.port.map(DST, 0x2000);
    rig.port.fail(DST + 0x1000, BUS_ACCESS_FAULT, 'write');
    rig.list(0, LIST, [{ ...ITEM, items: 2048 }]);
    rig.run();
    expectStopped(rig, IRQ.DST_SLV_ERR);
    expect(rig.readCh(0, hw.CH_STATUS)).to.equal(1024);
    expect(rig.readCh(0, hw.CH_DAR)).to.equal(DST + 0x1000);
  });

  it('works again after an error', () => {
    const rig = rigWithMemory();
    rig.port.fail(SRC, BUS_NO_ADDRESS);
    rig.list(0, LIST, [ITEM]);
    rig.run();
    rig.port.heal(SRC);
    rig.writeCh(0, hw.CH_INTCLEAR, 0xffff_ffff);
    expect(rig.host.interrupts[0]!.level).to.equal(false);
    rig.list(0, LIST, [ITEM]);
    rig.run();
    expect(rig.status()).to.equal(IRQ.DMA_TRF);
  });

  it('an item that is not valid holds the channel until it is asked to resume', () => {
    const rig = rigWithMemory();
    rig.list(0, LIST, [ITEM, { ...ITEM, sar: SRC + 256, dar: DST + 256, valid: false }]);
    rig.run();
    expect(rig.status()).to.equal(IRQ.INVALID_ERR);
    expect(rig.isEnabled(0)).to.equal(true);
    expect(rig.regs.readq(rig.ch(0, hw.CH_LLP))).to.equal(BigInt(LIST + 64));
    rig.writeCh(0, hw.CH_INTCLEAR, IRQ.INVALID_ERR);
    rig.writeCh(0, hw.CH_BLK_TFR_RESUMEREQ, 1);
    rig.run();
    expect(rig.status(), 'still not valid').to.equal(IRQ.INVALID_ERR);
    rig.writeCh(0, hw.CH_INTCLEAR, IRQ.INVALID_ERR);
    rig.port.poke(LIST + 64, hw.lliBytes({ ...ITEM, sar: SRC + 256, dar: DST + 256, last: true }));
    rig.writeCh(0, hw.CH_BLK_TFR_RESUMEREQ, 1);
    rig.run();
    expect(rig.status()).to.equal(IRQ.DMA_TRF);
    expect([...rig.port.bytes(DST, 512)]).to.deep.equal([...rig.port.bytes(SRC, 512)]);
  });

  it('a held channel can be disabled', () => {
    const rig = rigWithMemory();
    rig.list(0, LIST, [{ ...ITEM, valid: false }]);
    rig.run();
    rig.disable(0);
    rig.run();
    expect(rig.isEnabled(0)).to.equal(false);
    expect(rig.status() >>> 0).to.equal(IRQ.INVALID_ERR | IRQ.DISABLED);
  });

  it('valid and last in all combinations', () => {
    for (const valid of [false, true]) {
      for (const last of [false, true]) {
        const rig = rigWithMemory();
        rig.list(0, LIST, [{ ...ITEM, valid, last, llp: 0x7000_0000 }]);
        rig.run();
        const expected = !valid ? IRQ.INVALID_ERR : last ? IRQ.DMA_TRF : IRQ.LLI_RD_DEC_ERR;
        expect(rig.status()).to.equal(expected);
        if (!valid) untouched(rig);
      }
    }
  });

  it('a list and shadow registers do not go together', () => {
    for (const types of [
      { srcType: 2, dstType: 3 },
      { srcType: 3, dstType: 2 },
    ]) {
      const rig = rigWithMemory();
      rig.list(0, LIST, [ITEM], types);
      rig.run();
      expect(rig.status()).to.equal(IRQ.MULTIBLKTYPE_ERR);
      expect(rig.isEnabled(0)).to.equal(true);
      untouched(rig);
    }
  });

  const refusals: [string, Partial<Item>, number][] = [
    ['an unaligned source', { sar: SRC + 2 }, IRQ.SRC_SLV_ERR],
    ['an unaligned destination', { dar: DST + 1 }, IRQ.DST_SLV_ERR],
    ['source items wider than the bus', { srcWidth: 4 }, IRQ.SRC_SLV_ERR],
    ['destination items wider than the bus', { dstWidth: 6 }, IRQ.DST_SLV_ERR],
    ['a reserved width', { srcWidth: 7, dstWidth: 7 }, IRQ.SRC_SLV_ERR | IRQ.DST_SLV_ERR],
    ['a block beyond the block size', { items: 65537 }, IRQ.SRC_SLV_ERR],
    ['a block beyond the counter', { items: 0x8000_0001 }, IRQ.SRC_SLV_ERR],
  ];
  for (const [name, change, status] of refusals) {
    it(`refuses ${name} before anything moves`, () => {
      const rig = rigWithMemory();
      rig.list(0, LIST, [{ ...ITEM, ...change }]);
      rig.run();
      expectStopped(rig, status);
      untouched(rig);
      expect(rig.readCh(0, hw.CH_STATUS)).to.equal(0);
    });
  }

  it('tells of errors on the trace', () => {
    const rig = rigWithMemory();
    const told: string[] = [];
    rig.host.trace.subscribe(({ event }) => {
      if (event.type === 'device') told.push(`${event.device}: ${event.what} ${event.value}`);
    });
    rig.list(0, LIST, [ITEM, { ...ITEM, sar: 0x7000_0000 }]);
    rig.run();
    expect(told).to.deep.equal([
      'dmac: channel 0 enabled 0',
      'dmac: channel 0 block done 256',
      `dmac: channel 0 error ${IRQ.SRC_DEC_ERR}`,
    ]);
  });
});
