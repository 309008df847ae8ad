import { expect } from 'chai';
import fc from 'fast-check';

import { PAGE_SIZE, physAddr } from '../../../base/address';
import { BUS_NO_ADDRESS, BUS_OK, BUS_POISONED, type BusOutcome } from '../../../base/bus-outcome';
import { LabError } from '../../../base/errors';
import { Trace } from '../../../base/trace';
import type { TraceEvent } from '../../../base/trace-events';
import { bytesOfWords } from '../../../base/u64';
import type { MemoryMark } from '../../../emulator/bus/physical-bus';
import { BusPort } from '../../../emulator/bus/port';
import { RequesterGate } from '../../../emulator/bus/requester-gate';
import { SystemBus } from '../../../emulator/bus/system-bus';
import { Ram } from '../../../emulator/memory/ram';

/** RAM knows where it is in blocks of so many pages; what lies beside whole blocks takes the long way. */
const BLOCK = 512;
const LOW = 0x8000_0000 / PAGE_SIZE;
const HIGH = 0x1_0000_0000 / PAGE_SIZE;
const FAR = 2 ** 40 / PAGE_SIZE;
const GATE = 0x1000_0000;

/** Two whole blocks and a page; a page before a block, which the first bank's length puts elsewhere; a bank far up. */
const board = (): { bus: SystemBus; ram: Ram } => {
  const bank = (page: number, pages: number): { base: ReturnType<typeof physAddr>; size: number } => ({
    base: physAddr(page * PAGE_SIZE),
    size: pages * PAGE_SIZE,
  });
  const ram = new Ram([bank(LOW, 2 * BLOCK + 1), bank(HIGH - 1, BLOCK + 1), bank(FAR, 2)]);
  const bus = new SystemBus(ram);
  bus.mount(GATE, new RequesterGate().registers);
  return { bus, ram };
};

/** Pages at the edges of blocks, banks and holes. */
const INTERESTING = [
  ...[LOW - 1, LOW, LOW + 1, LOW + BLOCK - 1, LOW + BLOCK, LOW + 2 * BLOCK - 1, LOW + 2 * BLOCK, LOW + 2 * BLOCK + 1],
  ...[HIGH - 2, HIGH - 1, HIGH, HIGH + BLOCK - 1, HIGH + BLOCK, FAR - 1, FAR, FAR + 1, FAR + 2],
  ...[0, GATE / PAGE_SIZE, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + LOW, 2 ** 32 + LOW, 2 ** 44 - 1],
];
/** Bytes of the buffer that accesses read and write. */
const BUFFER = 88;
const anyPage = fc.constantFrom(...INTERESTING);

type Action =
  | { what: 'read' | 'write'; page: number; word: number; count: number }
  | { what: 'take' | 'put'; page: number; offset: number; at: number; length: number }
  | { what: 'copy'; page: number; offset: number; toPage: number; toOffset: number; length: number }
  | { what: 'mark'; page: number; offset: number; mark: MemoryMark | undefined };

const word = fc.integer({ min: 0, max: 1023 });
const within = (start: number, count: number, end: number): number => Math.min(count, end - start);
const action: fc.Arbitrary<Action> = fc.oneof(
  fc
    .record({
      what: fc.constantFrom('read' as const, 'write' as const),
      page: anyPage,
      word,
      count: fc.integer({ min: 1, max: 20 }),
    })
    .map((a) => ({ ...a, count: within(a.word, a.count, 1024) })),
  fc
    .record({
      what: fc.constantFrom('take' as const, 'put' as const),
      page: anyPage,
      offset: fc.nat(4095),
      at: fc.nat(8),
      length: fc.integer({ min: 1, max: 80 }),
    })
    .map((a) => ({ ...a, length: within(a.offset, a.length, PAGE_SIZE) })),
  // A whole buffer is written in a way of its own.
  fc.record({
    what: fc.constantFrom('take' as const, 'put' as const),
    page: anyPage,
    offset: fc.nat(PAGE_SIZE - BUFFER),
    at: fc.constant(0),
    length: fc.constant(BUFFER),
  }),
  fc
    .record({
      page: anyPage,
      offset: fc.nat(4095),
      toPage: anyPage,
      toOffset: fc.nat(4095),
      length: fc.integer({ min: 1, max: 4096 }),
    })
    .map((a) => ({ ...a, what: 'copy' as const, length: within(Math.max(a.offset, a.toOffset), a.length, PAGE_SIZE) })),
  fc.record({
    what: fc.constant('mark' as const),
    page: fc.constantFrom(...INTERESTING.filter((page) => board().bus.isRam(page * PAGE_SIZE))),
    offset: fc.nat(4095),
    mark: fc.constantFrom<(MemoryMark | undefined)[]>('poisoned', 'faulting', undefined),
  }),
);

