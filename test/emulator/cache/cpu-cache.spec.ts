import { expect } from 'chai';
import fc from 'fast-check';
import { physAddr } from '../../../base/address';
import { BUS_ACCESS_FAULT, BUS_NO_ADDRESS, BUS_POISONED } from '../../../base/bus-outcome';
import { LabError } from '../../../base/errors';
import { u64 } from '../../../base/u64';
import { cacheParameters, type CacheOptions } from '../../../emulator/cache/options';
import { CachedBoard, pattern, RAM_BASE, RAM_BYTES } from '../../support/cached-board';
import { CacheModel } from './cache-model';

const SPACE = 0x2000;
const SMALL = { sets: 4, ways: 2 } as const;
const SMALL_BYTES = 4 * 2 * 64;

/** An operation of the property test: applied to both, it returns what each of them saw. */
const kinds = [
  'cpu-read',
  'cpu-write',
  'load32',
  'load64',
  'store8',
  'store32',
  'store64',
  'fill',
  'copy',
  'nc-read',
  'nc-write',
  'device-read',
  'device-write',
  'snoop-read',
  'snoop-write',
  'clean',
  'invalidate',
  'flush',
] as const;
const step = fc.record({
  kind: fc.constantFrom(...kinds),
  // Few pages, so that accesses meet.
  at: fc.oneof(fc.nat(0x17f), fc.nat({ max: SPACE - SMALL_BYTES - 1 })),
  to: fc.nat(0x27f),
  length: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: SMALL_BYTES / 2 })),
  salt: fc.nat(255),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const little = (bytes: readonly number[]): number => bytes.reduceRight((value, byte) => value * 256 + byte, 0);

const applyToBoard = (board: CachedBoard, { kind, at, to, length, salt }: Step): unknown => {
  const address = physAddr(RAM_BASE + at);
  const { cpu, memory } = board;
  const bytes = pattern(salt, length);
  switch (kind) {
    case 'cpu-read':
      return board.read('cpu', at, length);
    case 'cpu-write':
      board.write('cpu', at, bytes);
      return undefined;
    case 'load32':
      return cpu.load32(address);
    case 'load64': {
      const value = u64();
      cpu.load64(address, value);
      return [value.lo, value.hi];
    }
    case 'store8':
      cpu.store8(address, salt);
      return undefined;
    case 'store32':
      cpu.store32(address, little(pattern(salt, 4)));
      return undefined;
    case 'store64':
      cpu.store64(address, little(pattern(salt, 4)), little(pattern(salt + 1, 4)));
      return undefined;
    case 'fill':
      cpu.fillBytes(address, salt, length);
      return undefined;
    case 'copy':
      cpu.copyBytes(physAddr(RAM_BASE + to), address, length);
      return undefined;
    case 'nc-read':
      return board.read('uncached', at, length);
    case 'nc-write':
      board.write('uncached', at, bytes);
      return undefined;
    case 'device-read':
      return board.read(memory.nonCoherent, at, length);
    case 'device-write':
      board.write(memory.nonCoherent, at, bytes);
      return undefined;
    case 'snoop-read':
      return board.read(memory.coherent, at, length);
    case 'snoop-write':
      board.write(memory.coherent, at, bytes);
      return undefined;
    case 'clean':
      cpu.cleanLines(address, length);
      return undefined;
    case 'invalidate':
      cpu.invalidateLines(address, length);
      return undefined;
    case 'flush':
      cpu.flushLines(address, length);
      return undefined;
  }
};

