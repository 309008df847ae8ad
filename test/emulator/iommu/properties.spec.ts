import { expect } from 'chai';
import fc from 'fast-check';
import type { AccessKind } from '../../../emulator/bus/translator';
import {
  A,
  type CommandWords,
  D,
  G,
  IommuBoard,
  iofence,
  iotinvalVma,
  levelsOf,
  type Mode,
  N,
  ppn,
  R,
  TC,
  U,
  V,
  W,
  X,
} from '../../support/iommu-builder';

/** A walk by the book: no caches, bigint, recursion. Returns the physical address, or the cause of the fault. */
const walkByTheBook = (
  load: (address: number) => bigint | 'fault' | 'poison',
  root: number,
  mode: Mode,
  sade: boolean,
  iova: bigint,
  kind: AccessKind,
): { physical: bigint } | { cause: number } => {
  const pageFault = { cause: [13, 15, 12][kind]! };
  const accessFault = { cause: [5, 7, 1][kind]! };
  if (BigInt.asIntN(mode, iova) !== BigInt.asIntN(64, iova)) return pageFault;
  const visit = (table: number, level: number): { physical: bigint } | { cause: number } => {
    const shift = BigInt(12 + 9 * level);
    const pte = load(table + Number((iova >> shift) & 511n) * 8);
    if (pte === 'fault') return accessFault;
    if (pte === 'poison') return { cause: 274 };
    if ((pte & V) === 0n || (pte & (R | W)) === W || (pte >> 54n) % 512n !== 0n) return pageFault;
    const target = (pte >> 10n) & ((1n << 44n) - 1n);
    if ((pte & (R | X)) === 0n) {
      if ((pte & (U | A | D | N)) !== 0n || level === 0) return pageFault;
      return visit(Number(target) * 4096, level - 1);
    }
    if ((pte & [R, W, X][kind]!) === 0n || (pte & U) === 0n) return pageFault;
    let low = shift;
    if ((pte & N) !== 0n) {
      if (level !== 0 || target % 16n !== 8n) return pageFault;
      low = 16n;
    } else if ((target << 12n) % (1n << shift) !== 0n) {
      return pageFault;
    }
    if (!sade && ((pte & A) === 0n || (kind === 1 && (pte & D) === 0n))) return pageFault;
    return { physical: (((target << 12n) >> low) << low) | (iova & ((1n << low) - 1n)) };
  };
  return visit(root, levelsOf(mode) - 1);
};

const bitsArbitrary = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(V | R | W | X | U | A | D, V | R | U | A, V | R | W | U | A | D) },
  { weight: 4, arbitrary: fc.bigInt(0n, 255n) },
  { weight: 1, arbitrary: fc.tuple(fc.bigInt(0n, 255n), fc.bigInt(54n, 63n)).map(([low, bit]) => low | (1n << bit)) },
);

/** An index at each level, out of few, so that tables meet. */
const indexArbitrary = fc.array(fc.constantFrom(0n, 1n, 255n, 256n, 511n), { minLength: 5, maxLength: 5 });

const iovaOf = (mode: Mode, indices: readonly bigint[], offset: bigint): bigint => {
  let iova = offset;
  for (let level = 0; level < levelsOf(mode); level++) iova |= indices[level]! << BigInt(12 + 9 * level);
  return BigInt.asUintN(64, BigInt.asIntN(mode, iova));
};

