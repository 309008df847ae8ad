import { expect } from 'chai';
import fc from 'fast-check';
import { PAGE_SIZE, dmaAddr, dmaAddrOf, physAddr } from '../../../base/address';
import { BUS_ACCESS_FAULT, BUS_NO_ADDRESS, BUS_OK, BUS_POISONED, type BusOutcome } from '../../../base/bus-outcome';
import { Trace } from '../../../base/trace';
import type { TraceEvent } from '../../../base/trace-events';
import { COPY_WRITE_SIDE } from '../../../emulator/bus/device-port';
import type { MemoryMark } from '../../../emulator/bus/physical-bus';
import { BusPort, type BusPortOptions } from '../../../emulator/bus/port';
import { SystemBus } from '../../../emulator/bus/system-bus';
import { ACCESS_READ, ACCESS_WRITE, type Translator } from '../../../emulator/bus/translator';
import type { BusWindow } from '../../../emulator/bus/windows';
import { Ram } from '../../../emulator/memory/ram';

export const LOW = 0x8000_0000;
export const HIGH = 0x1_0000_0000;
export const PAGES = 6;
export const BANK = PAGES * PAGE_SIZE;
export const LOW_PAGE = LOW / PAGE_SIZE;
export const HIGH_PAGE = HIGH / PAGE_SIZE;

export const board = (): SystemBus =>
  new SystemBus(
    new Ram([
      { base: physAddr(LOW), size: BANK },
      { base: physAddr(HIGH), size: BANK },
    ]),
  );
export const window = (device: bigint, physical: number, pages: number): BusWindow => ({
  deviceAddress: dmaAddr(device),
  physicalAddress: physAddr(physical),
  size: pages * PAGE_SIZE,
});
export const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 13 + (i >> 7) * 5 + seed) & 255);

/** An IOMMU that knows some pages, and remembers who asked what. */
export class TableTranslator implements Translator {
  readonly asked: string[] = [];
  walkReads = 0;
  readonly table: ReadonlyMap<number, number>;

  constructor(table: ReadonlyMap<number, number>) {
    this.table = table;
  }
  translate(requesterId: number, page: number, offset: number, kind: number): number {
    this.asked.push(
      `${requesterId} ${kind === ACCESS_READ ? 'r' : kind === ACCESS_WRITE ? 'w' : '?'} ${page}+${offset}`,
    );
    return this.table.get(page) ?? BUS_ACCESS_FAULT;
  }
  wouldTranslate(_requesterId: number, page: number): number {
    return this.table.get(page) ?? BUS_ACCESS_FAULT;
  }
}

export const makePort = (bus: SystemBus, options: Partial<BusPortOptions> = {}): BusPort =>
  new BusPort({ bus, trace: new Trace(() => 0), requesterId: 7, ...options });

export const listen = (): { trace: Trace; events: TraceEvent[] } => {
  const trace = new Trace(() => 0);
  const events: TraceEvent[] = [];
  trace.subscribe((record) => events.push(record.event));
  return { trace, events };
};

/** The wiring of a random device, for the port and for the model. */
interface Wiring {
  readonly wires: number;
  readonly windows: readonly BusWindow[];
  readonly table: ReadonlyMap<number, number> | undefined;
  readonly marks: readonly { address: number; length: number; mark: MemoryMark }[];
}

/** One page's worth of an access, or the outcome that ends the access there. */
type Piece = { physical: number; at: number; length: number } | BusOutcome;

/** The plain model: two arrays of bytes, addresses as bigints, one byte at a time. */
class ByteModel {
  private low = pattern(BANK, 1);
  private high = pattern(BANK, 2);
  private readonly wiring: Wiring;

  constructor(wiring: Wiring) {
    this.wiring = wiring;
  }

  private exists(physical: number): boolean {
    return (physical >= LOW && physical < LOW + BANK) || (physical >= HIGH && physical < HIGH + BANK);
  }
  private get(physical: number): number {
    return physical < HIGH ? this.low[physical - LOW]! : this.high[physical - HIGH]!;
  }
  private set(physical: number, byte: number): void {
    if (physical < HIGH) this.low[physical - LOW] = byte;
    else this.high[physical - HIGH] = byte;
  }

  /** Where a byte of the device's address space is; it is in a page of its own for the caller to compare. */
  private locate(address: bigint): number {
    if (address >= 1n << 64n) return BUS_NO_ADDRESS;
    const wired = BigInt.asUintN(this.wiring.wires, address);
    let physical = wired;
    const { windows, table } = this.wiring;
    if (windows.length > 0) {
      const found = windows.find((w) => wired >= w.deviceAddress && wired < w.deviceAddress + BigInt(w.size));
      if (found === undefined) return BUS_NO_ADDRESS;
      physical = wired - found.deviceAddress + BigInt(found.physicalAddress);
    }
    if (table !== undefined) {
      const page = table.get(Number(wired >> 12n));
      if (page === undefined) return BUS_ACCESS_FAULT;
      physical = BigInt(page) * 4096n + (wired & 4095n);
    }
    return this.exists(Number(physical)) ? Number(physical) : BUS_NO_ADDRESS;
  }