const applyToModel = (model: CacheModel, { kind, at, to, length, salt }: Step): unknown => {
  const bytes = pattern(salt, length);
  switch (kind) {
    case 'cpu-read':
      return model.cpuRead(at, length);
    case 'cpu-write':
      model.cpuWrite(at, bytes);
      return undefined;
    case 'load32':
      return little(model.cpuRead(at, 4));
    case 'load64': {
      const all = model.cpuRead(at, 8);
      return [little(all.slice(0, 4)), little(all.slice(4))];
    }
    case 'store8':
      model.cpuWrite(at, [salt]);
      return undefined;
    case 'store32':
      model.cpuWrite(at, pattern(salt, 4));
      return undefined;
    case 'store64':
      model.cpuWrite(at, [...pattern(salt, 4), ...pattern(salt + 1, 4)]);
      return undefined;
    case 'fill':
      model.cpuWrite(at, new Array<number>(length).fill(salt));
      return undefined;
    case 'copy':
      model.cpuWrite(to, model.cpuRead(at, length));
      return undefined;
    case 'nc-read':
    case 'device-read':
      return model.ramRead(at, length);
    case 'nc-write':
    case 'device-write':
      model.ramWrite(at, bytes);
      return undefined;
    case 'snoop-read':
      return model.snoopRead(at, length);
    case 'snoop-write':
      model.snoopWrite(at, bytes);
      return undefined;
    case 'clean':
    case 'invalidate':
    case 'flush':
      model.operate(kind, at, length);
      return undefined;
  }
};

const compare = (options: CacheOptions & { sets: number; ways: number }, steps: readonly Step[]): void => {
  const board = new CachedBoard(options);
  const model = new CacheModel(SPACE, options.sets, options.ways);
  for (const each of steps) {
    expect(applyToBoard(board, each), JSON.stringify(each)).to.deep.equal(applyToModel(model, each));
  }
  expect(board.peek(board.bus, 0, SPACE), 'RAM').to.deep.equal([...model.ram]);
  expect(board.peek(board.memory.cpu, 0, SPACE), 'what the CPU sees').to.deep.equal(model.view());
};