describe('emulator/iommu, as a whole', () => {
  it('answers as a walk by the book does, for random tables and accesses', () => {
    const leaf = fc.record({
      indices: indexArbitrary,
      level: fc.constantFrom(0, 0, 0, 1, 2, 3, 4),
      bits: bitsArbitrary,
      target: fc.oneof(
        fc.bigInt(0n, (1n << 44n) - 1n),
        fc.bigInt(0n, 511n).map((n) => n << 27n),
        fc.constant(0x8_0808n),
      ),
    });
    const access = fc.record({
      indices: indexArbitrary,
      offset: fc.bigInt(0n, 4095n),
      kind: fc.constantFrom<AccessKind>(0, 1, 2),
      flip: fc.option(fc.bigInt(36n, 63n), { nil: undefined, freq: 8 }),
    });
    const property = fc.property(
      fc.constantFrom<Mode>(39, 48, 57),
      fc.boolean(),
      fc.array(leaf, { maxLength: 12 }),
      fc.array(access, { minLength: 1, maxLength: 25 }),
      fc.option(fc.record({ table: fc.nat(20), index: fc.nat(511), poison: fc.boolean() }), { nil: undefined }),
      (mode, sade, leaves, accesses, mark) => {
        const board = new IommuBoard();
        board.enableQueues(5, 7);
        board.makeDirectory(3);
        const table = board.makeFirstStage(mode);
        board.attach(0x12345, table, 9, sade ? TC.SADE : 0n);
        const used: bigint[][] = [];
        for (const { indices, level, bits, target } of leaves) {
          const at = Math.min(level, levelsOf(mode) - 1);
          const iova = iovaOf(mode, indices, 0n);
          let clash = false;
          for (let above = levelsOf(mode) - 1; above > at && !clash; above--) {
            const entry = board.load(table.entry(iova, above));
            const target = Number((entry >> 10n) & ((1n << 44n) - 1n)) * 4096;
            clash = entry !== 0n && ((entry & (R | W | X | U | A | D | V)) !== V || !board.bus.isRam(target));
          }
          if (clash) continue;
          board.store(table.entry(iova, at), ppn(target) | bits);
          used.push(indices);
        }
        if (mark !== undefined) board.bus.mark(table.root + mark.index * 8, 8, mark.poison ? 'poisoned' : 'faulting');
        const load = (address: number): bigint | 'fault' | 'poison' => {
          if (mark !== undefined && address === table.root + mark.index * 8) return mark.poison ? 'poison' : 'fault';
          if (!board.bus.isRam(address)) return 'fault';
          return board.load(address);
        };
        for (const [i, { indices, offset, kind, flip }] of accesses.entries()) {
          const chosen = i % 3 !== 0 && used.length > 0 ? used[i % used.length]! : indices;
          let iova = iovaOf(mode, chosen, offset);
          if (flip !== undefined) iova ^= 1n << flip;
          const expected = walkByTheBook(load, table.root, mode, sade, iova, kind);
          const frame = board.iommu.translate(0x12345, Number(iova >> 12n), Number(iova & 0xfffn), kind);
          const records = board.takeFaults();
          if ('physical' in expected) {
            expect(BigInt(frame)).to.equal(expected.physical >> 12n);
            expect(records).to.deep.equal([]);
          } else {
            const ttyp = [2, 3, 1][kind]!;
            expect(frame).to.equal(-2);
            expect(records).to.deep.equal([{ cause: expected.cause, ttyp, did: 0x12345, iotval: iova }]);
          }
        }
      },
    );
    fc.assert(property, { numRuns: 120 });
  });

  it('gives only stale answers that are legal, for random maps, unmaps, invalidations and accesses', () => {
    const space = fc.constantFrom(1, 2);
    const page = fc.nat(23);
    const action = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant('map' as const), space, page, frame: fc.nat(7), global: fc.boolean() }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('unmap' as const), space, page }) },
      { weight: 6, arbitrary: fc.record({ do: fc.constant('access' as const), space, page, write: fc.boolean() }) },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant('invalidate' as const),
          space: fc.option(space, { nil: undefined }),
          page: fc.option(page, { nil: undefined }),
        }),
      },
    );
    const geometry = fc.constantFrom({ sets: 1, ways: 1 }, { sets: 2, ways: 2 }, { sets: 256, ways: 2 });
    const property = fc.property(geometry, fc.array(action, { maxLength: 120 }), (iotlb, actions) => {
      const board = new IommuBoard({ iotlb });
      board.enableQueues();
      board.makeDirectory(1);
      const tables = [board.makeFirstStage(39), board.makeFirstStage(48)];
      tables.forEach((table, i) => board.attach(i + 1, table, i + 1));
      /** For each space and page: every PTE (frame and globality; 0 is unmapped) that an access may still be given. */
      const legal = new Map<string, Set<string>>();
      const keyOf = (s: number, p: number): string => `${s}:${p}`;
      const current = new Map<string, string>();
      const iova = (p: number): bigint => BigInt(p) * 0x1000n + 0x20_0000n;
      const allowed = (s: number, p: number): Set<string> => {
        const key = keyOf(s, p);
        if (!legal.has(key)) legal.set(key, new Set(['none']));
        return legal.get(key)!;
      };
      const set = (s: number, p: number, value: string): void => {
        current.set(keyOf(s, p), value);
        allowed(s, p).add(value);
      };
      for (const step of actions) {
        if (step.do === 'map') {
          const frame = 0x8080_0000 + step.frame * 0x1000;
          tables[step.space - 1]!.map(iova(step.page), frame, V | R | W | U | A | D | (step.global ? G : 0n));
          set(step.space, step.page, `${frame}${step.global ? 'g' : ''}`);
        } else if (step.do === 'unmap') {
          board.store(tables[step.space - 1]!.entry(iova(step.page)), 0n);
          set(step.space, step.page, 'none');
        } else if (step.do === 'access') {
          const answer = board.translate(step.space, iova(step.page), step.write ? 1 : 0);
          board.takeFaults();
          const mine = allowed(step.space, step.page);
          const theirs = [...allowed(3 - step.space, step.page)].filter((value) => value.endsWith('g'));
          const text = answer === -1 ? ['none'] : [`${answer}`, `${answer}g`];
          const now = current.get(keyOf(step.space, step.page)) ?? 'none';
          expect(text.some((value) => mine.has(value) || theirs.includes(value))).to.equal(true);
          // A refusal is legal only if memory refuses now: nothing invalid may be cached.
          if (answer === -1) expect(now).to.equal('none');
        } else {
          const command: CommandWords = iotinvalVma({
            ...(step.space === undefined ? {} : { pscid: step.space }),
            ...(step.page === undefined ? {} : { address: iova(step.page) }),
          });
          board.submit(command, iofence());
          for (const [key, values] of legal) {
            const [s, p] = key.split(':').map(Number) as [number, number];
            if (step.space !== undefined && step.space !== s) continue;
            if (step.page !== undefined && step.page !== p) continue;
            const now = current.get(key) ?? 'none';
            for (const value of values) {
              const survives = step.space !== undefined && value.endsWith('g');
              if (value !== now && !survives) values.delete(value);
            }
          }
        }
      }
    });
    fc.assert(property, { numRuns: 120 });
  });
});
