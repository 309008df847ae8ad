import { expect } from 'chai';
import fc from 'fast-check';
import { BUS_ACCESS_FAULT, BUS_OK } from '../../../base/bus-outcome';
import { LabError } from '../../../base/errors';
import { u64 } from '../../../base/u64';
import { patternBytes, StreamFifo, streamChecksum, type StreamFifoOptions } from '../../../devices/stream-fifo';
import { DmaRequestLine } from '../../../emulator/dma-request';
import { fakeDeviceHost, RegisterWindow } from '../../support/fake-device-host';

const CONTROL = 0x04;
const STATUS = 0x08;
const TX_LEVEL = 0x0c;
const RX_LEVEL = 0x10;
const TX_BURST = 0x18;
const RX_BURST = 0x1c;
const INT_STATUS = 0x20;
const INT_ENABLE = 0x24;
const SEED = 0x28;
const TX_COUNT = 0x2c;
const RX_COUNT = 0x30;
const TX_CHECKSUM = 0x34;
const RX_CHECKSUM = 0x38;
const TX_OVERFLOWS = 0x3c;
const RX_UNDERFLOWS = 0x40;
const RX_OVERRUNS = 0x44;
const TX_DATA = 0x80;
const RX_DATA = 0x88;

const SINK = 0x01;
const SOURCE = 0x02;
const LOOPBACK = 0x04;
const DMA_TX = 0x08;
const DMA_RX = 0x10;
const STALL = 0x20;
const RESET = 0x100;

const setUp = (options: StreamFifoOptions = {}, seed = 1) => {
  const [rx, tx] = [new DmaRequestLine(0), new DmaRequestLine(1)];
  const host = fakeDeviceHost({ dmaRequests: [rx, tx], seed });
  const fifo = new StreamFifo('fifo', options);
  fifo.connect(host);
  return { host, fifo, rx, tx, regs: new RegisterWindow(fifo.mmio[0]!), line: host.interrupts[0]! };
};

