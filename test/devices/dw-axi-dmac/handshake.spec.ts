import { expect } from 'chai';
import fc from 'fast-check';
import { StreamFifo, patternBytes, type StreamFifoOptions } from '../../../devices/stream-fifo';
import { DmaRequestLine } from '../../../emulator/dma-request';
import { fakeDeviceHost, RegisterWindow } from '../../support/fake-device-host';
import * as hw from './rig';
import { IRQ, pattern, Rig, type Item } from './rig';

const MEMORY = 0x8000_0000;
const LIST = 0xa000_0000;
const FIFO = 0x1000_0000;
const TX_DATA = FIFO + 0x80;
const RX_DATA = FIFO + 0x88;
const CONTROL = 0x04;
const SEED = 0x28;
const [RX, TX] = [5, 9];

/** A controller and a FIFO, on one clock, with two handshake lines between them. */
const rigWithFifo = (fifoOptions: StreamFifoOptions = {}, options: ConstructorParameters<typeof Rig>[0] = {}) => {
  const lines = Array.from({ length: 16 }, (_, number) =>
    number === RX || number === TX ? new DmaRequestLine(number) : undefined,
  );
  const rig = new Rig(options, lines);
  const fifo = new StreamFifo('fifo', fifoOptions);
  fifo.connect(fakeDeviceHost({ clock: rig.host.clock, dmaRequests: [lines[RX], lines[TX]] }));
  rig.port.mount(FIFO, fifo.mmio[0]!);
  rig.port.map(MEMORY, 0x10000);
  const regs = new RegisterWindow(fifo.mmio[0]!);
  return { rig, fifo, regs };
};

const tx = (sar: number, bytes: number, memWidth = 2, fifoWidth = 2): Item => ({
  sar,
  dar: TX_DATA,
  items: bytes >> memWidth,
  srcWidth: memWidth,
  dstWidth: fifoWidth,
  dstFixed: true,
});

const rx = (dar: number, bytes: number, memWidth = 2, fifoWidth = 2): Item => ({
  sar: RX_DATA,
  dar,
  items: bytes >> fifoWidth,
  srcWidth: fifoWidth,
  dstWidth: memWidth,
  srcFixed: true,
});

const M2P = { ttFc: 1, dstPer: TX };
const P2M = { ttFc: 2, srcPer: RX };