  /** Where an access has to be cut because its address, on the wires, starts a new page or wraps. */
  private cuts(address: bigint, at: number): boolean {
    const low = (Number(address & 0xfffn) + at) % PAGE_SIZE;
    return low % 2 ** Math.min(this.wiring.wires, 12) === 0;
  }

  pieces(address: bigint, length: number, cutAlso: (at: number) => boolean = () => false): Piece[] {
    const pieces: Piece[] = [];
    for (let at = 0; at < length; at++) {
      const last = pieces.at(-1);
      if (at > 0 && !this.cuts(address, at) && !cutAlso(at) && typeof last === 'object') {
        last.length++;
        continue;
      }
      const physical = this.locate(address + BigInt(at));
      if (physical < 0) {
        pieces.push(physical as BusOutcome);
        break;
      }
      pieces.push({ physical, at, length: 1 });
    }
    return pieces;
  }

  private marked(piece: Exclude<Piece, number>, write: boolean): BusOutcome {
    const hit = (mark: MemoryMark): boolean =>
      this.wiring.marks.some(
        (m) => m.mark === mark && m.address < piece.physical + piece.length && m.address + m.length > piece.physical,
      );
    if (hit('faulting')) return BUS_ACCESS_FAULT;
    return hit('poisoned') && !write ? BUS_POISONED : BUS_OK;
  }

  read(address: bigint, into: Uint8Array): BusOutcome {
    for (const piece of this.pieces(address, into.length)) {
      if (typeof piece === 'number') return piece;
      const outcome = this.marked(piece, false);
      if (outcome === BUS_ACCESS_FAULT) return outcome;
      for (let i = 0; i < piece.length; i++) into[piece.at + i] = this.get(piece.physical + i);
      if (outcome !== BUS_OK) return outcome;
    }
    return BUS_OK;
  }

  write(address: bigint, from: Uint8Array): BusOutcome {
    for (const piece of this.pieces(address, from.length)) {
      if (typeof piece === 'number') return piece;
      const outcome = this.marked(piece, true);
      if (outcome !== BUS_OK) return outcome;
      for (let i = 0; i < piece.length; i++) this.set(piece.physical + i, from[piece.at + i]!);
    }
    return BUS_OK;
  }

  /** Everything is read as it was before; then piece by piece until one side fails. */
  copy(from: bigint, to: bigint, length: number): number {
    const before = new ByteModel(this.wiring);
    before.low = this.low.slice();
    before.high = this.high.slice();
    const sources = this.pieces(from, length, (at) => this.cuts(to, at));
    const targets = this.pieces(to, length, (at) => this.cuts(from, at));
    for (let i = 0; i < Math.max(sources.length, targets.length); i++) {
      const [source, target] = [sources[i]!, targets[i]!];
      if (typeof source === 'number') return source;
      const reading = this.marked(source, false);
      if (typeof target === 'number') return reading === BUS_OK ? target + COPY_WRITE_SIDE : reading;
      if (reading !== BUS_OK) return reading;
      const writing = this.marked(target, true);
      if (writing !== BUS_OK) return writing + COPY_WRITE_SIDE;
      for (let k = 0; k < source.length; k++) this.set(target.physical + k, before.get(source.physical + k));
    }
    return BUS_OK;
  }

  bank(base: number): Uint8Array {
    return base === LOW ? this.low : this.high;
  }
}

const physicalPage = fc.oneof(
  fc.integer({ min: LOW_PAGE, max: LOW_PAGE + PAGES - 1 }),
  fc.integer({ min: HIGH_PAGE, max: HIGH_PAGE + PAGES - 1 }),
  fc.constant(HIGH_PAGE + PAGES),
);
const physicalAddress = fc
  .tuple(physicalPage, fc.nat(PAGE_SIZE - 1))
  .map(([page, offset]) => page * PAGE_SIZE + offset);
