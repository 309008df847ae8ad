import { PAGE_SIZE } from '../../base/address';
import type { BusOutcome } from '../../base/bus-outcome';
import type { U64 } from '../../base/u64';
import type { MmioTarget } from '../bus/mmio';
import type { MemoryMark, PhysicalBus } from '../bus/physical-bus';

const ENTRY_BYTES = 8;

/** A bus on which something happens before each access. */
export abstract class ObservedBus implements PhysicalBus {
  protected readonly bus: PhysicalBus;

  protected constructor(bus: PhysicalBus) {
    this.bus = bus;
  }

  /** A range is about to be read. */
  protected abstract beforeRead(address: number, length: number): void;
  /** A range is about to be written. */
  protected abstract beforeWrite(address: number, length: number): void;

  load32(address: number): number {
    this.beforeRead(address, 4);
    return this.bus.load32(address);
  }

  load64(address: number, into: U64): BusOutcome {
    this.beforeRead(address, 8);
    return this.bus.load64(address, into);
  }

  store32(address: number, value: number): BusOutcome {
    this.beforeWrite(address, 4);
    return this.bus.store32(address, value);
  }

  store64(address: number, lo: number, hi: number): BusOutcome {
    this.beforeWrite(address, 8);
    return this.bus.store64(address, lo, hi);
  }

  /** One level after the other, since nobody knows beforehand where the tables are. */
  descend(root: number, levels: number, page: number, bits: number, pointer: number, clearHigh: number): number {
    const { bus } = this;
    let table = root;
    for (let level = levels - 1; ; level--) {
      const index = Math.floor(page / 2 ** (9 * level)) & 0x1ff;
      this.beforeRead(table * PAGE_SIZE + index * ENTRY_BYTES, ENTRY_BYTES);
      const at = bus.descend(table, 1, index, bits, pointer, clearHigh);
      if (at < 0 || level === 0) return at;
      const low = bus.entryLow(at);
      const high = bus.entryHigh(at);
      if ((low & bits) !== pointer || (high & clearHigh) !== 0) return -1;
      table = (high << 22) | (low >>> 10);
    }
  }

  entryLow(at: number): number {
    return this.bus.entryLow(at);
  }

  entryHigh(at: number): number {
    return this.bus.entryHigh(at);
  }

  readWords(page: number, offset: number, into: Int32Array, at: number, count: number): BusOutcome {
    this.beforeRead(page * PAGE_SIZE + offset, 4 * count);
    return this.bus.readWords(page, offset, into, at, count);
  }

  writeWords(page: number, offset: number, from: Int32Array, at: number, count: number): BusOutcome {
    this.beforeWrite(page * PAGE_SIZE + offset, 4 * count);
    return this.bus.writeWords(page, offset, from, at, count);
  }

  readPiece(page: number, offset: number, into: Uint8Array, at: number, length: number): BusOutcome {
    this.beforeRead(page * PAGE_SIZE + offset, length);
    return this.bus.readPiece(page, offset, into, at, length);
  }

  writePiece(page: number, offset: number, from: Uint8Array, at: number, length: number): BusOutcome {
    this.beforeWrite(page * PAGE_SIZE + offset, length);
    return this.bus.writePiece(page, offset, from, at, length);
  }

  copyPiece(fromPage: number, fromOffset: number, toPage: number, toOffset: number, length: number): number {
    this.beforeRead(fromPage * PAGE_SIZE + fromOffset, length);
    this.beforeWrite(toPage * PAGE_SIZE + toOffset, length);
    return this.bus.copyPiece(fromPage, fromOffset, toPage, toOffset, length);
  }

  copyRun(from: Float64Array, to: Float64Array, length: Float64Array, start: number, end: number): number {
    for (let i = start; i < end; i++) {
      if (to[i]! < 0) return i;
      this.beforeRead(from[i]!, length[i]!);
      this.beforeWrite(to[i]!, length[i]!);
      if (this.bus.copyRun(from, to, length, i, i + 1) === i) return i;
    }
    return end;
  }

  read(address: number, into: Uint8Array, at: number, length: number): BusOutcome {
    this.beforeRead(address, length);
    return this.bus.read(address, into, at, length);
  }

  write(address: number, from: Uint8Array, at: number, length: number): BusOutcome {
    this.beforeWrite(address, length);
    return this.bus.write(address, from, at, length);
  }

  copy(from: number, to: number, length: number): number {
    this.beforeRead(from, length);
    this.beforeWrite(to, length);
    return this.bus.copy(from, to, length);
  }

  fill(address: number, value: number, length: number): BusOutcome {
    this.beforeWrite(address, length);
    return this.bus.fill(address, value, length);
  }

  isRam(address: number): boolean {
    return this.bus.isRam(address);
  }

  isRamPage(page: number): boolean {
    return this.bus.isRamPage(page);
  }

  isMmio(address: number): boolean {
    return this.bus.isMmio(address);
  }

  mount(base: number, target: MmioTarget): void {
    this.bus.mount(base, target);
  }

  mark(address: number, length: number, mark: MemoryMark): void {
    this.bus.mark(address, length, mark);
  }

  unmark(address: number, length: number): void {
    this.bus.unmark(address, length);
  }

  peek(address: number, into: Uint8Array, at: number, length: number): BusOutcome {
    return this.bus.peek(address, into, at, length);
  }
}