/** The same by way of addresses and bytes. */
const theLongWay = (bus: SystemBus, act: Action, words: Int32Array): number => {
  const bytes = bytesOfWords(words);
  if (act.what === 'copy') {
    return bus.copy(act.page * PAGE_SIZE + act.offset, act.toPage * PAGE_SIZE + act.toOffset, act.length);
  }
  if (act.what === 'mark') return mark(bus, act);
  if ('at' in act) {
    const { page, offset, at, length } = act;
    const address = page * PAGE_SIZE + offset;
    return act.what === 'take' ? bus.read(address, bytes, at, length) : bus.write(address, bytes, at, length);
  }
  const address = act.page * PAGE_SIZE + 4 * act.word;
  return act.what === 'read' ? bus.read(address, bytes, 4, 4 * act.count) : bus.write(address, bytes, 4, 4 * act.count);
};

const mark = (bus: SystemBus, act: Action & { what: 'mark' }): BusOutcome => {
  const address = act.page * PAGE_SIZE + act.offset;
  if (act.mark === undefined) bus.unmark(address, 1);
  else bus.mark(address, 1, act.mark);
  return BUS_OK;
};

const theQuickWay = (bus: SystemBus, act: Action, words: Int32Array): number => {
  switch (act.what) {
    case 'copy':
      return bus.copyPiece(act.page, act.offset, act.toPage, act.toOffset, act.length);
    case 'mark':
      return mark(bus, act);
    case 'take':
      return bus.readPiece(act.page, act.offset, bytesOfWords(words), act.at, act.length);
    case 'put':
      return bus.writePiece(act.page, act.offset, bytesOfWords(words), act.at, act.length);
    case 'read':
      return bus.readWords(act.page, 4 * act.word, words, 1, act.count);
    case 'write':
      return bus.writeWords(act.page, 4 * act.word, words, 1, act.count);
  }
};

const contents = (ram: Ram): string[] => {
  const found: string[] = [];
  const bytes = new Uint8Array(PAGE_SIZE);
  ram.forEachTouchedPage((page) => {
    ram.peek(page * PAGE_SIZE, bytes, 0, PAGE_SIZE);
    found.push(`${page}: ${bytes.join()}`);
  });
  return found;
};