describe('stream-fifo', () => {
  it('says what it is', () => {
    const { regs } = setUp({ depth: 9, width: 2 });
    expect(regs.readl(0)).to.equal(0x4649_4653);
    expect(regs.readl(0x14)).to.equal((2 << 16) | 9);
    expect(regs.readl(STATUS)).to.equal(0x5);
    expect(regs.readl(CONTROL)).to.equal(STALL);
  });

  it('sinks items at its rate, and sums them up', () => {
    const { regs, fifo, host } = setUp({ sinkNs: 50 });
    regs.writel(TX_DATA, 0x0403_0201);
    regs.writel(TX_DATA, 0x0807_0605);
    host.clock.runUntil(1000);
    expect(regs.readl(TX_LEVEL), 'the sink is off').to.equal(2);
    regs.writel(CONTROL, SINK);
    host.clock.runUntil(1049);
    expect(regs.readl(TX_COUNT)).to.equal(0);
    host.clock.runUntil(1050);
    expect(regs.readl(TX_COUNT)).to.equal(1);
    host.clock.runUntil(5000);
    expect([...fifo.received()]).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(regs.readl(TX_CHECKSUM)).to.equal(streamChecksum([1, 2, 3, 4, 5, 6, 7, 8]));
    expect(host.clock.nextDeadline, 'an idle sink needs no events').to.equal(Infinity);
  });

  it('produces its pattern at its rate', () => {
    for (const width of [1, 2, 4, 8] as const) {
      const { fifo, regs, host } = setUp({ width, sourceNs: 10, depth: 4 });
      regs.writel(SEED, 99);
      regs.writel(CONTROL, SOURCE | STALL);
      host.clock.runUntil(35);
      expect(regs.readl(RX_LEVEL)).to.equal(3);
      const bytes: number[] = [];
      const value = u64();
      for (let i = 0; i < 20; i++) {
        host.clock.runUntil(host.clock.now + 10);
        expect(fifo.mmio[0]!.peek(RX_DATA, width, value)).to.equal(BUS_OK);
        const peeked = { ...value };
        expect(fifo.mmio[0]!.read(RX_DATA, width, value)).to.equal(BUS_OK);
        expect(value).to.deep.equal(peeked);
        for (let at = 0; at < width; at++)
          bytes.push((at < 4 ? value.lo >>> (8 * at) : value.hi >>> (8 * at - 32)) & 0xff);
        if (width < 4) expect(value.lo).to.be.below(2 ** (8 * width));
      }
      expect(bytes).to.deep.equal([...patternBytes(99, 0, 20, width)]);
      expect(regs.readl(RX_CHECKSUM)).to.equal(streamChecksum(bytes));
    }
  });

  it('takes its seed from the host, and keeps it over a reset', () => {
    const first = setUp({}, 1);
    expect(first.regs.readl(SEED)).to.equal(setUp({}, 1).regs.readl(SEED));
    expect(first.regs.readl(SEED)).to.not.equal(setUp({}, 2).regs.readl(SEED));
    const seed = first.regs.readl(SEED);
    first.regs.writel(SEED, 0);
    first.fifo.reset();
    expect(first.regs.readl(SEED)).to.equal(seed);
  });

  it('a stalling source waits, another loses items and counts them', () => {
    for (const stall of [0, STALL]) {
      const { regs, host } = setUp({ depth: 4, sourceNs: 10 });
      regs.writel(CONTROL, SOURCE | stall);
      host.clock.runUntil(100);
      expect(regs.readl(RX_LEVEL)).to.equal(4);
      expect(regs.readl(RX_COUNT)).to.equal(stall === 0 ? 10 : 4);
      expect(regs.readl(RX_OVERRUNS)).to.equal(stall === 0 ? 6 : 0);
      expect(regs.readl(INT_STATUS) & 0x4).to.equal(stall === 0 ? 0x4 : 0);
    }
  });

  it('counts overflows and underflows, and interrupts', () => {
    const { regs, line } = setUp({ depth: 2 });
    regs.writel(INT_ENABLE, 0x3);
    for (let i = 0; i < 5; i++) regs.writel(TX_DATA, i);
    expect(regs.readl(TX_OVERFLOWS)).to.equal(3);
    expect(regs.readl(STATUS) & 0x2).to.equal(0x2);
    expect(line.level).to.equal(true);
    regs.writel(INT_STATUS, 0x1);
    expect(line.level).to.equal(false);
    expect(regs.readl(RX_DATA)).to.equal(0);
    expect(regs.readl(RX_UNDERFLOWS)).to.equal(1);
    expect(regs.readl(INT_STATUS) & 0x7).to.equal(0x2);
    expect(line.level).to.equal(true);
    regs.writel(INT_ENABLE, 0);
    expect(line.level).to.equal(false);
  });

  it('its READY interrupts follow the levels', () => {
    const { regs, line, host } = setUp({ depth: 8, sourceNs: 10 });
    regs.writel(RX_BURST, 3);
    regs.writel(INT_ENABLE, 0x10);
    regs.writel(CONTROL, SOURCE | STALL);
    host.clock.runUntil(29);
    expect(line.level).to.equal(false);
    host.clock.runUntil(30);
    expect(line.level).to.equal(true);
    regs.writel(INT_STATUS, 0x10);
    expect(line.level, 'not to be cleared').to.equal(true);
    regs.readl(RX_DATA);
    expect(line.level).to.equal(false);
  });

  it('drives its handshake lines by level and burst size, when told to', () => {
    const { regs, rx, tx, host } = setUp({ depth: 8, sourceNs: 10 });
    expect([rx.single, rx.burst, tx.single, tx.burst]).to.deep.equal([false, false, false, false]);
    regs.writel(TX_BURST, 6);
    regs.writel(RX_BURST, 2);
    regs.writel(CONTROL, DMA_TX | DMA_RX | SOURCE | STALL);
    expect([rx.single, rx.burst, tx.single, tx.burst]).to.deep.equal([false, false, true, true]);
    for (let i = 0; i < 3; i++) regs.writel(TX_DATA, i);
    expect([tx.single, tx.burst]).to.deep.equal([true, false]);
    for (let i = 0; i < 5; i++) regs.writel(TX_DATA, i);
    expect([tx.single, tx.burst]).to.deep.equal([false, false]);
    host.clock.runUntil(10);
    expect([rx.single, rx.burst]).to.deep.equal([true, false]);
    host.clock.runUntil(20);
    expect([rx.single, rx.burst]).to.deep.equal([true, true]);
    regs.writel(CONTROL, SOURCE | STALL);
    expect([rx.single, rx.burst]).to.deep.equal([false, false]);
  });

  it('loops back in order, and never into a full FIFO', () => {
    const { regs, host } = setUp({ depth: 4, sinkNs: 10 });
    regs.writel(CONTROL, LOOPBACK | SOURCE | STALL);
    const got: number[] = [];
    for (let i = 0; i < 6; i++) {
      regs.writel(TX_DATA, 100 + i);
      host.clock.runUntil(host.clock.now + 10);
    }
    expect(regs.readl(RX_LEVEL)).to.equal(4);
    expect(regs.readl(TX_LEVEL)).to.equal(2);
    for (let i = 0; i < 6; i++) {
      got.push(regs.readl(RX_DATA));
      host.clock.runUntil(host.clock.now + 10);
    }
    expect(got).to.deep.equal([100, 101, 102, 103, 104, 105]);
    expect(regs.readl(RX_COUNT), 'the source rests').to.equal(0);
    expect(regs.readl(RX_OVERRUNS) + regs.readl(RX_UNDERFLOWS) + regs.readl(TX_OVERFLOWS)).to.equal(0);
  });

  it('answers only accesses of one item', () => {
    const { fifo, regs } = setUp({ width: 4 });
    const value = u64();
    for (const width of [1, 2, 8] as const) {
      expect(fifo.mmio[0]!.write(TX_DATA, width, 1, 0)).to.equal(BUS_ACCESS_FAULT);
      expect(fifo.mmio[0]!.read(RX_DATA, width, value)).to.equal(BUS_ACCESS_FAULT);
      expect(fifo.mmio[0]!.peek(RX_DATA, width, value)).to.equal(BUS_ACCESS_FAULT);
    }
    expect(fifo.mmio[0]!.read(TX_DATA, 4, value)).to.equal(BUS_ACCESS_FAULT);
    expect(fifo.mmio[0]!.write(RX_DATA, 4, 1, 0)).to.equal(BUS_ACCESS_FAULT);
    expect(regs.readl(TX_LEVEL) + regs.readl(RX_UNDERFLOWS)).to.equal(0);
  });

  it('RESET empties everything and leaves the settings', () => {
    const { regs, host, fifo } = setUp({ depth: 2, sinkNs: 10 });
    regs.writel(TX_BURST, 1);
    regs.writel(CONTROL, SINK | DMA_TX);
    for (let i = 0; i < 3; i++) regs.writel(TX_DATA, i);
    host.clock.runUntil(10);
    regs.writel(CONTROL, SINK | DMA_TX | RESET);
    expect(regs.readl(CONTROL)).to.equal(SINK | DMA_TX);
    expect([TX_LEVEL, TX_COUNT, TX_OVERFLOWS].map((offset) => regs.readl(offset))).to.deep.equal([0, 0, 0]);
    expect(regs.readl(TX_CHECKSUM)).to.equal(streamChecksum([]));
    expect(regs.readl(TX_BURST)).to.equal(1);
    expect(fifo.received()).to.have.length(0);
    expect(host.clock.nextDeadline).to.equal(Infinity);
  });

  it('power-on reset lowers its wires and stops its timers', () => {
    const { regs, host, fifo, line, rx, tx } = setUp({ sourceNs: 10 });
    regs.writel(INT_ENABLE, 0x1f);
    regs.writel(CONTROL, SOURCE | DMA_RX | DMA_TX);
    host.clock.runUntil(500);
    expect(line.level && rx.burst && tx.burst).to.equal(true);
    fifo.reset();
    expect(line.level || rx.single || rx.burst || tx.single || tx.burst).to.equal(false);
    expect(host.clock.nextDeadline).to.equal(Infinity);
    expect(regs.readl(CONTROL)).to.equal(STALL);
  });

  it('keeps a bounded part of what it received', () => {
    const { regs, host, fifo } = setUp({ keepBytes: 10, sinkNs: 1 });
    regs.writel(CONTROL, SINK);
    for (let i = 0; i < 16; i++) regs.writel(TX_DATA, i * 0x0101_0101);
    host.clock.runUntil(100);
    expect([...fifo.received()]).to.deep.equal([0, 0, 0, 0, 1, 1, 1, 1, 2, 2]);
    expect(regs.readl(TX_COUNT)).to.equal(16);
  });

  it('refuses impossible parameters', () => {
    for (const options of [
      { depth: 0 },
      { depth: 5000 },
      { width: 3 as 4 },
      { sinkNs: 0 },
      { sourceNs: 1.5 },
      { keepBytes: -1 },
      { size: 1 } as object,
    ]) {
      expect(() => new StreamFifo('fifo', options), JSON.stringify(options)).to.throw(LabError);
    }
  });

  it('accounts for every item, whatever is done to it', () => {
    const action = fc.oneof(
      fc.record({ kind: fc.constant('write' as const), value: fc.nat(0xffff_ffff) }),
      fc.record({ kind: fc.constant('read' as const), value: fc.constant(0) }),
      fc.record({ kind: fc.constant('wait' as const), value: fc.nat(60) }),
      fc.record({ kind: fc.constant('control' as const), value: fc.nat(0x3f) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80 }), fc.integer({ min: 1, max: 6 }), (actions, depth) => {
        const { regs, host } = setUp({ depth, sinkNs: 10, sourceNs: 15 });
        let [writes, reads] = [0, 0];
        for (const { kind, value } of actions) {
          if (kind === 'write') regs.writel(TX_DATA, value);
          if (kind === 'read') regs.readl(RX_DATA);
          if (kind === 'wait') host.clock.runUntil(host.clock.now + value);
          if (kind === 'control') regs.writel(CONTROL, value & ~LOOPBACK);
          writes += kind === 'write' ? 1 : 0;
          reads += kind === 'read' ? 1 : 0;
        }
        expect(regs.readl(TX_COUNT) + regs.readl(TX_LEVEL) + regs.readl(TX_OVERFLOWS)).to.equal(writes);
        expect(
          regs.readl(RX_COUNT) - regs.readl(RX_LEVEL) - regs.readl(RX_OVERRUNS) + regs.readl(RX_UNDERFLOWS),
        ).to.equal(reads);
      }),
      { numRuns: 200 },
    );
  });
});
