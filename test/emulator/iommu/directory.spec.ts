import { expect } from 'chai';
import {
  BARE,
  BEYOND_34_BITS,
  IommuBoard,
  LVL1,
  LVL3,
  makeBoard,
  OFF,
  ppn,
  REG,
  RWX,
  TC,
} from '../../support/iommu-builder';

const IOVA = 0x12_3456_7000n;
const DATA = 0x8080_0000;
const WIDTH = { 1: 7, 2: 16, 3: 24 } as const;

/** A board with a directory of some levels and a table that maps `IOVA`, not yet attached to anything. */
const boardWith = (levels: 1 | 2 | 3, options = {}) => {
  const board = new IommuBoard(options);
  board.enableQueues();
  board.makeDirectory(levels);
  const table = board.makeFirstStage(39);
  table.map(IOVA, DATA, RWX);
  return { board, table };
};

describe('emulator/iommu/directory', () => {
  it('refuses everything in Off, with cause 256', () => {
    const board = new IommuBoard();
    board.enableQueues();
    expect(board.fault(5, 0xffff_ffff_ffff_f123n, 1)).to.deep.equal({
      cause: 256,
      ttyp: 3,
      did: 5,
      iotval: 0xffff_ffff_ffff_f123n,
    });
  });

  it('passes everything through in Bare', () => {
    const board = new IommuBoard();
    board.enableQueues();
    board.setMode(BARE);
    expect(board.translate(0xff_ffff, 0x8000_1234n, 1)).to.equal(0x8000_1234);
    expect(board.iommu.translate(1, 2 ** 52 - 1, 0, 0)).to.equal(2 ** 52 - 1);
    expect(board.takeFaults()).to.deep.equal([]);
  });

  for (const levels of [1, 2, 3] as const) {
    it(`finds contexts through ${levels} level(s), at the edges of every index`, () => {
      const { board, table } = boardWith(levels);
      const edges = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x1_0000, 0xff_ffff].filter((did) => did < 2 ** WIDTH[levels]);
      for (const did of edges) board.attach(did, table, 1);
      for (const did of edges) expect(board.translate(did, IOVA + 3n), `${did}`).to.equal(DATA + 3);
    });

    it(`refuses a device_id wider than ${WIDTH[levels]} bits with cause 260`, () => {
      const { board, table } = boardWith(levels);
      board.attach(0, table);
      for (const did of [2 ** WIDTH[levels], 2 ** 24 - 1, 2 ** 24]) {
        if (did < 2 ** WIDTH[levels] || did >= 2 ** 24) continue;
        expect(board.fault(did, IOVA)).to.deep.equal({ cause: 260, ttyp: 2, did, iotval: IOVA });
      }
    });

    for (let level = 1; level < levels; level++) {
      it(`${levels} levels: tells what is wrong with a non-leaf entry of level ${level}`, () => {
        const { board, table } = boardWith(levels);
        board.attach(0x1234 & (2 ** WIDTH[levels] - 1), table, 1);
        const did = 0x1234;
        const entry = board.directoryEntry(did, level);
        const good = board.load(entry);
        const check = (value: bigint, cause: number): void => {
          board.store(entry, value);
          expect(board.fault(did, IOVA, 1), value.toString(16)).to.deep.equal({ cause, ttyp: 3, did, iotval: IOVA });
        };
        check(0n, 258);
        check(good & ~1n, 258);
        for (const bit of [1n, 5n, 9n, 54n, 63n]) check(good | (1n << bit), 259);
        check(ppn(0x1000) | 1n, 257);
        check(ppn(2n ** 44n - 1n) | 1n, 257);
        board.store(entry, good);
        board.bus.mark(entry, 8, 'faulting');
        expect(board.fault(did, IOVA)?.cause).to.equal(257);
        board.bus.unmark(entry, 8);
        board.bus.mark(entry, 8, 'poisoned');
        expect(board.fault(did, IOVA)?.cause).to.equal(268);
        board.bus.unmark(entry, 8);
        expect(board.translate(did, IOVA)).to.equal(DATA);
      });
    }
  }

  it('gives 257 for a directory table beyond PAS', () => {
    for (const physicalAddressBits of [34, 35]) {
      const { board } = boardWith(2, { capabilities: { physicalAddressBits } });
      board.store(board.ddt, ppn(BEYOND_34_BITS / 4096) | 1n);
      expect(board.fault(0, IOVA)?.cause).to.equal(physicalAddressBits === 34 ? 257 : 258);
    }
  });

  it('gives 257 where the root table is not in memory', () => {
    const board = new IommuBoard();
    board.enableQueues();
    board.setMode(LVL1, 0x1000);
    expect(board.fault(0, IOVA)?.cause).to.equal(257);
  });

  it('tells faulting and poisoned doublewords of a context', () => {
    const { board, table } = boardWith(1);
    board.attach(3, table);
    for (const word of [0, 8, 16, 24]) {
      const address = board.contextAddress(3) + word;
      board.bus.mark(address, 8, 'faulting');
      expect(board.fault(3, IOVA)?.cause).to.equal(257);
      board.bus.unmark(address, 8);
      board.bus.mark(address, 8, 'poisoned');
      expect(board.fault(3, IOVA)?.cause).to.equal(268);
      board.bus.unmark(address, 8);
    }
    expect(board.translate(3, IOVA)).to.equal(DATA);
  });

  it('gives 258 for a context that is not valid, whatever else is in it', () => {
    const { board } = boardWith(1);
    board.setContext(3, { tc: ~1n, iohgatp: ~0n, ta: ~0n, fsc: ~0n });
    expect(board.fault(3, IOVA)?.cause).to.equal(258);
  });

  describe('configuration checks', () => {
    const good = { tc: TC.V, ta: 1n << 12n };
    const bad: [string, (fsc: bigint) => object][] = [
      ...[1, 2, 3, 6, 10, 11].map((bit): [string, (fsc: bigint) => object] => [
        `tc bit ${bit}`,
        (fsc) => ({ ...good, fsc, tc: TC.V | (1n << BigInt(bit)) }),
      ]),
      ...[12, 23, 32, 63].map((bit): [string, (fsc: bigint) => object] => [
        `reserved tc bit ${bit}`,
        (fsc) => ({ ...good, fsc, tc: TC.V | (1n << BigInt(bit)) }),
      ]),
      ['DPE without PDTV', (fsc) => ({ ...good, fsc, tc: TC.V | TC.DPE })],
      ['EN_ATS and EN_PRI', (fsc) => ({ ...good, fsc, tc: TC.V | TC.EN_ATS | TC.EN_PRI })],
      ...[1, 8, 9, 10, 15].map((mode): [string, (fsc: bigint) => object] => [
        `iohgatp.MODE ${mode}`,
        (fsc) => ({ ...good, fsc, iohgatp: BigInt(mode) << 60n }),
      ]),
      ...[0, 11, 32, 39, 40, 52, 63].map((bit): [string, (fsc: bigint) => object] => [
        `ta bit ${bit}`,
        (fsc) => ({ ...good, fsc, ta: (1n << 12n) | (1n << BigInt(bit)) }),
      ]),
      ...[44, 59].map((bit): [string, (fsc: bigint) => object] => [
        `iosatp bit ${bit}`,
        (fsc) => ({ ...good, fsc: fsc | (1n << BigInt(bit)) }),
      ]),
      ...[1, 2, 7, 11, 13, 14, 15].map((mode): [string, (fsc: bigint) => object] => [
        `iosatp.MODE ${mode}`,
        (fsc) => ({ ...good, fsc: (fsc & ((1n << 60n) - 1n)) | (BigInt(mode) << 60n) }),
      ]),
      ...[1, 2, 3, 4, 15].map((mode): [string, (fsc: bigint) => object] => [
        `pdtp.MODE ${mode}`,
        () => ({ ...good, tc: TC.V | TC.PDTV, fsc: BigInt(mode) << 60n }),
      ]),
      ['Bare iosatp with reserved bits', () => ({ ...good, fsc: 1n << 50n })],
    ];
    for (const [what, make] of bad) {
      it(`gives 259 for ${what}`, () => {
        const { board, table } = boardWith(1);
        board.setContext(3, make(table.iosatp));
        expect(board.fault(3, IOVA)).to.deep.equal({ cause: 259, ttyp: 2, did: 3, iotval: IOVA });
      });
    }

    const fine: [string, (fsc: bigint) => object][] = [
      ['all custom bits of tc', (fsc) => ({ ...good, fsc, tc: TC.V | (0xffn << 24n) })],
      ['SADE and GADE', (fsc) => ({ ...good, fsc, tc: TC.V | TC.SADE | TC.GADE })],
      ['DTF', (fsc) => ({ ...good, fsc, tc: TC.V | TC.DTF })],
      ['the widest PSCID', (fsc) => ({ fsc, ta: 0xf_ffffn << 12n })],
      ['GSCID and PPN of a Bare second stage', (fsc) => ({ ...good, fsc, iohgatp: (1n << 60n) - 1n })],
    ];
    for (const [what, make] of fine) {
      it(`accepts ${what}`, () => {
        const { board, table } = boardWith(1);
        board.setContext(3, make(table.iosatp));
        expect(board.translate(3, IOVA)).to.equal(DATA);
      });
    }

    it('passes through where the first stage is Bare, directly or by way of a Bare process directory', () => {
      const { board } = boardWith(1);
      board.setContext(3, { ta: 1n << 12n });
      board.setContext(4, { tc: TC.V | TC.PDTV });
      board.setContext(5, { tc: TC.V | TC.PDTV | TC.DPE, fsc: 0xfff_ffff_ffffn });
      for (const did of [3, 4, 5]) expect(board.translate(did, 0x9_8765_4321n, 1)).to.equal(0x9_8765_4321);
    });

    it('accepts only the modes that it advertises', () => {
      for (const [bits, modes] of [
        [39, [39]],
        [48, [39, 48]],
        [57, [39, 48, 57]],
      ] as const) {
        const { board } = boardWith(1, { capabilities: { virtualAddressBits: bits } });
        for (const mode of [39, 48, 57] as const) {
          const other = board.makeFirstStage(mode);
          other.map(IOVA, DATA, RWX);
          board.attach(mode, other);
          if ((modes as readonly number[]).includes(mode)) expect(board.translate(mode, IOVA)).to.equal(DATA);
          else expect(board.fault(mode, IOVA)?.cause).to.equal(259);
        }
      }
    });

    it('reserves SADE and GADE without AMO_HWAD', () => {
      for (const bit of [TC.SADE, TC.GADE]) {
        const { board, table } = boardWith(1, { capabilities: { hardwareAccessedDirty: false } });
        board.attach(3, table, 3, bit);
        expect(board.fault(3, IOVA)?.cause).to.equal(259);
      }
    });
  });

  it('does not report with DTF what the specification lists, but still refuses', () => {
    const { board, table } = makeBoard({}, 39, TC.DTF);
    expect(board.fault(1, IOVA)).to.equal(undefined);
    table.map(IOVA, DATA, RWX);
    const entry = table.entry(IOVA);
    board.bus.mark(entry, 8, 'poisoned');
    expect(board.fault(1, IOVA)).to.equal(undefined);
    board.bus.unmark(entry, 8);
    board.bus.mark(entry, 8, 'faulting');
    expect(board.fault(1, IOVA, 1)).to.equal(undefined);
    board.bus.unmark(entry, 8);
    expect(board.translate(1, IOVA)).to.equal(DATA);
    board.setContext(2, { tc: TC.V | TC.DTF | TC.SBE });
    expect(board.fault(2, IOVA)?.cause, 'no valid context was located').to.equal(259);
    board.setMode(OFF);
    expect(board.fault(1, IOVA)?.cause).to.equal(256);
  });

  describe('ddtp', () => {
    it('keeps a legal mode if an unsupported one is written', () => {
      const board = new IommuBoard({ directoryLevels: 2, timing: { busy: 0 } });
      for (const mode of [0, 1, 2, 3, 4, 5, 13, 14, 15]) {
        board.write64(REG.ddtp, BigInt(OFF));
        board.write64(REG.ddtp, BigInt(mode) | ppn(0x8_0000));
        expect(board.read64(REG.ddtp)).to.equal(BigInt(mode <= 3 ? mode : 0) | ppn(0x8_0000));
      }
    });

    it('is busy for a while, and works as before until it is not', () => {
      const board = new IommuBoard({ timing: { busy: 200 } });
      board.write64(REG.ddtp, 1n);
      expect(board.read32(REG.ddtp)).to.equal(0x11);
      expect(board.translate(1, 0x5000n)).to.equal(-1);
      board.write64(REG.ddtp, 0n);
      expect(board.read32(REG.ddtp), 'a write while busy is ignored').to.equal(0x11);
      board.elapse(199);
      expect(board.translate(1, 0x5000n)).to.equal(-1);
      board.elapse(1);
      expect(board.read32(REG.ddtp)).to.equal(1);
      expect(board.translate(1, 0x5000n)).to.equal(0x5000);
    });

    it('goes from one directory to another only by way of Off or Bare', () => {
      const { board } = boardWith(1);
      const before = board.read64(REG.ddtp);
      board.setMode(LVL3, 0x8000_3000);
      expect(board.read64(REG.ddtp)).to.equal(before);
      board.write32(REG.ddtp + 4, 0x3f_ffff);
      expect(board.read64(REG.ddtp)).to.equal(before);
      board.setMode(BARE);
      board.setMode(LVL3, 0x8000_3000);
      expect(board.read64(REG.ddtp)).to.equal(4n | ppn(0x8_0003));
    });

    it('takes halves, the high one first', () => {
      const board = new IommuBoard();
      board.enableQueues();
      board.write32(REG.ddtp + 4, 0xffff_ffff);
      board.write32(REG.ddtp, (LVL1 | (0x1234 << 10)) >>> 0);
      board.elapse(1000);
      expect(board.read64(REG.ddtp)).to.equal(2n | ppn(0x1234) | (0x3f_ffffn << 32n));
      expect(board.fault(0, IOVA)?.cause).to.equal(257);
    });

    it('implements as many bits of a page number as PAS says', () => {
      const board = new IommuBoard({ capabilities: { physicalAddressBits: 40 }, timing: { busy: 0 } });
      board.write64(REG.ddtp, ~0n & ~0xfn);
      expect(board.read64(REG.ddtp)).to.equal(ppn(2n ** 28n - 1n));
      board.write64(REG.cqb, ~0n);
      expect(board.read64(REG.cqb)).to.equal(ppn(2n ** 28n - 1n) | 0x1fn);
    });
  });
});
