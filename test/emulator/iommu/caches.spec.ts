import { expect } from 'chai';
import {
  type FirstStage,
  G,
  type IommuBoard,
  iodirInvalDdt,
  iofence,
  iotinvalVma,
  makeBoard,
  N,
  ppn,
  R,
  RW,
  RWX,
  U,
  V,
  A,
  TC,
} from '../../support/iommu-builder';

const IOVA = 0x12_3456_7000n;
const OLD = 0x8080_0000;
const NEW = 0x80a0_0000;

/** A board where IOVA is cached as OLD, while memory says NEW. `bits` are those of the PTE. */
const staleBoard = (bits = RWX, level = 0, options = {}): { board: IommuBoard; table: FirstStage; iova: bigint } => {
  const { board, table } = makeBoard(options);
  const iova = level === 0 ? IOVA : 0x40_0000_0000n - (1n << BigInt(12 + 9 * level));
  table.map(iova, level === 2 ? 0x8000_0000 : OLD, bits, level);
  board.translate(1, iova);
  table.map(iova, level === 2 ? 0x1_0000_0000 : NEW, bits, level);
  return { board, table, iova };
};

describe('emulator/iommu/caches', () => {
  it('keeps a translation, whatever memory says, until it is invalidated and fenced', () => {
    const { board } = staleBoard();
    expect(board.translate(1, IOVA + 1n)).to.equal(OLD + 1);
    board.queue(iotinvalVma({ pscid: 1, address: IOVA }), iofence());
    expect(board.translate(1, IOVA), 'the command has not been executed').to.equal(OLD);
    board.elapse(1000);
    expect(board.translate(1, IOVA)).to.equal(NEW);
  });

  it('keeps a translation of a page that was unmapped: a late flush lets the device in', () => {
    const { board, table } = makeBoard();
    const leaf = table.map(IOVA, OLD, RWX);
    board.translate(1, IOVA);
    board.store(leaf, 0n);
    expect(board.translate(1, IOVA, 1)).to.equal(OLD);
    board.submit(iotinvalVma());
    expect(board.fault(1, IOVA, 1)?.cause).to.equal(15);
  });

  it('takes along the pages whose entries came with the same line of memory', () => {
    const { board, table } = makeBoard();
    const line = IOVA & ~0x7fffn;
    const pageOf = (index: number): bigint => line + BigInt(index) * 0x1000n;
    for (let index = -1; index < 9; index++) table.map(pageOf(index), OLD + index * 0x1000, RWX);
    board.translate(1, pageOf(3));
    for (let index = -1; index < 9; index++) board.store(table.entry(pageOf(index)), 0n);
    for (let index = 0; index < 8; index++) expect(board.translate(1, pageOf(index), 1)).to.equal(OLD + index * 0x1000);
    for (const index of [-1, 8]) expect(board.fault(1, pageOf(index))?.cause).to.equal(13);
    board.submit(iotinvalVma({ pscid: 1, address: pageOf(5) }));
    expect(board.fault(1, pageOf(5))?.cause).to.equal(13);
  });

  it('takes along nothing that needs more than a look', () => {
    const { board, table } = makeBoard();
    const line = IOVA & ~0x7fffn;
    const [own, clean, untouched] = [line, line + 0x1000n, line + 0x2000n];
    table.map(own, OLD, RWX);
    table.map(clean, OLD + 0x1000, V | R | U | A);
    table.map(untouched, OLD + 0x2000, V | R | U);
    board.translate(1, own);
    for (const iova of [clean, untouched]) board.store(table.entry(iova), 0n);
    expect(board.translate(1, clean)).to.equal(OLD + 0x1000);
    expect(board.fault(1, clean, 1)?.cause, 'a write is not allowed').to.equal(15);
    expect(board.fault(1, untouched)?.cause, 'A was clear').to.equal(13);
  });

  it('takes nothing along from a walk that needs more than a look', () => {
    const { board, table } = makeBoard();
    const line = IOVA & ~0x7fffn;
    for (const index of [0n, 1n]) table.map(line + index * 0x1000n, OLD + Number(index) * 0x1000, RWX);
    board.translate(1, line);
    const large = 0x40_0000_0000n - (1n << 21n);
    table.map(large, 0x8060_0000, RWX, 1);
    expect(board.translate(1, large)).to.equal(0x8060_0000);
    for (const page of [1n, 2n, 7n]) {
      expect(board.translate(1, large + page * 0x1000n)).to.equal(0x8060_0000 + Number(page) * 0x1000);
    }
  });

  it('leaves alone what has an entry of its own', () => {
    const { board, table } = makeBoard();
    const line = IOVA & ~0x7fffn;
    table.map(line, OLD, RWX);
    table.map(line + 0x1000n, OLD + 0x1000, RWX);
    board.translate(1, line);
    board.submit(iotinvalVma({ pscid: 1, address: line + 0x1000n }));
    table.map(line, NEW, RWX);
    expect(board.translate(1, line + 0x1000n)).to.equal(OLD + 0x1000);
    expect(board.translate(1, line), 'still stale').to.equal(OLD);
  });

  it('keeps permissions too', () => {
    const { board, table } = makeBoard();
    table.map(IOVA, OLD, V | R | U | A);
    board.translate(1, IOVA);
    table.map(IOVA, OLD, RWX);
    expect(board.fault(1, IOVA, 1)?.cause).to.equal(15);
    board.submit(iotinvalVma());
    expect(board.translate(1, IOVA, 1)).to.equal(OLD);
  });

  it('does not keep what is not valid', () => {
    const { board, table } = makeBoard();
    expect(board.translate(1, IOVA)).to.equal(-1);
    expect(board.translate(2, IOVA)).to.equal(-1);
    table.map(IOVA, OLD, RWX);
    board.attach(2, table, 1);
    expect(board.translate(1, IOVA)).to.equal(OLD);
    expect(board.translate(2, IOVA)).to.equal(OLD);
  });

  it('shares translations between devices with the same PSCID, and keeps others apart', () => {
    const { board, table } = makeBoard();
    table.map(IOVA, OLD, RWX);
    board.translate(1, IOVA);
    const other = board.makeFirstStage(39);
    board.attach(2, other, 1);
    board.attach(3, other, 3);
    expect(board.translate(2, IOVA)).to.equal(OLD);
    expect(board.translate(3, IOVA)).to.equal(-1);
  });

  it('tells devices apart that access the same page, whatever their numbers have in common', () => {
    const { board } = makeBoard();
    const devices = Array.from({ length: 128 }, (_, did) => did);
    for (const did of devices) {
      const table = board.makeFirstStage(39);
      table.map(IOVA, 0x8000_0000 + did * 0x1000, RWX);
      board.attach(did, table);
    }
    for (let round = 0; round < 2; round++) {
      for (const did of devices) {
        for (let again = 0; again < 2; again++) {
          expect(board.translate(did, IOVA)).to.equal(0x8000_0000 + did * 0x1000);
        }
      }
    }
  });

  const scopes: [string, Parameters<typeof iotinvalVma>[0], boolean, boolean][] = [
    // what, operands, whether it reaches an ordinary entry, whether it reaches a global one
    ['all', {}, true, true],
    ['its PSCID', { pscid: 1 }, true, false],
    ['another PSCID', { pscid: 2 }, false, false],
    ['its address in all spaces', { address: IOVA }, true, true],
    ['its address in its space', { address: IOVA, pscid: 1 }, true, false],
    ['its address in another space', { address: IOVA, pscid: 2 }, false, false],
    ['the page before', { address: IOVA - 0x1000n, pscid: 1 }, false, false],
    ['the page after', { address: IOVA + 0x1000n }, false, false],
    ['a page of the same set', { address: IOVA + 0x10_0000n }, false, false],
    ['guests', { gscid: 0 }, false, false],
    ['a guest and its address', { gscid: 0, pscid: 1, address: IOVA }, false, false],
  ];
  for (const [what, operands, plain, global] of scopes) {
    it(`IOTINVAL.VMA of ${what}`, () => {
      for (const [bits, reached] of [
        [RWX, plain],
        [RWX | G, global],
      ] as const) {
        const { board } = staleBoard(bits);
        board.submit(iotinvalVma(operands));
        expect(board.translate(1, IOVA), `${bits}`).to.equal(reached ? NEW : OLD);
      }
    });
  }

  it('reaches all parts of a large leaf by any address in it, and not the pages around', () => {
    for (const level of [1, 2]) {
      const size = 1n << BigInt(12 + 9 * level);
      for (const at of [0n, 0x1000n, size / 2n, size - 0x1000n]) {
        const { board, table, iova } = staleBoard(RWX, level);
        const [old, fresh] = level === 2 ? [0x8000_0000, 0x1_0000_0000] : [OLD, NEW];
        expect(board.translate(1, iova), 'stale').to.equal(old);
        table.map(iova - 0x1000n, OLD, RWX);
        board.translate(1, iova - 0x1000n);
        table.map(iova - 0x1000n, NEW, RWX);
        board.submit(iotinvalVma({ address: iova - 0x2000n, pscid: 1 }));
        expect(board.translate(1, iova), 'not reached').to.equal(old);
        board.submit(iotinvalVma({ address: iova + at, pscid: 1 }));
        expect(board.translate(1, iova), `${at}`).to.equal(fresh);
        expect(board.translate(1, iova - 0x1000n), 'the page before').to.equal(OLD);
      }
    }
  });

  it('reaches all parts of a Svnapot range by any address in it', () => {
    for (let page = 0n; page < 16n; page++) {
      const { board, table } = makeBoard();
      const iova = 0x123_0000n;
      for (let i = 0n; i < 16n; i++) table.map(iova + i * 0x1000n, OLD + 0x8000, RW | N);
      expect(board.translate(1, iova + 0x5000n)).to.equal(OLD + 0x5000);
      for (let i = 0n; i < 16n; i++) table.map(iova + i * 0x1000n, NEW + 0x8000, RW | N);
      expect(board.translate(1, iova + 0x5000n)).to.equal(OLD + 0x5000);
      board.submit(iotinvalVma({ address: iova + page * 0x1000n }));
      expect(board.translate(1, iova + 0x5000n)).to.equal(NEW + 0x5000);
    }
  });

  it('invalidates a NAPOT range with S, at its edges exactly', () => {
    const options = { capabilities: { rangeInvalidation: true } };
    for (let bits = 1n; bits < 8n; bits++) {
      const pages = 1n << bits;
      const { board, table } = makeBoard(options);
      const start = 0x4000_0000n;
      const around = [-1n, 0n, pages / 2n, pages - 1n, pages].map((page) => start + page * 0x1000n);
      for (const iova of around) {
        table.map(iova, OLD, RWX);
        board.translate(1, iova);
        table.map(iova, NEW, RWX);
      }
      const encoded = start + ((pages >> 1n) - 1n) * 0x1000n;
      board.submit(iotinvalVma({ address: encoded, s: true, pscid: 1 }));
      expect(around.map((iova) => board.translate(1, iova))).to.deep.equal([OLD, NEW, NEW, NEW, OLD]);
    }
    const { board } = staleBoard(RWX, 0, options);
    board.submit(iotinvalVma({ address: 0x7fff_ffff_ffff_f000n, s: true }));
    expect(board.translate(1, IOVA), 'the whole address space').to.equal(NEW);
  });

  it('keeps a device context until IODIR.INVAL_DDT names it, or all', () => {
    for (const [command, reached] of [
      [iodirInvalDdt(), true],
      [iodirInvalDdt(1), true],
      [iodirInvalDdt(2), false],
    ] as const) {
      const { board, table } = makeBoard();
      table.map(IOVA, OLD, RWX);
      board.translate(1, IOVA);
      const other = board.makeFirstStage(48);
      other.map(IOVA, NEW, RWX);
      board.attach(1, other, 7);
      board.submit(iotinvalVma(), iofence());
      expect(board.translate(1, IOVA), 'the old context, and its table').to.equal(OLD);
      board.submit(command, iofence());
      expect(board.translate(1, IOVA)).to.equal(reached ? NEW : OLD);
    }
  });

  it('keeps translations over a change of context: IODIR does not invalidate the IOTLB', () => {
    const { board } = staleBoard();
    board.submit(iodirInvalDdt());
    expect(board.translate(1, IOVA)).to.equal(OLD);
  });

  it('keeps contexts and translations while the mode is Off or Bare', () => {
    const { board } = staleBoard();
    board.setMode(0);
    expect(board.fault(1, IOVA)?.cause).to.equal(256);
    board.setMode(1);
    expect(board.translate(1, 0x5000n)).to.equal(0x5000);
    board.setMode(2, board.ddt);
    expect(board.translate(1, IOVA)).to.equal(OLD);
  });

  it('reads a context that has become invalid only after the invalidation', () => {
    const { board, table } = makeBoard();
    table.map(IOVA, OLD, RWX);
    board.translate(1, IOVA);
    board.store(board.contextAddress(1), 0n);
    expect(board.translate(1, IOVA)).to.equal(OLD);
    board.submit(iodirInvalDdt(1), iofence());
    expect(board.fault(1, IOVA)?.cause).to.equal(258);
  });

  it('replaces entries in turn, the same way every time', () => {
    const run = (): number[] => {
      const { board, table } = makeBoard({ iotlb: { sets: 2, ways: 2 }, contextCache: { sets: 1, ways: 1 } });
      const answers: number[] = [];
      for (let i = 0; i < 12; i++) table.map(BigInt(i) << 12n, OLD, RWX);
      board.attach(2, table, 1);
      for (let i = 0; i < 12; i++) board.translate(1 + (i & 1), BigInt(i) << 12n);
      for (let i = 0; i < 12; i++) table.map(BigInt(i) << 12n, NEW, RWX);
      board.submit(iotinvalVma({ address: 0x999_0000n }));
      for (let i = 0; i < 12; i++) answers.push(board.translate(1, BigInt(i) << 12n));
      return answers;
    };
    const first = run();
    expect(run()).to.deep.equal(first);
    expect(first.filter((address) => address === OLD).length).to.be.lessThan(5);
  });

  it('answers right for pages and frames of more than 31 bits, hit or miss', () => {
    const { board, table } = makeBoard({}, 57);
    const iova = 0xff_1234_5678_9000n;
    const physical = 0x12_3456_789a_b000n;
    table.map(iova, physical, RWX);
    for (let i = 0; i < 3; i++) expect(board.translate(1, iova + 9n)).to.equal(Number(physical) + 9);
    table.map(iova, OLD, RWX);
    expect(board.translate(1, iova)).to.equal(Number(physical));
    board.submit(iotinvalVma({ address: iova, pscid: 1 }));
    expect(board.translate(1, iova)).to.equal(OLD);
  });

  it('takes SADE from the cached context', () => {
    const { board, table } = makeBoard({}, 39, TC.SADE);
    const leaf = table.map(IOVA, OLD, V | R | U);
    board.translate(1, IOVA);
    expect(board.load(leaf)).to.equal(ppn(OLD / 4096) | V | R | U | A);
  });
});
