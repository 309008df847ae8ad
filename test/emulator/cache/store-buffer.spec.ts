import { expect } from 'chai';
import fc from 'fast-check';
import { physAddr } from '../../../base/address';
import { u64 } from '../../../base/u64';
import { CachedBoard, RAM_BASE } from '../../support/cached-board';

const at = (offset: number): ReturnType<typeof physAddr> => physAddr(RAM_BASE + offset);
/** No mischief but that of the store buffer, and that only when it is full or asked. */
const QUIET = { adversarial: { interval: 1_000_000, storeBuffer: 4 } } as const;

const word = (board: CachedBoard, offset: number): number => board.memory.coherent.load32(RAM_BASE + offset);

describe('store buffer', () => {
  it('keeps stores from everyone but the CPU until a fence', () => {
    const board = new CachedBoard(QUIET);
    const { cpu } = board;
    cpu.store32(at(0), 1);
    cpu.store8(at(9), 0x22);
    const value = u64();
    cpu.load64(at(4), value);
    expect([cpu.load32(at(0)), value.lo, value.hi]).to.deep.equal([1, 0, 0x2200]);
    expect(cpu.load16(at(9))).to.equal(0x22);
    expect([word(board, 0), word(board, 8)]).to.deep.equal([0, 0]);
    expect(board.peek(board.memory.cpu, 8, 2)).to.deep.equal([0, 0x22]);
    expect(board.peek(board.bus, 8, 2)).to.deep.equal([0, 0]);
    cpu.fence();
    expect([word(board, 0), word(board, 8)]).to.deep.equal([1, 0x2200]);
  });

  it('holds uncached stores back as well, and shows them to uncached loads', () => {
    const board = new CachedBoard(QUIET);
    board.cpu.uncached.store32(at(0x40), 7);
    expect(board.cpu.uncached.load32(at(0x40))).to.equal(7);
    expect(board.memory.nonCoherent.load32(RAM_BASE + 0x40)).to.equal(0);
    board.cpu.fence();
    expect(board.memory.nonCoherent.load32(RAM_BASE + 0x40)).to.equal(7);
  });

  it('lets words leave in another order than that of the stores', () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 50; seed++) {
      const board = new CachedBoard(QUIET, seed);
      for (let i = 0; i < 4; i++) board.cpu.store32(at(8 * i), 1);
      // One more than fits: one has to leave, any.
      board.cpu.store32(at(0x100), 1);
      orders.add([0, 8, 16, 24].map((offset) => word(board, offset)).join(''));
    }
    expect([...orders].sort()).to.deep.equal(['0001', '0010', '0100', '1000']);
  });

  it('keeps stores to one word in order, whichever way they go', () => {
    for (let seed = 0; seed < 30; seed++) {
      const board = new CachedBoard(QUIET, seed);
      const { cpu } = board;
      for (let i = 1; i <= 9; i++) {
        if (i % 2 === 0) cpu.store32(at(0), i);
        else cpu.uncached.store32(at(0), i);
        cpu.orderStores();
        cpu.store32(at(64 * i), i);
        cpu.store32(at(0x800 + 64 * i), i);
        cpu.flushLines(at(0), 4);
        expect(board.memory.nonCoherent.load32(RAM_BASE)).to.equal(i);
      }
    }
  });

  it('lets nothing pass a store barrier', () => {
    for (let seed = 0; seed < 50; seed++) {
      const board = new CachedBoard({ adversarial: { interval: 2, storeBuffer: 8 } }, seed);
      const { cpu } = board;
      cpu.store32(at(0), 1);
      cpu.store32(at(0x80), 1);
      cpu.orderStores();
      cpu.store32(at(0x100), 1);
      for (let i = 0; i < 40; i++) {
        if (word(board, 0x100) === 1) expect([word(board, 0), word(board, 0x80)]).to.deep.equal([1, 1]);
      }
      // A store too long for the buffer does not pass it either.
      cpu.store32(at(0x200), 1);
      cpu.orderStores();
      cpu.fillBytes(at(0x1000), 9, 200);
      expect(word(board, 0x200)).to.equal(1);
    }
  });

  it('puts stores into the lines that a cache operation is about', () => {
    const board = new CachedBoard(QUIET);
    board.cpu.store32(at(0x40), 5);
    board.cpu.store32(at(0x80), 6);
    board.cpu.cleanLines(at(0x7f), 1);
    expect(board.memory.nonCoherent.load32(RAM_BASE + 0x40)).to.equal(5);
    expect(word(board, 0x80)).to.equal(0);
  });

  it('lets stores leave within bounded time, and before the CPU idles', () => {
    const board = new CachedBoard(QUIET);
    const { cpu, clock } = board;
    let seen = 0;
    clock
      .timer('device', () => {
        seen = word(board, 0);
      })
      .armAt(5000);
    cpu.store32(at(0), 1);
    cpu.elapse(10_000);
    expect(seen).to.equal(1);
    cpu.store32(at(8), 1);
    expect(cpu.waitForInterrupt()).to.equal(false);
    expect(word(board, 8)).to.equal(1);
  });

  it('never shows the CPU anything but its own latest store', () => {
    const store = fc.record({
      at: fc.nat(40),
      length: fc.integer({ min: 1, max: 100 }),
      value: fc.nat(255),
      kind: fc.constantFrom('bytes', 'fill', 'copy', 'order', 'fence', 'clean'),
    });
    const run = (
      seed: number,
      stores: readonly { at: number; length: number; value: number; kind: string }[],
    ): void => {
      const board = new CachedBoard({ sets: 1, ways: 2, adversarial: { interval: 2, storeBuffer: 3 } }, seed);
      const { cpu } = board;
      const model = new Uint8Array(300);
      for (const { at: offset, length, value, kind } of stores) {
        if (kind === 'bytes') {
          const bytes = Array.from({ length }, (_, i) => (value + i) & 0xff);
          board.write('cpu', offset, bytes);
          model.set(bytes, offset);
        } else if (kind === 'fill') {
          cpu.fillBytes(at(offset), value, length);
          model.fill(value, offset, offset + length);
        } else if (kind === 'copy') {
          cpu.copyBytes(at(offset + (value & 63)), at(offset), length);
          model.copyWithin(offset + (value & 63), offset, offset + length);
        } else if (kind === 'order') cpu.orderStores();
        else if (kind === 'fence') cpu.fence();
        else cpu.cleanLines(at(offset), length);
        expect(board.read('cpu', 0, 300)).to.deep.equal([...model]);
      }
      cpu.fence();
      expect(board.read(board.memory.coherent, 0, 300)).to.deep.equal([...model]);
    };
    fc.assert(fc.property(fc.nat(), fc.array(store, { maxLength: 30 }), run), { numRuns: 100 });
  });
});
