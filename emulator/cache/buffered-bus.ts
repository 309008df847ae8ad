import { BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import type { U64 } from '../../base/u64';
import type { PhysicalBus } from '../bus/physical-bus';
import type { Ram } from '../memory/ram';
import type { CacheAdversary } from './adversary';
import { ObservedBus } from './observed-bus';
import type { StoreBuffer } from './store-buffer';

/** Bytes that a copy takes at a time. */
const COPY_CHUNK = 4096;

/**
 * The bus as the CPU sees it with a store buffer in between: stores to plain RAM wait in the buffer, loads see them, and
 * everything else goes straight on. One of these is for cached memory and one for uncached; they share the buffer.
 */
export class BufferedBus extends ObservedBus {
  private readonly ram: Ram;
  private readonly stores: StoreBuffer;
  private readonly adversary: CacheAdversary;
  private readonly uncached: boolean;
  private readonly word = new Uint8Array(8);
  private readonly wordView = new DataView(this.word.buffer);
  private readonly chunk = new Uint8Array(COPY_CHUNK);

  constructor(bus: PhysicalBus, ram: Ram, stores: StoreBuffer, adversary: CacheAdversary, uncached: boolean) {
    super(bus);
    this.ram = ram;
    this.stores = stores;
    this.adversary = adversary;
    this.uncached = uncached;
  }

  protected beforeRead(address: number, length: number): void {
    this.adversary.cpuAccess(address, length);
  }

  protected beforeWrite(address: number, length: number): void {
    this.adversary.cpuAccess(address, length);
  }

  override load32(address: number): number {
    if (!this.stores.holds(address, 4)) return super.load32(address);
    const outcome = this.read(address, this.word, 0, 4);
    return outcome === BUS_OK ? this.wordView.getUint32(0, true) : outcome;
  }

  override load64(address: number, into: U64): BusOutcome {
    if (!this.stores.holds(address, 8)) return super.load64(address, into);
    const outcome = this.read(address, this.word, 0, 8);
    into.lo = this.wordView.getUint32(0, true);
    into.hi = this.wordView.getUint32(4, true);
    return outcome;
  }

  override store32(address: number, value: number): BusOutcome {
    if (!this.ram.isPlain(address, 4)) return super.store32(address, value);
    this.wordView.setUint32(0, value, true);
    return this.write(address, this.word, 0, 4);
  }

  override store64(address: number, lo: number, hi: number): BusOutcome {
    if (!this.ram.isPlain(address, 8)) return super.store64(address, lo, hi);
    this.wordView.setUint32(0, lo, true);
    this.wordView.setUint32(4, hi, true);
    return this.write(address, this.word, 0, 8);
  }

  override read(address: number, into: Uint8Array, at: number, length: number): BusOutcome {
    const outcome = super.read(address, into, at, length);
    if (outcome === BUS_OK) this.stores.overlay(address, into, at, length, this.uncached);
    return outcome;
  }

  /** What does not fit goes past the buffer, once the stores that have to come before it have left. */
  override write(address: number, from: Uint8Array, at: number, length: number): BusOutcome {
    if (!(length > 0)) return BUS_OK;
    const { stores } = this;
    this.beforeWrite(address, length);
    if (!this.ram.isPlain(address, length)) return this.bus.write(address, from, at, this.settle(address, length));
    const past = Math.max(0, length - stores.room);
    if (past > 0) this.bus.write(address, from, at, this.settle(address, past));
    stores.put(address + past, from, at + past, length - past, this.uncached);
    return BUS_OK;
  }

  override fill(address: number, value: number, length: number): BusOutcome {
    if (!(length > 0)) return BUS_OK;
    const { chunk, stores } = this;
    this.beforeWrite(address, length);
    if (!this.ram.isPlain(address, length)) return this.bus.fill(address, value, this.settle(address, length));
    const past = Math.max(0, length - Math.min(stores.room, COPY_CHUNK));
    if (past > 0) this.bus.fill(address, value, this.settle(address, past));
    chunk.fill(value, 0, length - past);
    stores.put(address + past, chunk, 0, length - past, this.uncached);
    return BUS_OK;
  }

  /** Lets the stores leave that have to be in memory before a range is written past the buffer. Returns its length. */
  private settle(address: number, length: number): number {
    this.stores.drainEarlier();
    this.stores.drainRange(address, length);
    return length;
  }

  override copy(from: number, to: number, length: number): number {
    if (!(length > 0)) return BUS_OK;
    if (length > COPY_CHUNK || !this.ram.isPlain(from, length) || !this.ram.isPlain(to, length)) {
      this.settle(from, length);
      this.settle(to, length);
      return super.copy(from, to, length);
    }
    this.read(from, this.chunk, 0, length);
    this.write(to, this.chunk, 0, length);
    return BUS_OK;
  }

  override peek(address: number, into: Uint8Array, at: number, length: number): BusOutcome {
    const outcome = this.bus.peek(address, into, at, length);
    if (outcome === BUS_OK) this.stores.overlay(address, into, at, length, this.uncached);
    return outcome;
  }
}
