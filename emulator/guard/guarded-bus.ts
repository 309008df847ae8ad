import { PAGE_SIZE } from '../../base/address';
import { BUS_ACCESS_FAULT, BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import type { Trace } from '../../base/trace';
import { bytesOfWords } from '../../base/u64';
import { COPY_WRITE_SIDE } from '../bus/device-port';
import type { MemoryPath } from '../bus/physical-bus';
import type { MemoryGuard } from './memory-guard';
import { maskPage } from './page-cipher';

/**
 * The bus as a device of a confidential guest's machine sees it: shared pages and registers are as they are, private
 * pages fault or are garbage. Accesses cross no page, as `BusPort` makes them; a longer one is judged by all its pages.
 */
export class GuardedBus implements MemoryPath {
  private readonly inner: MemoryPath;
  private readonly guard: MemoryGuard;
  private readonly trace: Trace;
  private readonly requester: number;

  constructor(inner: MemoryPath, guard: MemoryGuard, trace: Trace, requester: number) {
    this.inner = inner;
    this.guard = guard;
    this.trace = trace;
    this.requester = requester;
  }

  /** Whether any page of a range is private; then the attempt is counted and told. */
  private meetsPrivate(address: number, length: number, write: boolean): boolean {
    const { guard, trace, requester } = this;
    const last = Math.floor((address + length - 1) / PAGE_SIZE);
    for (let page = Math.floor(address / PAGE_SIZE); page <= last; page++) {
      if (!guard.isPrivate(page)) continue;
      guard.countRefusal(write);
      if (trace.active) trace.emit({ type: 'private-access', requester, write, page, length });
      return true;
    }
    return false;
  }

  read(address: number, into: Uint8Array, at: number, length: number): BusOutcome {
    if (!this.meetsPrivate(address, length, false)) return this.inner.read(address, into, at, length);
    if (this.guard.privateMemory === 'fault') return BUS_ACCESS_FAULT;
    const outcome = this.inner.read(address, into, at, length);
    if (outcome === BUS_OK) this.mask(address, into, at, length);
    return outcome;
  }

  write(address: number, from: Uint8Array, at: number, length: number): BusOutcome {
    if (!this.meetsPrivate(address, length, true)) return this.inner.write(address, from, at, length);
    if (this.guard.privateMemory === 'fault') return BUS_ACCESS_FAULT;
    const garbage = from.slice(at, at + length);
    this.mask(address, garbage, 0, length);
    return this.inner.write(address, garbage, 0, length);
  }

  /** Masks those bytes that are in private pages. */
  private mask(address: number, bytes: Uint8Array, at: number, length: number): void {
    for (let done = 0; done < length;) {
      const page = Math.floor((address + done) / PAGE_SIZE);
      const offset = address + done - page * PAGE_SIZE;
      const piece = Math.min(PAGE_SIZE - offset, length - done);
      if (this.guard.isPrivate(page)) maskPage(page, offset, bytes, at + done, piece);
      done += piece;
    }
  }

  readWords(page: number, offset: number, into: Int32Array, at: number, count: number): BusOutcome {
    return this.read(page * PAGE_SIZE + offset, bytesOfWords(into), 4 * at, 4 * count);
  }

  writeWords(page: number, offset: number, from: Int32Array, at: number, count: number): BusOutcome {
    return this.write(page * PAGE_SIZE + offset, bytesOfWords(from), 4 * at, 4 * count);
  }

  peek(address: number, into: Uint8Array, at: number, length: number): BusOutcome {
    const { guard } = this;
    const outcome = this.inner.peek(address, into, at, length);
    if (outcome !== BUS_OK || !(length > 0)) return outcome;
    const last = Math.floor((address + length - 1) / PAGE_SIZE);
    for (let page = Math.floor(address / PAGE_SIZE); page <= last; page++) {
      if (guard.privateMemory === 'fault' && guard.isPrivate(page)) return BUS_ACCESS_FAULT;
    }
    this.mask(address, into, at, length);
    return BUS_OK;
  }

  copy(from: number, to: number, length: number): number {
    const buffer = new Uint8Array(length);
    const reading = this.read(from, buffer, 0, length);
    if (reading !== BUS_OK) return reading;
    const writing = this.write(to, buffer, 0, length);
    return writing === BUS_OK ? BUS_OK : writing + COPY_WRITE_SIDE;
  }

  readPiece(page: number, offset: number, into: Uint8Array, at: number, length: number): BusOutcome {
    return this.read(page * PAGE_SIZE + offset, into, at, length);
  }

  writePiece(page: number, offset: number, from: Uint8Array, at: number, length: number): BusOutcome {
    return this.write(page * PAGE_SIZE + offset, from, at, length);
  }

  copyPiece(fromPage: number, fromOffset: number, toPage: number, toOffset: number, length: number): number {
    const { inner, guard } = this;
    if (!guard.isPrivate(fromPage) && !guard.isPrivate(toPage)) {
      return inner.copyPiece(fromPage, fromOffset, toPage, toOffset, length);
    }
    return this.copy(fromPage * PAGE_SIZE + fromOffset, toPage * PAGE_SIZE + toOffset, length);
  }

  /** Nothing is quick here: every piece is looked at. */
  copyRun(_from: Float64Array, _to: Float64Array, _length: Float64Array, start: number): number {
    return start;
  }

  isRamPage(page: number): boolean {
    return this.inner.isRamPage(page);
  }

  isMmio(address: number): boolean {
    return this.inner.isMmio(address);
  }
}
