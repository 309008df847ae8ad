import { PAGE_SIZE } from '../../base/address';
import { BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import { bytesOfWords, type U64 } from '../../base/u64';
import type { MmioTarget } from '../bus/mmio';
import type { MemoryMark, PhysicalBus } from '../bus/physical-bus';
import type { Ram } from '../memory/ram';
import { lineOf, type CpuCache } from './cpu-cache';
import { LINE_SIZE } from './options';

/** Bytes that a copy takes at a time. */
const COPY_CHUNK = 4096;

/**
 * The bus as the CPU sees it through its cache. RAM goes through the cache; registers, holes, and pages with marks on
 * them do not.
 *
 * A bulk access of more than the cache holds ends with its last bytes in the cache, and so does it here; the bytes
 * before, which a real cache would hold for a moment only, go past it.
 */
export class CachedBus implements PhysicalBus {
  private readonly bus: PhysicalBus;
  private readonly ram: Ram;
  private readonly cache: CpuCache;
  private readonly chunk = new Uint8Array(COPY_CHUNK);
  private readonly small = new Uint8Array(8);
  private readonly smallView = new DataView(this.small.buffer);

  constructor(bus: PhysicalBus, ram: Ram, cache: CpuCache) {
    this.bus = bus;
    this.ram = ram;
    this.cache = cache;
  }

  load32(address: number): number {
    const { cache } = this;
    const offset = address & (LINE_SIZE - 1);
    if (offset > LINE_SIZE - 4) return this.loadSplit(address);
    const slot = cache.hold(lineOf(address));
    if (slot < 0) return this.bus.load32(address);
    const at = slot * LINE_SIZE + offset;
    return (at & 3) === 0 ? cache.words[at >>> 2]! : cache.view.getUint32(at, true);
  }

  private loadSplit(address: number): number {
    const outcome = this.read(address, this.small, 0, 4);
    return outcome === BUS_OK ? this.smallView.getUint32(0, true) : outcome;
  }

  load64(address: number, into: U64): BusOutcome {
    const { cache } = this;
    const offset = address & (LINE_SIZE - 1);
    const slot = offset > LINE_SIZE - 8 ? -1 : cache.hold(lineOf(address));
    if (slot < 0) return this.loadOddly(address, offset, into);
    const at = slot * LINE_SIZE + offset;
    into.lo = (at & 3) === 0 ? cache.words[at >>> 2]! : cache.view.getUint32(at, true);
    into.hi = (at & 3) === 0 ? cache.words[(at >>> 2) + 1]! : cache.view.getUint32(at + 4, true);
    return BUS_OK;
  }

  private loadOddly(address: number, offset: number, into: U64): BusOutcome {
    if (offset <= LINE_SIZE - 8) return this.bus.load64(address, into);
    const outcome = this.read(address, this.small, 0, 8);
    into.lo = this.smallView.getUint32(0, true);
    into.hi = this.smallView.getUint32(4, true);
    return outcome;
  }

  store32(address: number, value: number): BusOutcome {
    const { cache } = this;
    const offset = address & (LINE_SIZE - 1);
    if (offset > LINE_SIZE - 4) return this.storeSplit(address, value, 0, 4);
    const slot = cache.hold(lineOf(address));
    if (slot < 0) return this.bus.store32(address, value);
    const at = slot * LINE_SIZE + offset;
    if ((at & 3) === 0) cache.words[at >>> 2] = value;
    else cache.view.setUint32(at, value, true);
    cache.soil(slot);
    return BUS_OK;
  }

  store64(address: number, lo: number, hi: number): BusOutcome {
    const { cache } = this;
    const offset = address & (LINE_SIZE - 1);
    if (offset > LINE_SIZE - 8) return this.storeSplit(address, lo, hi, 8);
    const slot = cache.hold(lineOf(address));
    if (slot < 0) return this.bus.store64(address, lo, hi);
    const at = slot * LINE_SIZE + offset;
    cache.view.setUint32(at, lo, true);
    cache.view.setUint32(at + 4, hi, true);
    cache.soil(slot);
    return BUS_OK;
  }

  private storeSplit(address: number, lo: number, hi: number, length: number): BusOutcome {
    this.smallView.setUint32(0, lo, true);
    this.smallView.setUint32(4, hi, true);
    return this.write(address, this.small, 0, length);
  }

  read(address: number, into: Uint8Array, at: number, length: number): BusOutcome {
    if (!(length > 0)) return BUS_OK;
    const { bus, cache } = this;
    if (!this.ram.isPlain(address, length)) {
      cache.operate('flush', address, length, 'access');
      return bus.read(address, into, at, length);
    }
    const past = this.goesPast(address, length);
    if (past > 0) {
      bus.read(address, into, at, past);
      cache.overlay(address, into, at, past);
    }
    cache.read(address + past, into, at + past, length - past);
    return BUS_OK;
  }

  write(address: number, from: Uint8Array, at: number, length: number): BusOutcome {
    if (!(length > 0)) return BUS_OK;
    const past = this.makeWay(address, length);
    if (past === length) return this.bus.write(address, from, at, length);
    if (past > 0) this.bus.write(address, from, at, past);
    this.cache.write(address + past, from, at + past, length - past);
    return BUS_OK;
  }

  fill(address: number, value: number, length: number): BusOutcome {
    if (!(length > 0)) return BUS_OK;
    const past = this.makeWay(address, length);
    if (past === length) return this.bus.fill(address, value, length);
    if (past > 0) this.bus.fill(address, value, past);
    this.cache.fillBytes(address + past, value, length - past);
    return BUS_OK;
  }

  /** How many bytes of a long access to plain RAM go past the cache: whole lines but for the first. */
  private goesPast(address: number, length: number): number {
    const { size } = this.cache;
    if (length <= size) return 0;
    return Math.max(0, lineOf(address + length - size) * LINE_SIZE - address);
  }

  /** How many bytes of a write go past the cache, which holds nothing of them any more: all, unless it is plain RAM. */
  private makeWay(address: number, length: number): number {
    const past = this.ram.isPlain(address, length) ? this.goesPast(address, length) : length;
    if (past > 0) this.cache.operate('flush', address, past, 'access');
    return past;
  }

  copy(from: number, to: number, length: number): number {
    if (!(length > 0)) return BUS_OK;
    if (this.ram.isPlain(from, length) && this.ram.isPlain(to, length)) return this.move(from, to, length);
    this.cache.operate('flush', from, length, 'access');
    this.cache.operate('flush', to, length, 'access');
    return this.bus.copy(from, to, length);
  }

  /** `memmove` in plain RAM: from the end where the target lies above and overlaps. */
  private move(from: number, to: number, length: number): number {
    const { chunk } = this;
    const backwards = to > from && to < from + length;
    for (let done = 0; done < length;) {
      const count = Math.min(COPY_CHUNK, length - done);
      const at = backwards ? length - done - count : done;
      this.cache.read(from + at, chunk, 0, count);
      this.cache.write(to + at, chunk, 0, count);
      done += count;
    }
    return BUS_OK;
  }

  descend(): number {
    return -1;
  }

  entryLow(at: number): number {
    return this.bus.entryLow(at);
  }

  entryHigh(at: number): number {
    return this.bus.entryHigh(at);
  }

  readWords(page: number, offset: number, into: Int32Array, at: number, count: number): BusOutcome {
    return this.read(page * PAGE_SIZE + offset, bytesOfWords(into), 4 * at, 4 * count);
  }

  writeWords(page: number, offset: number, from: Int32Array, at: number, count: number): BusOutcome {
    return this.write(page * PAGE_SIZE + offset, bytesOfWords(from), 4 * at, 4 * count);
  }

  readPiece(page: number, offset: number, into: Uint8Array, at: number, length: number): BusOutcome {
    return this.read(page * PAGE_SIZE + offset, into, at, length);
  }

  writePiece(page: number, offset: number, from: Uint8Array, at: number, length: number): BusOutcome {
    return this.write(page * PAGE_SIZE + offset, from, at, length);
  }

  copyPiece(fromPage: number, fromOffset: number, toPage: number, toOffset: number, length: number): number {
    return this.copy(fromPage * PAGE_SIZE + fromOffset, toPage * PAGE_SIZE + toOffset, length);
  }

  /** Leaves every piece to `copy`. */
  copyRun(_from: Float64Array, _to: Float64Array, _length: Float64Array, start: number): number {
    return start;
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
    this.cache.operate('flush', address, length, 'access');
    this.bus.mark(address, length, mark);
  }

  unmark(address: number, length: number): void {
    this.bus.unmark(address, length);
  }

  /** What the CPU would read. */
  peek(address: number, into: Uint8Array, at: number, length: number): BusOutcome {
    const outcome = this.bus.peek(address, into, at, length);
    if (outcome === BUS_OK && length > 0) this.cache.overlay(address, into, at, length);
    return outcome;
  }
}