describe('accesses by page number', () => {
  it('do what accesses by address do', function () {
    this.timeout(60_000);
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 30 }), (actions) => {
        const [quick, long] = [board(), board()];
        actions.forEach((act, index) => {
          const seed = (_: unknown, i: number): number => Math.imul(index + 1, 0x9e37_79b1) + i * 0x0101_0101;
          const [a, b] = [Int32Array.from({ length: 22 }, seed), Int32Array.from({ length: 22 }, seed)];
          expect(theQuickWay(quick.bus, act, a), JSON.stringify(act)).to.equal(theLongWay(long.bus, act, b));
          expect([...a]).to.deep.equal([...b]);
        });
        expect(contents(quick.ram)).to.deep.equal(contents(long.ram));
      }),
      { numRuns: 150 },
    );
  });

  it('are quick in plain RAM, and nowhere else', () => {
    const { bus, ram } = board();
    const words = new Int32Array(4);
    bus.mark((LOW + 7) * PAGE_SIZE + 4000, 1, 'poisoned');
    for (const [page, quick] of [
      ...([LOW, LOW + 2 * BLOCK - 1, HIGH, HIGH + BLOCK - 1].map((page) => [page, true]) as [number, boolean][]),
      ...([LOW + 7, LOW - 1, LOW + 2 * BLOCK, HIGH - 1, HIGH + BLOCK, FAR, 2 ** 32 + LOW].map((page) => [
        page,
        false,
      ]) as [number, boolean][]),
    ]) {
      expect(ram.readWords(page, 8, words, 0, 4), `read ${page}`).to.equal(quick);
      expect(ram.writeWords(page, 8, words, 0, 4), `write ${page}`).to.equal(quick);
      expect(ram.readPiece(page, 9, bytesOfWords(words), 1, 3), `take ${page}`).to.equal(quick);
      expect(ram.writePiece(page, 9, bytesOfWords(words), 1, 3), `put ${page}`).to.equal(quick);
      expect(ram.copyPiece(page, 0, LOW, 0, 8), `copy from ${page}`).to.equal(quick);
      expect(ram.copyPiece(LOW, 0, page, 0, 8), `copy to ${page}`).to.equal(quick);
      if (page < 2 ** 31) expect(ram.descend(page, 1, 5, 0xff, 1, -0x200) >= 0, `descend ${page}`).to.equal(quick);
    }
  });
});

describe('descending page tables', () => {
  const POINTER = 1;
  const BITS = 0xdf;
  const CLEAR_HIGH = -0x200;
  const tables = [LOW, LOW + 1, LOW + BLOCK, HIGH, HIGH + BLOCK - 1];
  const indices = (page: number, levels: number): number[] =>
    Array.from({ length: levels }, (_, i) => Number((BigInt(page) >> BigInt(9 * (levels - 1 - i))) & 511n));

  /** Builds the chain of tables for a page; the leaf is a value of its own. */
  const build = (bus: SystemBus, levels: number, page: number): void => {
    indices(page, levels).forEach((index, i) => {
      const at = tables[i]! * PAGE_SIZE + 8 * index;
      if (i === levels - 1) bus.store64(at, 0xfedc_ba98, 0x8765_4321);
      else bus.store64(at, ((tables[i + 1]! << 10) | POINTER) >>> 0, Math.floor(tables[i + 1]! / 2 ** 22));
    });
  };

  it('finds the entry of any page with any number of levels', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.bigInt({ min: 0n, max: 2n ** 52n - 1n }), (levels, wide) => {
        const page = Number(wide);
        const { bus } = board();
        build(bus, levels, page);
        const at = bus.descend(LOW, levels, page, BITS, POINTER, CLEAR_HIGH);
        expect(at).to.be.at.least(0);
        expect(bus.entryLow(at) >>> 0).to.equal(0xfedc_ba98);
        expect(bus.entryHigh(at) >>> 0).to.equal(0x8765_4321);
      }),
      { numRuns: 60 },
    );
  });

  it('gives up where a pointer is not as expected, and at marks', () => {
    const page = 0x1_2345_6789;
    const descend = (spoil: (bus: SystemBus, entry: number, table: number) => void): number => {
      const { bus } = board();
      build(bus, 4, page);
      const table = tables[2]! * PAGE_SIZE;
      spoil(bus, table + 8 * indices(page, 4)[2]!, table);
      return bus.descend(LOW, 4, page, BITS, POINTER, CLEAR_HIGH);
    };
    expect(descend(() => undefined)).to.be.at.least(0);
    const pointer = ((tables[3]! << 10) | POINTER) >>> 0;
    for (const bit of [0, 1, 2, 3, 4, 6, 7]) {
      expect(descend((bus, entry) => bus.store32(entry, (pointer ^ (1 << bit)) >>> 0))).to.equal(-1);
    }
    for (const bit of [5, 8, 9]) {
      expect(descend((bus, entry) => bus.store32(entry, (pointer ^ (1 << bit)) >>> 0))).to.be.at.least(0);
    }
    for (const high of [0x200, 0x8000_0000]) {
      expect(descend((bus, entry) => bus.store32(entry + 4, high))).to.equal(-1);
    }
    expect(descend((bus, _, table) => bus.mark(table, 1, 'poisoned'))).to.equal(-1);
    expect(descend((bus, entry) => bus.store64(entry, POINTER, 0))).to.equal(-1);
  });
});

