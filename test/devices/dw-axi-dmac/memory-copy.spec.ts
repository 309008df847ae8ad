import { expect } from 'chai';
import fc from 'fast-check';
import * as hw from './rig';
import { IRQ, pattern, Rig, type Item } from './rig';

const SRC = 0x8000_0000;
const DST = 0x9000_0000;
const LIST = 0xa000_0000;

/** Copies through one block and checks the bytes and the guards around them. */
const checkCopy = (rig: Rig, sar: number, dar: number, length: number): void => {
  const guard = 32;
  expect([...rig.port.bytes(dar, length)]).to.deep.equal([...rig.port.bytes(sar, length)]);
  expect([...rig.port.bytes(dar - guard, guard)]).to.deep.equal(new Array(guard).fill(0xee));
  expect([...rig.port.bytes(dar + length, guard)]).to.deep.equal(new Array(guard).fill(0xee));
};

const prepare = (rig: Rig, sar: number, dar: number, length: number): void => {
  rig.port.map(sar - 64, length + 128);
  rig.port.map(dar - 64, length + 128);
  rig.port.poke(sar - 64, pattern(length + 128));
  rig.port.poke(dar - 64, new Uint8Array(length + 128).fill(0xee));
};

describe('dw-axi-dmac: memory to memory', () => {
  it('moves one block and reports it', () => {
    const rig = new Rig();
    prepare(rig, SRC + 64, DST + 64, 256);
    rig.block(0, { sar: SRC + 64, dar: DST + 64, items: 32, srcWidth: 3, dstWidth: 3, ioc: true });
    rig.enable(0);
    expect(rig.isEnabled(0)).to.equal(true);
    expect(rig.host.interrupts[0]!.level).to.equal(false);
    rig.run();
    checkCopy(rig, SRC + 64, DST + 64, 256);
    expect(rig.isEnabled(0)).to.equal(false);
    expect(rig.status()).to.equal(IRQ.BLOCK_TRF | IRQ.DMA_TRF);
    expect(rig.host.interrupts[0]!.level).to.equal(true);
    expect(rig.readCh(0, hw.CH_STATUS)).to.equal(32);
    expect(rig.regs.readq(rig.ch(0, hw.CH_SAR))).to.equal(BigInt(SRC + 64 + 256));
    expect(rig.regs.readq(rig.ch(0, hw.CH_DAR))).to.equal(BigInt(DST + 64 + 256));
  });

  it('does not report the end of a block without IOC_BlkTfr', () => {
    const rig = new Rig();
    prepare(rig, SRC + 64, DST + 64, 16);
    rig.block(0, { sar: SRC + 64, dar: DST + 64, items: 16 });
    rig.enable(0);
    rig.run();
    expect(rig.status()).to.equal(IRQ.DMA_TRF);
  });

  it('sweeps widths, lengths and offsets', () => {
    for (const width of [0, 1, 2, 3]) {
      for (const items of [1, 2, 7, 511, 512, 513, 1025]) {
        for (const shift of [0, 1, 3]) {
          const rig = new Rig();
          const bytes = items << width;
          const [sar, dar] = [SRC + 64 + (shift << width), DST + 0xff0 + 16 - (shift << width)];
          prepare(rig, sar, dar, bytes);
          rig.block(0, { sar, dar, items, srcWidth: width, dstWidth: width });
          rig.enable(0);
          rig.run();
          checkCopy(rig, sar, dar, bytes);
          expect(rig.status()).to.equal(IRQ.DMA_TRF);
        }
      }
    }
  });

  it('moves items of unequal widths byte for byte', () => {
    for (const srcWidth of [0, 1, 2, 3]) {
      for (const dstWidth of [0, 1, 2, 3]) {
        const rig = new Rig();
        const bytes = 13 << srcWidth;
        prepare(rig, SRC + 64, DST + 64, bytes);
        rig.block(0, { sar: SRC + 64, dar: DST + 64, items: 13, srcWidth, dstWidth });
        rig.enable(0);
        rig.run();
        checkCopy(rig, SRC + 64, DST + 64, bytes);
      }
    }
  });

  it('fills from a source address that stays', () => {
    const rig = new Rig();
    prepare(rig, SRC + 64, DST + 64, 4 * 1000);
    rig.block(0, { sar: SRC + 64, dar: DST + 64, items: 1000, srcWidth: 2, dstWidth: 2, srcFixed: true });
    rig.enable(0);
    rig.run();
    const word = [...rig.port.bytes(SRC + 64, 4)];
    expect([...rig.port.bytes(DST + 64, 4000)]).to.deep.equal(Array.from({ length: 4000 }, (_, i) => word[i % 4]));
    expect([...rig.port.bytes(DST + 64 + 4000, 32)]).to.deep.equal(new Array(32).fill(0xee));
    expect(rig.regs.readq(rig.ch(0, hw.CH_SAR))).to.equal(BigInt(SRC + 64));
  });

  it('writes every item to a destination address that stays', () => {
    const rig = new Rig();
    prepare(rig, SRC + 64, DST + 64, 80);
    rig.port.logging = true;
    rig.block(0, { sar: SRC + 64, dar: DST + 64, items: 10, srcWidth: 3, dstWidth: 2, dstFixed: true });
    rig.enable(0);
    rig.run();
    const writes = rig.port.log.filter((access) => access.write);
    expect(writes).to.have.length(20);
    expect(new Set(writes.map((access) => `${access.offset}/${access.length}`))).to.deep.equal(new Set(['64/4']));
    expect([...rig.port.bytes(DST + 64, 4)]).to.deep.equal([...rig.port.bytes(SRC + 64 + 76, 4)]);
  });

  it('moves items one by one in bounded steps', () => {
    const rig = new Rig();
    prepare(rig, SRC + 64, DST + 64, 20_000);
    rig.block(0, { sar: SRC + 64, dar: DST + 64, items: 5000, srcWidth: 2, dstWidth: 2, srcFixed: true });
    rig.enable(0);
    let most = 0;
    for (let calls = 0; rig.step(); calls = rig.port.calls) most = Math.max(most, rig.port.calls - calls);
    expect(most).to.equal(257);
    expect(rig.status()).to.equal(IRQ.DMA_TRF);
    expect([...rig.port.bytes(DST + 64 + 19_996, 5)]).to.deep.equal([...rig.port.bytes(SRC + 64, 4), 0xee]);
  });

  it('ends a block that is no whole number of destination items with the byte lanes that are left', () => {
    const rig = new Rig();
    prepare(rig, SRC + 64, DST + 64, 16);
    rig.port.logging = true;
    rig.block(0, { sar: SRC + 64, dar: DST + 64, items: 7, srcWidth: 0, dstWidth: 2, dstFixed: true });
    rig.enable(0);
    rig.run();
    const writes = rig.port.log.filter((access) => access.write);
    expect(writes.map((access) => [access.offset, access.length])).to.deep.equal([
      [64, 4],
      [64, 2],
      [66, 1],
    ]);
    const source = rig.port.bytes(SRC + 64, 7);
    expect([...rig.port.bytes(DST + 64, 5)]).to.deep.equal([...source.slice(4), source[3], 0xee]);
  });

  it('follows a list to its last item, and writes the items back', () => {
    const rig = new Rig();
    const items: Item[] = [];
    for (let i = 0; i < 5; i++) {
      const length = 4096 - 64 * i;
      const [sar, dar] = [SRC + i * 0x2000 + 64, DST + (4 - i) * 0x2000 + 128];
      prepare(rig, sar, dar, length);
      items.push({ sar, dar, items: length / 8, srcWidth: 3, dstWidth: 3, ioc: i === 2 });
    }
    rig.list(0, LIST, items);
    rig.run();
    expect(rig.status()).to.equal(IRQ.BLOCK_TRF | IRQ.DMA_TRF);
    items.forEach((item, i) => {
      checkCopy(rig, Number(item.sar), Number(item.dar), item.items * 8);
      const lli = new DataView(rig.port.bytes(LIST + 64 * i, 64).buffer);
      expect(lli.getUint32(36, true) >>> 31, 'valid bit').to.equal(0);
      expect(lli.getUint32(36, true) & hw.CTL_H_LAST).to.equal(i === 4 ? hw.CTL_H_LAST : 0);
      expect(lli.getUint32(32, true)).to.equal(hw.ctlLow(item));
      expect(lli.getUint32(40, true)).to.equal(0x5555_5555);
      expect(lli.getUint32(44, true)).to.equal(0x6666_6666);
      const status = (i >= 2 ? IRQ.BLOCK_TRF : 0) | (i === 4 ? IRQ.DMA_TRF : 0);
      expect(lli.getUint32(48, true), 'status').to.equal(status);
      expect(lli.getBigUint64(0, true)).to.equal(BigInt(item.sar));
    });
  });

  it('leaves the items alone if the core has no write-back', () => {
    const rig = new Rig({ lliWriteBack: false });
    prepare(rig, SRC + 64, DST + 64, 64);
    rig.list(0, LIST, [{ sar: SRC + 64, dar: DST + 64, items: 64 }]);
    const before = rig.port.bytes(LIST, 64);
    rig.run();
    expect(rig.status()).to.equal(IRQ.DMA_TRF);
    expect([...rig.port.bytes(LIST, 64)]).to.deep.equal([...before]);
  });

  it('shows the next list pointer once an item is loaded', () => {
    const rig = new Rig();
    prepare(rig, SRC + 64, DST + 64, 64);
    const item = { sar: SRC + 64, dar: DST + 64, items: 64 };
    rig.list(0, LIST, [{ ...item, last: true, llp: LIST + 0x40 }]);
    rig.run();
    expect(rig.regs.readq(rig.ch(0, hw.CH_LLP))).to.equal(BigInt(LIST + 0x40));
  });

  it('ignores the low six bits of a list pointer', () => {
    const rig = new Rig();
    prepare(rig, SRC + 64, DST + 64, 64);
    rig.list(0, LIST, [{ sar: SRC + 64, dar: DST + 64, items: 64 }]);
    rig.abort(0);
    rig.run();
    rig.address(0, hw.CH_LLP, LIST + 0x3f);
    expect(rig.regs.readq(rig.ch(0, hw.CH_LLP))).to.equal(BigInt(LIST + 1));
    rig.enable(0);
    rig.run();
    checkCopy(rig, SRC + 64, DST + 64, 64);
  });

  it('combines a list on one side with a contiguous or reloading other side', () => {
    for (const dstType of [0, 1]) {
      const rig = new Rig();
      prepare(rig, SRC + 64, DST + 64, 300);
      rig.address(0, hw.CH_DAR, DST + 64);
      const parts = [0, 200, 100].map((at) => ({ sar: SRC + 64 + at, dar: 0xdead_0000, items: 100 }));
      rig.list(0, LIST, parts, { dstType });
      rig.run();
      const source = rig.port.bytes(SRC + 64, 300);
      const joined = [...source.slice(0, 100), ...source.slice(200, 300), ...source.slice(100, 200)];
      const expected = dstType === 0 ? joined : [...joined.slice(200), ...new Array<number>(200).fill(0xee)];
      expect([...rig.port.bytes(DST + 64, 300)]).to.deep.equal(expected);
    }
  });

  it('reloads both sides for ever, until it is disabled', () => {
    const rig = new Rig();
    prepare(rig, SRC + 64, DST + 64, 64);
    rig.block(0, { sar: SRC + 64, dar: DST + 64, items: 64, ioc: true }, { srcType: 1, dstType: 1 });
    rig.enable(0);
    for (let i = 0; i < 1000; i++) rig.step();
    expect(rig.isEnabled(0)).to.equal(true);
    expect(rig.now).to.be.greaterThan(10_000);
    expect(rig.status()).to.equal(IRQ.BLOCK_TRF);
    checkCopy(rig, SRC + 64, DST + 64, 64);
    rig.disable(0);
    rig.run(10);
    expect(rig.isEnabled(0)).to.equal(false);
  });

  it('takes blocks from the shadow registers, and waits for them', () => {
    const rig = new Rig();
    prepare(rig, SRC + 64, DST + 64, 192);
    rig.configure(0, { srcType: 2, dstType: 2 });
    const shadow = (at: number, last: boolean): void => {
      rig.address(0, hw.CH_SAR, SRC + 64 + at);
      rig.address(0, hw.CH_DAR, DST + 64 + at);
      rig.writeCh(0, hw.CH_BLOCK_TS, 63);
      rig.writeCh(0, hw.CH_CTL_L, hw.ctlLow());
      rig.writeCh(0, hw.CH_CTL_H, hw.CTL_H_VALID + (last ? hw.CTL_H_LAST : 0));
    };
    shadow(0, false);
    rig.enable(0);
    shadow(64, false);
    expect(rig.status(), 'written while valid').to.equal(IRQ.SHADOWREG_ERR);
    rig.writeCh(0, hw.CH_INTCLEAR, IRQ.SHADOWREG_ERR);
    rig.step();
    expect(rig.readCh(0, hw.CH_CTL_H) >>> 31).to.equal(0);
    shadow(64, false);
    rig.run();
    expect(rig.status()).to.equal(IRQ.INVALID_ERR);
    expect(rig.isEnabled(0)).to.equal(true);
    rig.writeCh(0, hw.CH_INTCLEAR, IRQ.INVALID_ERR);
    shadow(128, true);
    rig.writeCh(0, hw.CH_BLK_TFR_RESUMEREQ, 1);
    rig.run();
    expect(rig.status()).to.equal(IRQ.DMA_TRF);
    checkCopy(rig, SRC + 64, DST + 64, 192);
  });

  it('carries 64-bit addresses bit for bit and wraps them', () => {
    const rig = new Rig();
    const top = 0xffff_ffff_ffff_fff0n;
    rig.port.map(top, 16);
    rig.port.map(0, 4096);
    rig.port.map(DST, 4096);
    rig.port.poke(top, pattern(16));
    rig.port.poke(0, pattern(48, 99));
    rig.block(0, { sar: top, dar: DST, items: 8, srcWidth: 3, dstWidth: 3 });
    rig.enable(0);
    rig.run();
    expect(rig.status()).to.equal(IRQ.DMA_TRF);
    expect([...rig.port.bytes(DST, 64)]).to.deep.equal([...pattern(16), ...pattern(48, 99)]);
    expect(rig.regs.readq(rig.ch(0, hw.CH_SAR))).to.equal(48n);
  });

  it('shows the place within a block while it moves', () => {
    const rig = new Rig({ chunkBytes: 1024 });
    prepare(rig, SRC + 64, DST + 64, 8192);
    rig.block(0, { sar: SRC + 64, dar: DST + 64, items: 1024, srcWidth: 3, dstWidth: 3 });
    rig.enable(0);
    const seen: number[] = [];
    while (rig.isEnabled(0)) {
      rig.step();
      const done = rig.readCh(0, hw.CH_STATUS) * 8;
      seen.push(done);
      expect(rig.readCh(0, hw.CH_SAR)).to.equal(SRC + 64 + done);
      expect(rig.readCh(0, hw.CH_DAR)).to.equal(DST + 64 + done);
      expect(rig.regs.peekl(rig.ch(0, hw.CH_DAR))).to.equal(DST + 64 + done);
      expect([...rig.port.bytes(DST + 64, done)]).to.deep.equal([...rig.port.bytes(SRC + 64, done)]);
      expect(rig.port.bytes(DST + 64 + done, 1)[0]).to.equal(0xee);
    }
    expect(seen).to.deep.equal([1024, 2048, 3072, 4096, 5120, 6144, 7168, 8192, 8192]);
  });

  it('takes the time that bandwidth, bursts and latency say', () => {
    const timeFor = (options: ConstructorParameters<typeof Rig>[0], width: number, items: number): number => {
      const rig = new Rig({ latencyNs: 100, burstNs: 0, bytesPerNs: 8, startNs: 1, ...options });
      prepare(rig, SRC + 64, DST + 64, items << width);
      rig.block(0, { sar: SRC + 64, dar: DST + 64, items, srcWidth: width, dstWidth: width });
      rig.enable(0);
      rig.run();
      return rig.now;
    };
    expect(timeFor({}, 3, 512)).to.equal(1 + 100 + 512);
    expect(timeFor({}, 3, 1024)).to.equal(1 + 2 * (100 + 512));
    expect(timeFor({}, 0, 4096), 'a narrow item takes a whole beat').to.equal(1 + 100 + 4096);
    expect(timeFor({ bytesPerNs: 4 }, 3, 512)).to.equal(1 + 100 + 1024);
    expect(timeFor({ burstNs: 4 }, 3, 512), 'bursts of MSIZE').to.equal(1 + 100 + 512 + 4 * 128);
    expect(timeFor({ burstNs: 4, maxBurstLength: 2 }, 3, 512)).to.equal(1 + 100 + 512 + 4 * 256);
    expect(timeFor({ bytesPerNs: 1e9, latencyNs: 1 }, 3, 1)).to.be.greaterThan(1);
  });

  it('agrees with a plain model on random lists', () => {
    const segment = fc.record({
      width: fc.nat(3),
      items: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 500, max: 1100 })),
      from: fc.nat(0x7fff),
      to: fc.nat(0x7fff),
      ioc: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(segment, { minLength: 1, maxLength: 8 }),
        fc.constantFrom(64, 1000, 4096),
        (parts, chunk) => {
          const rig = new Rig({ chunkBytes: chunk });
          const size = 0x8000 + 0x3000;
          rig.port.map(SRC, size);
          rig.port.map(DST, size);
          const source = pattern(size);
          const model = pattern(size, 77);
          rig.port.poke(SRC, source);
          rig.port.poke(DST, model);
          const items = parts.map(({ width, items: count, from, to, ioc }) => {
            const [at, into] = [(from >> width) << width, (to >> width) << width];
            model.set(source.subarray(at, at + (count << width)), into);
            return { sar: SRC + at, dar: DST + into, items: count, srcWidth: width, dstWidth: width, ioc };
          });
          rig.list(0, LIST, items);
          rig.run();
          expect(Buffer.compare(rig.port.bytes(DST, size), model)).to.equal(0);
          expect(rig.status()).to.equal(IRQ.DMA_TRF | (parts.some((part) => part.ioc) ? IRQ.BLOCK_TRF : 0));
        },
      ),
      { numRuns: 30 },
    );
  });
});