describe('cpu cache', () => {
  it('does what the plainest cache does, byte for byte', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => compare(SMALL, steps)),
      { numRuns: 250 },
    );
  });

  it('does so with any geometry', () => {
    const geometry = fc.record({ sets: fc.constantFrom(1, 2, 16), ways: fc.constantFrom(8, 9, 32) });
    fc.assert(
      fc.property(geometry, fc.array(step, { maxLength: 40 }), (options, steps) => compare(options, steps)),
      { numRuns: 80 },
    );
  });

  it('keeps RAM as it was until a dirty line is cleaned', () => {
    const board = new CachedBoard();
    board.write('cpu', 0x1003, [1, 2, 3]);
    expect(board.read(board.memory.nonCoherent, 0x1003, 3)).to.deep.equal([0, 0, 0]);
    board.cpu.cleanLines(physAddr(RAM_BASE + 0x1005), 1);
    expect(board.read(board.memory.nonCoherent, 0x1003, 3)).to.deep.equal([1, 2, 3]);
  });

  it('shows the CPU old bytes until the line is invalidated', () => {
    const board = new CachedBoard();
    board.read('cpu', 0, 1);
    board.write(board.memory.nonCoherent, 0, pattern(1, 128));
    expect(board.read('cpu', 0, 64)).to.deep.equal(new Array(64).fill(0));
    // The next line was not in the cache.
    expect(board.read('cpu', 64, 64)).to.deep.equal(pattern(1, 128).slice(64));
    board.cpu.invalidateLines(physAddr(RAM_BASE), 64);
    expect(board.read('cpu', 0, 64)).to.deep.equal(pattern(1, 128).slice(0, 64));
  });

  it('destroys what shares a line with a buffer', () => {
    const board = new CachedBoard();
    const neighbour = pattern(9, 32);
    // The CPU's own data in the first half of a line is written back over what a device put into the second.
    board.write('cpu', 0x200, neighbour);
    board.write(board.memory.nonCoherent, 0x220, pattern(3, 32));
    board.cpu.cleanLines(physAddr(RAM_BASE + 0x200), 32);
    expect(board.read(board.memory.nonCoherent, 0x220, 32)).to.deep.equal(new Array(32).fill(0));
    // The other way round: invalidating the buffer throws the CPU's data away.
    board.write('cpu', 0x400, neighbour);
    board.write(board.memory.nonCoherent, 0x420, pattern(3, 32));
    board.cpu.invalidateLines(physAddr(RAM_BASE + 0x420), 32);
    expect(board.read('cpu', 0x400, 64)).to.deep.equal([...new Array<number>(32).fill(0), ...pattern(3, 32)]);
  });

  it('lets a coherent device see everything, and see to it that the CPU does', () => {
    const board = new CachedBoard();
    board.write('cpu', 0x100, pattern(1, 300));
    expect(board.read(board.memory.coherent, 0x100, 300)).to.deep.equal(pattern(1, 300));
    board.write(board.memory.coherent, 0x120, pattern(2, 10));
    expect(board.read('cpu', 0x110, 0x20)).to.deep.equal([
      ...pattern(1, 300).slice(0x10, 0x20),
      ...pattern(2, 10),
      ...pattern(1, 300).slice(0x2a, 0x30),
    ]);
  });

  it('gives coherent masters all the quick ways, too', () => {
    const board = new CachedBoard();
    const { coherent } = board.memory;
    const page = RAM_BASE / 4096;
    const words = new Int32Array(4);
    board.write('cpu', 0x108, pattern(5, 16));
    coherent.readWords(page, 0x108, words, 0, 4);
    expect([...new Uint8Array(words.buffer)]).to.deep.equal(pattern(5, 16));
    const bytes = new Uint8Array(100);
    board.write('cpu', 0x210, pattern(7, 90));
    coherent.readPiece(page, 0x210, bytes, 5, 90);
    expect([...bytes.subarray(5, 95)]).to.deep.equal(pattern(7, 90));
    coherent.writePiece(page, 0x220, Uint8Array.from(pattern(8, 10)), 0, 10);
    expect(board.read('cpu', 0x218, 20)).to.deep.equal([
      ...pattern(7, 90).slice(8, 16),
      ...pattern(8, 10),
      ...pattern(7, 90).slice(26, 28),
    ]);
    board.write('cpu', 0x1000, pattern(6, 500));
    board.read('cpu', 0x2000, 500);
    coherent.copyPiece(page + 1, 0, page + 2, 0, 500);
    expect(board.read('cpu', 0x2000, 500)).to.deep.equal(pattern(6, 500));
    const run = [Float64Array.of(RAM_BASE + 0x2000), Float64Array.of(RAM_BASE + 0x3008), Float64Array.of(99)] as const;
    board.write('cpu', 0x2000, [77]);
    expect(coherent.copyRun(...run, 0, 1)).to.equal(1);
    expect(board.read('cpu', 0x3008, 2)).to.deep.equal([77, pattern(6, 2)[1]]);
    coherent.fill(RAM_BASE + 0x3008, 5, 2);
    expect(board.read('cpu', 0x3008, 2)).to.deep.equal([5, 5]);
  });

  it('answers the quick ways itself, as what it holds is not in memory yet', () => {
    const { cpu, nonCoherent } = new CachedBoard().memory;
    const page = RAM_BASE / 4096;
    const [words, bytes] = [new Int32Array(4), new Uint8Array(40)];
    cpu.writeWords(page, 0x100, Int32Array.of(1, 2, 3, 4), 0, 4);
    cpu.writePiece(page, 0x110, Uint8Array.from(pattern(9, 30)), 0, 30);
    cpu.copyPiece(page, 0x100, page + 1, 0, 46);
    cpu.readWords(page + 1, 0, words, 0, 4);
    cpu.readPiece(page + 1, 16, bytes, 5, 30);
    expect([...words]).to.deep.equal([1, 2, 3, 4]);
    expect([...bytes.subarray(5, 35)]).to.deep.equal(pattern(9, 30));
    nonCoherent.readPiece(page, 0x110, bytes, 5, 30);
    expect([...bytes.subarray(5, 35)]).to.deep.equal(new Array(30).fill(0));
  });

  it('shows tables to whoever walks them', () => {
    const board = new CachedBoard();
    const { cpu, memory } = board;
    const entry = (page: number): number => (page << 10) | 1;
    // Three levels, each in a page of its own, all of them dirty in the cache.
    const pages = [1, 2, 3].map((index) => RAM_BASE / 4096 + index);
    cpu.store64(physAddr(pages[0]! * 4096 + 8 * 1), entry(pages[1]!), pages[1]! >>> 22);
    cpu.store64(physAddr(pages[1]! * 4096 + 8 * 2), entry(pages[2]!), pages[2]! >>> 22);
    cpu.store64(physAddr(pages[2]! * 4096 + 8 * 3), 0xabcd, 0x12);
    const at = memory.coherent.descend(pages[0]!, 3, 1 * 2 ** 18 + 2 * 512 + 3, 0xf, 1, -512);
    expect([memory.coherent.entryLow(at), memory.coherent.entryHigh(at)]).to.deep.equal([0xabcd, 0x12]);
    expect(memory.nonCoherent.descend(pages[0]!, 3, 2 ** 18, 0xf, 1, -512)).to.equal(-1);
  });

  it('lets accesses longer than the cache through, and keeps their end', () => {
    const board = new CachedBoard(SMALL);
    const long = 3 * SMALL_BYTES + 77;
    board.write('cpu', 0x40, [1]);
    board.write('cpu', 0x33, pattern(4, long));
    expect(board.peek(board.memory.cpu, 0x33, long)).to.deep.equal(pattern(4, long));
    expect(board.peek(board.bus, 0x33, long - SMALL_BYTES - 64)).to.deep.equal(
      pattern(4, long).slice(0, long - SMALL_BYTES - 64),
    );
    expect(board.peek(board.bus, 0x33 + long - 10, 10)).to.deep.equal(new Array(10).fill(0));
    // Stale lines are seen by long reads as well.
    board.read('cpu', 0x80, 1);
    board.write(board.memory.nonCoherent, 0x80, [0xee]);
    expect(board.read('cpu', 0x33, long)).to.deep.equal(pattern(4, long));
    board.cpu.fillBytes(physAddr(RAM_BASE + 5), 9, long);
    expect(board.read('cpu', 0, long + 10)).to.deep.equal([
      ...new Array<number>(5).fill(0),
      ...new Array<number>(long).fill(9),
      ...pattern(4, long).slice(long - 46, long - 41),
    ]);
  });

  it('takes accesses of about its own size at any alignment', () => {
    for (const options of [SMALL, { sets: 1, ways: 1 }, { sets: 2, ways: 1 }, { sets: 1, ways: 2 }]) {
      const size = options.sets * options.ways * 64;
      for (const offset of [0, 1, 2, 62, 63, 64, 65]) {
        for (const more of [-65, -64, -63, -1, 0, 1, 2, 63, 64, 65, 127, 128]) {
          const length = Math.max(1, size + more);
          const board = new CachedBoard(options);
          board.write(board.bus, 0, pattern(7, 1000));
          board.write('cpu', offset, pattern(3, length));
          const expected = [...pattern(7, 1000).slice(0, offset), ...pattern(3, length)];
          expect(board.read('cpu', 0, offset + length)).to.deep.equal(expected);
          board.cpu.fillBytes(physAddr(RAM_BASE + offset), 1, length);
          board.cpu.flushLines(physAddr(RAM_BASE), 1000);
          expected.fill(1, offset);
          expected.push(...pattern(7, 1000).slice(offset + length, offset + length + 99));
          expect(board.read(board.bus, 0, expected.length)).to.deep.equal(expected);
        }
      }
    }
  });

  it('copies overlapping ranges of more than a chunk in both directions', () => {
    for (const [from, to] of [
      [0x100, 0x155],
      [0x155, 0x100],
    ] as const) {
      const board = new CachedBoard();
      board.write('cpu', from, pattern(from, 10_000));
      board.cpu.copyBytes(physAddr(RAM_BASE + to), physAddr(RAM_BASE + from), 10_000);
      expect(board.read('cpu', to, 10_000)).to.deep.equal(pattern(from, 10_000));
    }
  });

  it('does not swallow what RAM answers', () => {
    const { cpu, memory, bus } = new CachedBoard();
    memory.cpu.mark(RAM_BASE + 0x1010, 4, 'poisoned');
    memory.cpu.mark(RAM_BASE + 0x2010, 4, 'faulting');
    const bytes = new Uint8Array(64);
    expect(cpu.load32(physAddr(RAM_BASE + 0x1010))).to.equal(BUS_POISONED);
    expect(cpu.readBytes(physAddr(RAM_BASE + 0x1000), bytes, 0, 64)).to.equal(BUS_POISONED);
    expect(cpu.writeBytes(physAddr(RAM_BASE + 0x2000), bytes, 0, 64)).to.equal(BUS_ACCESS_FAULT);
    expect(cpu.store64(physAddr(RAM_BASE + 0x2010), 1, 2)).to.equal(BUS_ACCESS_FAULT);
    const past = physAddr(RAM_BASE + RAM_BYTES - 2);
    expect(cpu.load32(past)).to.equal(BUS_NO_ADDRESS);
    expect(cpu.store32(past, 1)).to.equal(BUS_NO_ADDRESS);
    expect(cpu.fillBytes(past, 1, 64)).to.equal(BUS_NO_ADDRESS);
    expect(cpu.copyBytes(physAddr(RAM_BASE), past, 64)).to.equal(BUS_NO_ADDRESS);
    bus.unmark(RAM_BASE + 0x1000, 64);
    expect(cpu.load32(physAddr(RAM_BASE + 0x1010))).to.equal(0);
  });

  it('tells what becomes of lines, and costs time for operations only', () => {
    const board = new CachedBoard({ sets: 1, ways: 1, operationNs: 7 });
    const events = board.events();
    board.write('cpu', 0, [1]);
    board.cpu.cleanLines(physAddr(RAM_BASE), 1);
    board.write('cpu', 1, [1]);
    board.read('cpu', 64, 1);
    board.write('cpu', 64, [2]);
    expect(board.clock.now).to.equal(7);
    board.cpu.invalidateLines(physAddr(RAM_BASE + 63), 2);
    expect(board.clock.now).to.equal(21);
    board.write('cpu', 64, [3]);
    board.read(board.memory.coherent, 64, 4);
    board.cpu.flushLines(physAddr(RAM_BASE), 0);
    expect(board.clock.now).to.equal(21);
    expect(
      events.map((event) => ('cause' in event && 'dirty' in event ? `${event.type} ${event.cause}` : event.type)),
    ).to.deep.equal([
      'cache-fill access',
      'cache-dirty access',
      'cache-clean operation',
      'cache-dirty access',
      'cache-evict access',
      'cache-fill access',
      'cache-dirty access',
      'cache-drop operation',
      'cache-fill access',
      'cache-dirty access',
      'cache-clean snoop',
    ]);
  });

  it('takes only what makes a cache', () => {
    expect(cacheParameters()).to.deep.equal({ sets: 64, ways: 8, operationNs: 10, adversary: undefined });
    for (const wrong of [
      { sets: 3 },
      { sets: 0 },
      { sets: 8192 },
      { ways: 0 },
      { ways: 33 },
      { ways: 1.5 },
      { operationNs: -1 },
      { adversarial: { interval: 0 } },
      { adversarial: { storeBuffer: 257 } },
    ]) {
      expect(() => cacheParameters(wrong), JSON.stringify(wrong)).to.throw(LabError, 'cache.');
    }
  });
});