describe('dw-axi-dmac: hardware handshake', () => {
  for (const [speed, ns] of [
    ['a fast', 1],
    ['a slow', 700],
  ] as const) {
    it(`memory to ${speed} sink`, () => {
      const { rig, fifo, regs } = rigWithFifo({ sinkNs: ns });
      rig.port.poke(MEMORY, pattern(1024));
      regs.writel(CONTROL, 0x01 | 0x08);
      rig.list(0, LIST, [tx(MEMORY, 400), tx(MEMORY + 512, 124)], M2P);
      rig.run();
      expect(rig.status()).to.equal(IRQ.DMA_TRF | IRQ.DST_TRAN);
      const sent = pattern(1024);
      expect([...fifo.received()]).to.deep.equal([...sent.slice(0, 400), ...sent.slice(512, 636)]);
      expect(regs.readl(0x3c), 'overflows').to.equal(0);
      expect(rig.now).to.be.greaterThan(131 * ns);
    });

    it(`${speed} source to memory`, () => {
      const { rig, regs } = rigWithFifo({ sourceNs: ns });
      regs.writel(SEED, 42);
      regs.writel(CONTROL, 0x02 | 0x10 | 0x20);
      rig.list(0, LIST, [rx(MEMORY + 16, 400), rx(MEMORY + 1024, 124)], P2M);
      while (rig.isEnabled(0)) rig.step();
      expect(rig.status()).to.equal(IRQ.DMA_TRF | IRQ.SRC_TRAN);
      expect([...rig.port.bytes(MEMORY + 16, 400)]).to.deep.equal([...patternBytes(42, 0, 100, 4)]);
      expect([...rig.port.bytes(MEMORY + 1024, 124)]).to.deep.equal([...patternBytes(42, 100, 31, 4)]);
      for (const guard of [0, 416, 1008, 1148])
        expect([...rig.port.bytes(MEMORY + guard, 16)]).to.deep.equal(new Array(16).fill(0));
      expect(regs.readl(0x40), 'underflows').to.equal(0);
    });
  }

  it('sweeps widths, burst sizes and lengths in both directions through the loopback', () => {
    for (const fifoWidth of [0, 1, 2, 3] as const) {
      for (const memWidth of [0, 1, 2, 3]) {
        for (const msize of [0, 1, 2]) {
          for (const items of [1, 4, 17]) {
            const bytes = items << Math.max(fifoWidth, memWidth);
            const { rig, regs } = rigWithFifo({ width: [1, 2, 4, 8][fifoWidth] as 4 });
            const burst = [1, 4, 8][msize]!;
            regs.writel(0x18, burst);
            regs.writel(0x1c, burst);
            regs.writel(CONTROL, 0x04 | 0x08 | 0x10);
            rig.port.poke(MEMORY, pattern(bytes, items));
            const sizes = { srcMsize: msize, dstMsize: msize };
            rig.list(0, LIST, [{ ...tx(MEMORY, bytes, memWidth, fifoWidth), ...sizes }], M2P);
            rig.list(1, LIST + 64, [{ ...rx(MEMORY + 0x1000, bytes, memWidth, fifoWidth), ...sizes }], P2M);
            rig.run();
            const what = `fifo ${fifoWidth} memory ${memWidth} msize ${msize} items ${items}`;
            expect(rig.status(0), what).to.equal(IRQ.DMA_TRF | IRQ.DST_TRAN);
            expect(rig.status(1), what).to.equal(IRQ.DMA_TRF | IRQ.SRC_TRAN);
            expect([...rig.port.bytes(MEMORY + 0x1000, bytes)], what).to.deep.equal([...pattern(bytes, items)]);
            expect(rig.port.bytes(MEMORY + 0x1000 + bytes, 1)[0], what).to.equal(0);
            expect(regs.readl(0x3c) + regs.readl(0x40), 'lost').to.equal(0);
          }
        }
      }
    }
  });

  it('moves bursts while a whole burst remains, and single items only in the rest', () => {
    const { rig, regs } = rigWithFifo();
    regs.writel(CONTROL, 0x08);
    rig.port.logging = true;
    rig.port.poke(MEMORY, pattern(64));
    rig.block(0, tx(MEMORY, 4 * 18), M2P);
    rig.enable(0);
    rig.run();
    expect(regs.readl(0x0c), 'held').to.equal(16);
    expect(rig.isEnabled(0)).to.equal(true);
    regs.writel(CONTROL, 0x01 | 0x08);
    rig.run();
    expect(rig.status()).to.equal(IRQ.DMA_TRF | IRQ.DST_TRAN);
    const reads = rig.port.log.filter((access) => !access.write).map((access) => access.length);
    expect(reads.slice(0, 4)).to.deep.equal([16, 16, 16, 16]);
    expect(reads.slice(4).every((length) => length <= 8)).to.equal(true);
  });

  it('waits for a burst as long as one remains, as hardware does', () => {
    const { rig, regs } = rigWithFifo();
    regs.writel(CONTROL, 0x10 | 0x20);
    regs.writel(0x1c, 16);
    rig.block(0, rx(MEMORY, 4 * 8), P2M);
    rig.enable(0);
    regs.writel(CONTROL, 0x02 | 0x10 | 0x20);
    while (regs.readl(0x10) < 15) {
      rig.step();
      expect(rig.readCh(0, hw.CH_STATUS)).to.equal(0);
    }
    while (rig.isEnabled(0)) rig.step();
    expect(rig.status()).to.equal(IRQ.DMA_TRF | IRQ.SRC_TRAN);
  });

  it('peripheral to peripheral', () => {
    for (const [sinkNs, items] of [
      [1, 103],
      [300, 3003],
    ] as const) {
      const { rig, fifo, regs } = rigWithFifo({ sinkNs });
      regs.writel(SEED, 7);
      regs.writel(CONTROL, 0x01 | 0x02 | 0x08 | 0x10 | 0x20);
      const item = { sar: RX_DATA, dar: TX_DATA, items, srcWidth: 2, dstWidth: 2, srcFixed: true, dstFixed: true };
      rig.block(0, { ...item, srcMsize: 2 }, { ttFc: 3, srcPer: RX, dstPer: TX });
      regs.writel(0x1c, 8);
      rig.enable(0);
      while (rig.isEnabled(0)) rig.step();
      regs.writel(CONTROL, 0x01);
      rig.run();
      expect(rig.status()).to.equal(IRQ.DMA_TRF | IRQ.SRC_TRAN | IRQ.DST_TRAN);
      expect([...fifo.received()]).to.deep.equal([...patternBytes(7, 0, items, 4)]);
    }
  });

  it('a handshake number without a peripheral never requests', () => {
    const { rig } = rigWithFifo();
    rig.block(0, tx(MEMORY, 64), { ttFc: 1, dstPer: 3 });
    rig.enable(0);
    rig.run();
    expect(rig.isEnabled(0)).to.equal(true);
    rig.disable(0);
    rig.run();
    expect(rig.isEnabled(0)).to.equal(false);
    expect(rig.status()).to.equal(IRQ.DISABLED);
  });

  it('suspends while it waits for a request, and does not serve one until it resumes', () => {
    const { rig, fifo, regs } = rigWithFifo();
    rig.port.poke(MEMORY, pattern(64));
    rig.block(0, tx(MEMORY, 64), M2P);
    rig.enable(0);
    rig.run();
    rig.suspend(0);
    rig.run();
    expect(rig.status() >>> 0).to.equal(IRQ.SUSPENDED | IRQ.SRC_SUSPENDED);
    regs.writel(CONTROL, 0x01 | 0x08);
    rig.run();
    expect(fifo.received()).to.have.length(0);
    rig.resume(0);
    rig.run();
    expect([...fifo.received()]).to.deep.equal([...pattern(64)]);
  });

  it('a bus error at the data register ends the transfer', () => {
    const { rig, regs } = rigWithFifo({ width: 2 });
    regs.writel(CONTROL, 0x01 | 0x08);
    rig.block(0, tx(MEMORY, 64), M2P);
    rig.enable(0);
    rig.run();
    expect(rig.status()).to.equal(IRQ.DST_SLV_ERR);
    expect(rig.isEnabled(0)).to.equal(false);
  });

  it('refuses a reserved burst size', () => {
    const { rig } = rigWithFifo();
    rig.block(0, { ...tx(MEMORY, 64), dstMsize: 10 }, M2P);
    rig.enable(0);
    rig.run();
    expect(rig.status()).to.equal(IRQ.DST_SLV_ERR);
  });

  it('software handshake: one burst or one item per request', () => {
    const { rig, regs } = rigWithFifo();
    rig.port.poke(MEMORY, pattern(64));
    rig.block(0, tx(MEMORY, 4 * 6), { ttFc: 1, softwareHandshake: true });
    rig.enable(0);
    const request = (bits: number): number => {
      rig.writeCh(0, hw.CH_SWHSDST, bits);
      rig.run();
      return regs.readl(0x0c);
    };
    expect(request(0x1), 'no write enable').to.equal(0);
    expect(request(0xc), 'single, while a burst remains').to.equal(0);
    expect(rig.readCh(0, hw.CH_SWHSDST)).to.equal(0x4);
    expect(request(0x3)).to.equal(4);
    expect(rig.readCh(0, hw.CH_SWHSDST), 'taken back').to.equal(0);
    expect(request(0xc)).to.equal(5);
    expect(request(0xc)).to.equal(6);
    expect(rig.status()).to.equal(IRQ.DMA_TRF | IRQ.DST_TRAN);
  });

  it('loses nothing at any rates', () => {
    fc.assert(
      fc.property(
        fc.record({
          sinkNs: fc.integer({ min: 1, max: 400 }),
          sourceNs: fc.integer({ min: 1, max: 400 }),
          depth: fc.integer({ min: 4, max: 40 }),
          words: fc.integer({ min: 1, max: 300 }),
          latencyNs: fc.integer({ min: 1, max: 500 }),
        }),
        ({ words, latencyNs, ...options }) => {
          const { rig, fifo, regs } = rigWithFifo(options, { latencyNs });
          rig.port.poke(MEMORY, pattern(4 * words));
          regs.writel(SEED, 3);
          regs.writel(CONTROL, 0x01 | 0x02 | 0x08 | 0x10 | 0x20);
          rig.list(0, LIST, [tx(MEMORY, 4 * words)], M2P);
          rig.list(1, LIST + 64, [rx(MEMORY + 0x2000, 4 * words)], P2M);
          while (rig.isEnabled(0) || rig.isEnabled(1)) rig.step();
          regs.writel(CONTROL, 0x01);
          rig.run();
          expect(Buffer.compare(fifo.received(), pattern(4 * words))).to.equal(0);
          expect(Buffer.compare(rig.port.bytes(MEMORY + 0x2000, 4 * words), patternBytes(3, 0, words, 4))).to.equal(0);
        },
      ),
      { numRuns: 30 },
    );
  });
});
