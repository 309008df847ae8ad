import { expect } from 'chai';
import { ACCESS_EXECUTE, ACCESS_READ, ACCESS_WRITE, type AccessKind } from '../../../emulator/bus/translator';
import {
  A,
  BEYOND_34_BITS,
  D,
  G,
  iofence,
  levelsOf,
  makeBoard,
  N,
  ppn,
  R,
  REG,
  RW,
  RWX,
  TC,
  U,
  V,
  W,
  X,
  type Mode,
} from '../../support/iommu-builder';

const MODES: readonly Mode[] = [39, 48, 57];
const KINDS: readonly AccessKind[] = [ACCESS_READ, ACCESS_WRITE, ACCESS_EXECUTE];
/** Page fault, access fault and TTYP of each kind, from the specification's tables. */
const PAGE_FAULT = [13, 15, 12];
const ACCESS_FAULT = [5, 7, 1];
const TTYP = [2, 3, 1];
const DATA = 0x8080_0000;
const IOVA = 0x12_3456_7000n;

describe('emulator/iommu/walker', () => {
  for (const mode of MODES) {
    for (let level = 0; level < levelsOf(mode); level++) {
      it(`Sv${mode} translates leaves of 2^${12 + 9 * level} bytes at their first, middle and last page`, () => {
        const { board, table } = makeBoard({}, mode);
        const size = 1n << BigInt(12 + 9 * level);
        const iova = size * 3n;
        const physical = size * (level === 0 ? 0x80801n : 5n);
        table.map(iova, physical, RWX, level);
        for (const offset of [0n, 0xfffn, size / 2n, size - 1n]) {
          expect(board.translate(1, iova + offset)).to.equal(Number(physical + offset));
        }
        expect(board.fault(1, iova - 1n)?.cause).to.equal(13);
        expect(board.fault(1, iova + size)?.cause).to.equal(13);
      });
      if (level === 0) continue;
      it(`Sv${mode} refuses a leaf of 2^${12 + 9 * level} bytes that is not aligned`, () => {
        const { board, table } = makeBoard({}, mode);
        for (let bit = 0; bit < 9 * level; bit += 4) {
          const iova = BigInt(bit + 1) << BigInt(12 + 9 * level);
          table.map(iova, 1n << BigInt(12 + bit), RWX, level);
          expect(board.fault(1, iova), `bit ${bit}`).to.deep.equal({ cause: 13, ttyp: 2, did: 1, iotval: iova });
        }
      });
    }

    it(`Sv${mode} accepts canonical addresses only`, () => {
      const { board, table } = makeBoard({}, mode);
      const half = 1n << BigInt(mode - 1);
      const low = half - 0x1000n;
      const high = (1n << 64n) - half;
      table.map(low, DATA, RWX);
      table.map(high, DATA + 0x1000, RWX);
      expect(board.translate(1, low + 5n)).to.equal(DATA + 5);
      expect(board.translate(1, high + 5n)).to.equal(DATA + 0x1005);
      for (const bad of [half, half + low, high - 0x1000n, 1n << 63n, 1n << 57n]) {
        if (bad >= high) continue;
        expect(board.fault(1, bad), bad.toString(16)).to.deep.equal({ cause: 13, ttyp: 2, did: 1, iotval: bad });
      }
    });
  }

  it('checks every combination of permission bits against every kind of access', () => {
    for (let bits = 0n; bits < 32n; bits++) {
      const { board, table } = makeBoard();
      table.map(IOVA, DATA, bits | A | D);
      for (const kind of KINDS) {
        const leaf = (bits & (R | X)) !== 0n;
        const legal = (bits & V) !== 0n && leaf && !((bits & W) !== 0n && (bits & R) === 0n);
        const allowed = legal && (bits & U) !== 0n && (bits & [R, W, X][kind]!) !== 0n;
        if (allowed) {
          expect(board.translate(1, IOVA + 0x123n, kind), `${bits} ${kind}`).to.equal(DATA + 0x123);
        } else {
          expect(board.fault(1, IOVA + 0x123n, kind), `${bits} ${kind}`).to.deep.equal({
            cause: PAGE_FAULT[kind],
            ttyp: TTYP[kind],
            did: 1,
            iotval: IOVA + 0x123n,
          });
        }
      }
    }
  });

  it('refuses reserved bits in leaves and pointers', () => {
    for (let bit = 54n; bit < 63n; bit++) {
      const { board, table } = makeBoard();
      const leaf = table.map(IOVA, DATA, RWX | (1n << bit));
      expect(board.fault(1, IOVA)?.cause, `leaf bit ${bit}`).to.equal(13);
      board.store(leaf, ppn(DATA / 4096) | RWX);
      const pointer = table.entry(IOVA, 1);
      board.store(pointer, board.load(pointer) | (1n << bit));
      expect(board.fault(1, IOVA)?.cause, `pointer bit ${bit}`).to.equal(13);
    }
    for (const bit of [U, A, D, N]) {
      const { board, table } = makeBoard();
      table.map(IOVA, DATA, RWX);
      const pointer = table.entry(IOVA, 2);
      board.store(pointer, board.load(pointer) | bit);
      expect(board.fault(1, IOVA)?.cause, `pointer ${bit}`).to.equal(13);
    }
  });

  it('leaves bits 60:59 to software if it advertises that', () => {
    const { board, table } = makeBoard({ capabilities: { softwareBits: true } });
    table.map(IOVA, DATA, RWX | (3n << 59n));
    expect(board.translate(1, IOVA)).to.equal(DATA);
    table.map(IOVA + 0x1000n, DATA, RWX | (1n << 58n));
    expect(board.fault(1, IOVA + 0x1000n)?.cause).to.equal(13);
  });

  it('refuses a pointer where only a leaf can be', () => {
    const { board, table } = makeBoard();
    table.map(IOVA, DATA, V);
    expect(board.fault(1, IOVA)?.cause).to.equal(13);
  });

  it('translates Svnapot ranges of 64 KiB and refuses all other encodings', () => {
    const { board, table } = makeBoard();
    const base = 0x4000_0000n;
    for (let i = 0n; i < 16n; i++) table.map(base + i * 0x1000n, DATA + 0x8000, RW | N);
    for (let i = 0; i < 16; i++) {
      expect(board.translate(1, base + BigInt(i) * 0x1000n + 7n)).to.equal(DATA + i * 0x1000 + 7);
    }
    for (let low = 0; low < 16; low++) {
      if (low === 8) continue;
      table.map(base + 0x10_0000n, DATA + low * 0x1000, RW | N);
      expect(board.fault(1, base + 0x10_0000n)?.cause, `ppn ${low}`).to.equal(13);
    }
    table.map(base + 0x40_0000n, 0x8080_0000, RW | N, 1);
    expect(board.fault(1, base + 0x40_0000n)?.cause).to.equal(13);
  });

  describe('accessed and dirty', () => {
    const missing: readonly (readonly [string, bigint, readonly AccessKind[]])[] = [
      ['A', D, KINDS],
      ['D', A, [ACCESS_WRITE]],
      ['A and D', 0n, KINDS],
    ];
    for (const [what, have, kinds] of missing) {
      for (const kind of kinds) {
        it(`faults on a clear ${what} without SADE, kind ${kind}`, () => {
          const { board, table } = makeBoard();
          const leaf = table.map(IOVA, DATA, V | R | W | X | U | have);
          const before = board.load(leaf);
          expect(board.fault(1, IOVA, kind)?.cause).to.equal(PAGE_FAULT[kind]);
          expect(board.load(leaf)).to.equal(before);
        });

        it(`sets a clear ${what} in memory with SADE, kind ${kind}`, () => {
          const { board, table } = makeBoard({}, 48, TC.SADE);
          const leaf = table.map(IOVA, DATA, V | R | W | X | U | have);
          const before = board.load(leaf);
          expect(board.translate(1, IOVA, kind)).to.equal(DATA);
          expect(board.load(leaf)).to.equal(before | A | (kind === ACCESS_WRITE ? D : 0n));
        });
      }
    }

    it('sets D at the first write even though a read has cached the page', () => {
      const { board, table } = makeBoard({}, 39, TC.SADE);
      const leaf = table.map(IOVA, DATA, V | R | W | U);
      board.translate(1, IOVA);
      board.translate(1, IOVA);
      expect(board.load(leaf) & (A | D)).to.equal(A);
      expect(board.translate(1, IOVA, ACCESS_WRITE)).to.equal(DATA);
      expect(board.load(leaf) & (A | D)).to.equal(A | D);
      expect(board.translate(1, IOVA, ACCESS_READ)).to.equal(DATA);
    });

    it('sets nothing for an access that is not allowed', () => {
      const { board, table } = makeBoard({}, 39, TC.SADE);
      const leaf = table.map(IOVA, DATA, V | R | U);
      const before = board.load(leaf);
      expect(board.fault(1, IOVA, ACCESS_WRITE)?.cause).to.equal(15);
      expect(board.load(leaf)).to.equal(before);
    });

    it('updates a superpage entry in the table of its own level', () => {
      const { board, table } = makeBoard({}, 57, TC.SADE);
      const leaf = table.map(1n << 50n, 0, V | R | W | U, 3);
      expect(board.translate(1, (1n << 50n) + 0x8000_0000n, ACCESS_WRITE)).to.equal(0x8000_0000);
      expect(board.load(leaf) & 0xffn).to.equal(V | R | W | U | A | D);
    });
  });

  it('tells access faults from corrupted data, at every level', () => {
    for (const kind of KINDS) {
      for (let level = 0; level < 3; level++) {
        const { board, table } = makeBoard();
        table.map(IOVA, DATA, RWX);
        const entry = table.entry(IOVA, level);
        board.bus.mark(entry, 8, 'faulting');
        expect(board.fault(1, IOVA, kind)?.cause).to.equal(ACCESS_FAULT[kind]);
        board.bus.unmark(entry, 8);
        board.bus.mark(entry, 8, 'poisoned');
        expect(board.fault(1, IOVA, kind)?.cause).to.equal(274);
        board.bus.unmark(entry, 8);
        expect(board.translate(1, IOVA, kind)).to.equal(DATA);
      }
    }
  });

  it('gives an access fault for a table where no memory is, or beyond PAS', () => {
    const { board, table } = makeBoard({ capabilities: { physicalAddressBits: 40 } });
    for (const page of [0x1000, 2 ** 28, 2 ** 43]) {
      table.entry(IOVA, 1);
      board.store(table.entry(IOVA, 1), ppn(page) | V);
      expect(board.fault(1, IOVA, ACCESS_WRITE)?.cause, page.toString(16)).to.equal(7);
    }
    board.setContext(2, { fsc: (8n << 60n) | (1n << 43n), ta: 2n << 12n });
    expect(board.fault(2, IOVA)?.cause).to.equal(5);
  });

  it('does not reach memory beyond PAS for tables and fences', () => {
    for (const physicalAddressBits of [34, 35]) {
      const { board, table } = makeBoard({ capabilities: { physicalAddressBits } });
      const far = BEYOND_34_BITS / 4096;
      const good = physicalAddressBits === 35;
      table.entry(IOVA, 1);
      board.store(table.entry(IOVA, 1), ppn(far) | V);
      board.store(BEYOND_34_BITS + Number((IOVA >> 12n) & 511n) * 8, ppn(DATA / 4096) | RWX);
      if (good) expect(board.translate(1, IOVA)).to.equal(DATA);
      else expect(board.fault(1, IOVA)?.cause, 'next table').to.equal(5);
      board.store(BEYOND_34_BITS + 0x1000, 0n);
      board.setContext(2, { fsc: (8n << 60n) | BigInt(far + 1), ta: 2n << 12n });
      expect(board.fault(2, IOVA)?.cause, 'root table').to.equal(good ? 13 : 5);
      board.submit(iofence({ address: BEYOND_34_BITS + 0x2000, data: 1 }));
      expect(board.read32(REG.cqcsr) & 0x100, 'fence').to.equal(good ? 0 : 0x100);
    }
  });

  it('hands out any of the 44 bits of a page number', () => {
    const { board, table } = makeBoard({}, 57);
    const physical = 0xff_ffff_ffff_f000n;
    table.map(IOVA, physical, RWX);
    expect(board.iommu.translate(1, Number(IOVA >> 12n), 0, 0)).to.equal(2 ** 44 - 1);
    expect(board.iommu.translate(1, Number(IOVA >> 12n), 0, 0)).to.equal(2 ** 44 - 1);
  });

  it('treats G in a pointer as G in everything below', () => {
    const { board, table } = makeBoard();
    table.entry(IOVA, 0, V | G);
    table.map(IOVA, DATA, RWX);
    board.attach(2, board.makeFirstStage(39), 2);
    expect(board.translate(1, IOVA)).to.equal(DATA);
    expect(board.translate(2, IOVA), 'a global translation serves every address space').to.equal(DATA);
  });
});
