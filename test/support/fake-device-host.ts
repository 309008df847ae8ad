import { BUS_ACCESS_FAULT, BUS_NO_ADDRESS, BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import { silentLogger } from '../../base/logger';
import { Prng } from '../../base/prng';
import { Trace } from '../../base/trace';
import { bytesOfWords, u64, type U64 } from '../../base/u64';
import { COPY_WRITE_SIDE, type DevicePort } from '../../emulator/bus/device-port';
import type { AccessWidth, MmioTarget } from '../../emulator/bus/mmio';
import { Clock } from '../../emulator/clock';
import type { DeviceHost } from '../../emulator/device';
import type { DmaRequestLine } from '../../emulator/dma-request';
import type { InterruptLine } from '../../emulator/interrupts/interrupt-line';

const PAGE = 4096;

/** One access that reached the fake port. */
export interface PortAccess {
  readonly write: boolean;
  readonly page: number;
  readonly offset: number;
  readonly length: number;
}

/**
 * A device port onto a sparse map of pages, without any bus behind it. Pages exist once they are mapped; registers can be
 * mounted on a page, and a page can be made to answer errors.
 */
export class FakePort implements DevicePort {
  readonly requesterId = 1;
  readonly addressWires = 64;
  walkReads = 0;
  /** Reads of tables that each access waits for. */
  walksPerAccess = 0;
  /** All accesses, if `logging`. */
  readonly log: PortAccess[] = [];
  logging = false;
  /** Number of calls of any kind. */
  calls = 0;
  private readonly pages = new Map<number, Uint8Array>();
  private readonly targets = new Map<number, MmioTarget>();
  private readonly readFaults = new Map<number, BusOutcome>();
  private readonly writeFaults = new Map<number, BusOutcome>();
  private readonly scratch: U64 = u64();

  /** Makes RAM at an address: whole pages. */
  map(address: number | bigint, length: number): void {
    const first = Number(BigInt(address) >> 12n);
    const last = Number((BigInt(address) + BigInt(Math.max(1, length)) - 1n) >> 12n);
    for (let page = first; page <= last; page++) if (!this.pages.has(page)) this.pages.set(page, new Uint8Array(PAGE));
  }

  /** Puts registers on a page. */
  mount(address: number, target: MmioTarget): void {
    for (let at = 0; at < target.size; at += PAGE) this.targets.set((address + at) / PAGE, target);
  }

  /** Makes reads or writes of a page answer an outcome. */
  fail(address: number, outcome: BusOutcome, side: 'read' | 'write' | 'both' = 'both'): void {
    const page = Math.floor(address / PAGE);
    if (side !== 'write') this.readFaults.set(page, outcome);
    if (side !== 'read') this.writeFaults.set(page, outcome);
  }

  /** Takes the errors of a page away. */
  heal(address: number): void {
    this.readFaults.delete(Math.floor(address / PAGE));
    this.writeFaults.delete(Math.floor(address / PAGE));
  }

  /** The test's own view: bytes of mapped pages. */
  bytes(address: number | bigint, length: number): Uint8Array {
    const out = new Uint8Array(length);
    this.eachPage(address, length, (page, from, to, done) => out.set(page.subarray(from, to), done));
    return out;
  }

  /** The test's own stores. */
  poke(address: number | bigint, bytes: ArrayLike<number>): void {
    this.eachPage(address, bytes.length, (page, from, to, done) => {
      for (let i = from; i < to; i++) page[i] = bytes[done + i - from]!;
    });
  }

  private eachPage(
    address: number | bigint,
    length: number,
    visit: (page: Uint8Array, from: number, to: number, done: number) => void,
  ): void {
    let page = Number(BigInt(address) >> 12n);
    let from = Number(BigInt(address) & 0xfffn);
    for (let done = 0; done < length; page++, from = 0) {
      const to = Math.min(PAGE, from + length - done);
      const bytes = this.pages.get(page);
      if (bytes === undefined) throw new Error(`the test has no memory in page ${page}`);
      visit(bytes, from, to, done);
      done += to - from;
    }
  }

  read(page: number, offset: number, into: Uint8Array, at: number, length: number): BusOutcome {
    return this.eachPiece(false, page, offset, length, (piecePage, pieceOffset, done, count) => {
      const target = this.targets.get(piecePage);
      if (target !== undefined) return this.readRegister(target, pieceOffset, into, at + done, count);
      const bytes = this.pages.get(piecePage);
      if (bytes === undefined) return BUS_NO_ADDRESS;
      into.set(bytes.subarray(pieceOffset, pieceOffset + count), at + done);
      return BUS_OK;
    });
  }

  write(page: number, offset: number, from: Uint8Array, at: number, length: number): BusOutcome {
    return this.eachPiece(true, page, offset, length, (piecePage, pieceOffset, done, count) => {
      const target = this.targets.get(piecePage);
      if (target !== undefined) return this.writeRegister(target, pieceOffset, from, at + done, count);
      const bytes = this.pages.get(piecePage);
      if (bytes === undefined) return BUS_NO_ADDRESS;
      bytes.set(from.subarray(at + done, at + done + count), pieceOffset);
      return BUS_OK;
    });
  }

  readWords(page: number, offset: number, into: Int32Array, at: number, count: number): BusOutcome {
    return this.read(page, offset, bytesOfWords(into), 4 * at, 4 * count);
  }

  writeWords(page: number, offset: number, from: Int32Array, at: number, count: number): BusOutcome {
    return this.write(page, offset, bytesOfWords(from), 4 * at, 4 * count);
  }

  copy(fromPage: number, fromOffset: number, toPage: number, toOffset: number, length: number): number {
    const buffer = new Uint8Array(length);
    const read = this.read(fromPage, fromOffset, buffer, 0, length);
    if (read !== BUS_OK) return read;
    const written = this.write(toPage, toOffset, buffer, 0, length);
    return written === BUS_OK ? BUS_OK : written + COPY_WRITE_SIDE;
  }

  private eachPiece(
    write: boolean,
    page: number,
    offset: number,
    length: number,
    piece: (page: number, offset: number, done: number, count: number) => BusOutcome,
  ): BusOutcome {
    this.calls++;
    this.walkReads += this.walksPerAccess;
    if (!Number.isInteger(page) || page < 0 || page >= 2 ** 52) throw new Error(`page ${page}`);
    if (!Number.isInteger(offset) || offset < 0 || offset >= PAGE) throw new Error(`offset ${offset}`);
    if (!Number.isInteger(length) || length < 0) throw new Error(`length ${length}`);
    if (this.logging) this.log.push({ write, page, offset, length });
    let done = 0;
    while (done < length) {
      const at = (offset + done) % PAGE;
      const number = page + Math.floor((offset + done) / PAGE);
      if (number >= 2 ** 52) throw new Error('access runs over the end of the address space');
      const count = Math.min(PAGE - at, length - done);
      const fault = (write ? this.writeFaults : this.readFaults).get(number);
      const outcome = fault ?? piece(number, at, done, count);
      if (outcome !== BUS_OK) return outcome;
      done += count;
    }
    return BUS_OK;
  }

  private readRegister(target: MmioTarget, offset: number, into: Uint8Array, at: number, length: number): BusOutcome {
    if (!isRegisterAccess(offset, length)) return BUS_ACCESS_FAULT;
    const value = this.scratch;
    const outcome = target.read(offset, length, value);
    for (let i = 0; i < length; i++) into[at + i] = (i < 4 ? value.lo >>> (8 * i) : value.hi >>> (8 * (i - 4))) & 0xff;
    return outcome;
  }

  private writeRegister(target: MmioTarget, offset: number, from: Uint8Array, at: number, length: number): BusOutcome {
    if (!isRegisterAccess(offset, length)) return BUS_ACCESS_FAULT;
    let lo = 0;
    let hi = 0;
    for (let i = 0; i < length; i++) {
      if (i < 4) lo += from[at + i]! * 2 ** (8 * i);
      else hi += from[at + i]! * 2 ** (8 * (i - 4));
    }
    return target.write(offset, length, lo, hi);
  }
}

const isRegisterAccess = (offset: number, length: number): length is AccessWidth =>
  [1, 2, 4, 8].includes(length) && offset % length === 0;

/** An interrupt wire that remembers its level and counts its rising edges. */
export class FakeInterruptLine implements InterruptLine {
  level = false;
  rises = 0;

  set(level: boolean): void {
    if (level && !this.level) this.rises++;
    this.level = level;
  }
}

/** What `fakeDeviceHost` makes: a host whose parts a test can look into. */
export interface FakeDeviceHost extends DeviceHost {
  readonly dma: FakePort;
  readonly interrupts: readonly FakeInterruptLine[];
}

/** What a test may choose about its host. */
export interface FakeHostOptions {
  readonly clock?: Clock;
  readonly port?: FakePort;
  readonly interrupts?: number;
  readonly dmaRequests?: readonly (DmaRequestLine | undefined)[];
  readonly seed?: number;
}

/** A host for one device, without a board around it. */
export const fakeDeviceHost = (options: FakeHostOptions = {}): FakeDeviceHost => {
  const clock = options.clock ?? new Clock();
  return {
    clock,
    trace: new Trace(() => clock.now),
    log: silentLogger,
    rng: new Prng(options.seed ?? 1),
    dma: options.port ?? new FakePort(),
    interrupts: Array.from({ length: options.interrupts ?? 1 }, () => new FakeInterruptLine()),
    dmaRequests: options.dmaRequests ?? [],
  };
};

/** A driver's view of a device's registers: 32-bit and 64-bit accesses by offset. */
export class RegisterWindow {
  private readonly target: MmioTarget;
  private readonly value = u64();

  constructor(target: MmioTarget) {
    this.target = target;
  }

  readl(offset: number): number {
    this.target.read(offset, 4, this.value);
    return this.value.lo;
  }

  writel(offset: number, value: number): void {
    this.target.write(offset, 4, value >>> 0, 0);
  }

  readq(offset: number): bigint {
    this.target.read(offset, 8, this.value);
    return (BigInt(this.value.hi) << 32n) | BigInt(this.value.lo);
  }

  writeq(offset: number, value: bigint): void {
    this.target.write(offset, 8, Number(value & 0xffff_ffffn), Number((value >> 32n) & 0xffff_ffffn));
  }

  peekl(offset: number): number {
    this.target.peek(offset, 4, this.value);
    return this.value.lo;
  }
}