const devicePage = fc.oneof(
  { weight: 6, arbitrary: fc.nat(5) },
  { weight: 2, arbitrary: physicalPage },
  { weight: 1, arbitrary: fc.integer({ min: 2 ** 52 - 3, max: 2 ** 52 - 1 }) },
  { weight: 1, arbitrary: fc.integer({ min: 2 ** 20 - 2, max: 2 ** 20 + 4 }) },
);
export const offset = fc.oneof(fc.nat(PAGE_SIZE - 1), fc.constantFrom(0, 1, PAGE_SIZE - 1));
const length = fc.oneof(
  fc.integer({ min: 1, max: 3 * PAGE_SIZE }),
  fc.constantFrom(1, 2, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1),
);
export const wiring: fc.Arbitrary<Wiring> = fc.record({
  wires: fc.oneof(
    { weight: 3, arbitrary: fc.constant(64) },
    { weight: 2, arbitrary: fc.constantFrom(12, 13, 14, 32, 33, 52) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(1, 6, 11),
    },
  ),
  windows: fc.oneof(
    fc.constant([]),
    fc.array(
      fc
        .tuple(devicePage, physicalPage, fc.integer({ min: 1, max: 4 }))
        .filter(([page, , pages]) => page + pages <= 2 ** 52)
        .map(([page, physical, pages]) => window(BigInt(page) << 12n, physical * PAGE_SIZE, pages)),
      { minLength: 1, maxLength: 4 },
    ),
  ),
  table: fc.option(
    fc.array(fc.tuple(devicePage, physicalPage), { maxLength: 12 }).map((entries) => new Map(entries)),
    { nil: undefined },
  ),
  marks: fc.oneof(
    fc.constant([]),
    fc.array(
      fc.record({
        address: physicalAddress.filter(
          (address) => address + 64 <= LOW + BANK || (address >= HIGH && address + 64 <= HIGH + BANK),
        ),
        length: fc.integer({ min: 1, max: 64 }),
        mark: fc.constantFrom('poisoned' as const, 'faulting' as const),
      }),
      { maxLength: 3 },
    ),
  ),
});
type Access = {
  do: 'read' | 'write' | 'copy';
  page: number;
  offset: number;
  toPage: number;
  toOffset: number;
  length: number;
};
export const access: fc.Arbitrary<Access> = fc.record({
  do: fc.constantFrom('read' as const, 'write' as const, 'copy' as const, 'copy' as const),
  page: devicePage,
  offset,
  toPage: devicePage,
  toOffset: offset,
  length,
});

export const contents = (bus: SystemBus, base: number): Uint8Array => {
  const bytes = new Uint8Array(BANK);
  bus.peek(base, bytes, 0, BANK);
  return bytes;
};

/** Marks that overlap: the model asks for any, the bus keeps the later, so the model is told what was kept. */
const disjoint = (marks: Wiring['marks']): Wiring['marks'] =>
  marks.filter((mark, i) =>
    marks.every((o, k) => k >= i || mark.address >= o.address + o.length || o.address >= mark.address + mark.length),
  );

export const checkAgainstModel = (random: Wiring, accesses: readonly Access[]): void => {
  const wired: Wiring = { ...random, marks: disjoint(random.marks) };
  const bus = board();
  bus.write(LOW, pattern(BANK, 1), 0, BANK);
  bus.write(HIGH, pattern(BANK, 2), 0, BANK);
  for (const { address, length: bytes, mark } of wired.marks) bus.mark(address, bytes, mark);
  const translator = wired.table === undefined ? undefined : new TableTranslator(wired.table);
  const port = makePort(bus, { addressWires: wired.wires, windows: wired.windows, translator });
  const model = new ByteModel(wired);
  accesses.forEach((each, i) => {
    const address = dmaAddrOf(each.page, each.offset);
    if (each.do === 'read') {
      const [got, want] = [pattern(each.length, i), pattern(each.length, i)];
      if (wired.marks.length === 0) {
        const [seen, asked] = [pattern(each.length, i), translator?.asked.length];
        expect(port.peek(each.page, each.offset, seen, 0, each.length), 'peek').to.equal(
          model.read(address, pattern(each.length, i)),
        );
        expect(translator?.asked.length, 'peek asks nobody').to.equal(asked);
      }
      const outcome = port.read(each.page, each.offset, got, 0, each.length);
      expect(outcome).to.equal(model.read(address, want));
      expect(Buffer.compare(got, want)).to.equal(0);
    } else if (each.do === 'write') {
      const data = pattern(each.length, 100 + i);
      expect(port.write(each.page, each.offset, data, 0, each.length)).to.equal(model.write(address, data));
    } else {
      const to = dmaAddrOf(each.toPage, each.toOffset);
      const result = port.copy(each.page, each.offset, each.toPage, each.toOffset, each.length);
      expect(result).to.equal(model.copy(address, to, each.length));
    }
    for (const base of [LOW, HIGH]) expect(Buffer.compare(contents(bus, base), model.bank(base))).to.equal(0);
  });
};