describe("words through a device's port", () => {
  const listen = (bus: SystemBus, wires: number): { port: BusPort; events: TraceEvent[] } => {
    const trace = new Trace(() => 0);
    const events: TraceEvent[] = [];
    trace.subscribe((record) => events.push(record.event));
    return { port: new BusPort({ bus, trace, requesterId: 3, addressWires: wires }), events };
  };

  it('are the bytes that read and write transfer, at any place, with the same events', () => {
    const places = [0, 4, 1, 2, 4080, 4084, 4092, 4093, 4095];
    for (const wires of [64, 33, 32]) {
      for (const page of [LOW, LOW + 2 * BLOCK, LOW + BLOCK - 1, LOW - 1, 2 ** 33 + LOW, 2 ** 52 - 1]) {
        for (const offset of places) {
          const [a, b] = [board(), board()];
          const [words, plain] = [listen(a.bus, wires), listen(b.bus, wires)];
          const out = Int32Array.from({ length: 8 }, (_, i) => 0x0403_0201 * (i + 1));
          expect(words.port.writeWords(page, offset, out, 2, 5)).to.equal(
            plain.port.write(page, offset, bytesOfWords(out), 8, 20),
          );
          const [inWords, inBytes] = [new Int32Array(8), new Uint8Array(32)];
          expect(words.port.readWords(page, offset, inWords, 1, 6)).to.equal(
            plain.port.read(page, offset, inBytes, 4, 24),
          );
          expect([...bytesOfWords(inWords)]).to.deep.equal([...inBytes]);
          expect(words.events).to.deep.equal(plain.events);
          expect(contents(a.ram)).to.deep.equal(contents(b.ram));
        }
      }
    }
  });

  it('reach registers, and nothing beside the board', () => {
    const { bus } = board();
    const { port } = listen(bus, 64);
    const words = new Int32Array(2);
    expect(port.readWords(0, 0, words, 0, 1)).to.equal(BUS_NO_ADDRESS);
    expect(port.writeWords(0, 0, words, 0, 1)).to.equal(BUS_NO_ADDRESS);
    const plain = new Uint8Array(8);
    expect(port.readWords(GATE / PAGE_SIZE, 0, words, 0, 2)).to.equal(BUS_OK);
    expect(bus.read(GATE, plain, 0, 8)).to.equal(BUS_OK);
    expect([...bytesOfWords(words)]).to.deep.equal([...plain]);
  });

  it('are delivered with BUS_POISONED', () => {
    const { bus } = board();
    const { port } = listen(bus, 64);
    bus.store32(LOW * PAGE_SIZE + 8, 77);
    bus.mark(LOW * PAGE_SIZE + 9, 1, 'poisoned');
    const words = new Int32Array(3);
    expect(port.readWords(LOW, 4, words, 0, 3)).to.equal(BUS_POISONED);
    expect([...words]).to.deep.equal([0, 77, 0]);
  });

  it('need a buffer that holds them', () => {
    const { port } = listen(board().bus, 64);
    expect(() => port.readWords(LOW, 0, new Int32Array(4), 1, 4)).to.throw(LabError, 'words');
    expect(() => port.writeWords(LOW, 0, new Int32Array(4), -1, 1)).to.throw(LabError, 'words');
    expect(port.readWords(LOW, 0, new Int32Array(0), 0, 0)).to.equal(BUS_OK);
  });
});
