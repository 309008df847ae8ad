import { type PhysAddr } from '../../base/address';
import { BUS_NO_ADDRESS, BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import { Trace } from '../../base/trace';
import type { U64 } from '../../base/u64';
import type { CpuMemory, CpuPort, TrapHandlers } from '../../emulator/cpu-port';

/** A range of RAM of the fake machine. */
export interface FakeBank {
  readonly base: number;
  readonly size: number;
}

/** The banks of the default board. */
export const DEFAULT_BANKS: readonly FakeBank[] = [
  { base: 0x8000_0000, size: 64 << 20 },
  { base: 0x1_0000_0000, size: 64 << 20 },
];

/** A bank, with memory from its first access on: most tests use one of two, and many use none. */
class Bank {
  readonly base: number;
  readonly size: number;
  private memory: DataView | undefined;

  constructor({ base, size }: FakeBank) {
    this.base = base;
    this.size = size;
  }

  get view(): DataView {
    return (this.memory ??= new DataView(new ArrayBuffer(this.size)));
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.view.buffer);
  }
}

const EMPTY: Bank = new Bank({ base: 0, size: 0 });

/**
 * A CPU port for tests of kernel code that need memory but no machine: RAM banks over byte arrays, time that passes when
 * spent, a timer, and no other hardware. `mark` makes a range of RAM answer with an error outcome.
 */
export class FakeCpuPort implements CpuPort {
  now = 0;
  readonly trace = new Trace(() => this.now);
  interruptsEnabled = true;
  /** Deadline of the CPU's timer. */
  deadline = Infinity;
  /** How many loads, stores and bulk operations there were. */
  accesses = 0;
  private readonly banks: readonly Bank[];
  private bank = EMPTY;
  private handlers: TrapHandlers | undefined;
  private marks: { address: number; length: number; outcome: BusOutcome }[] = [];

  constructor(banks: readonly FakeBank[] = DEFAULT_BANKS) {
    this.banks = banks.map((bank) => new Bank(bank));
  }

  /** What `uncached` is; this port has no cache. */
  uncached: CpuMemory = this;
  /** Every cache operation and fence so far, as `clean 80000000 40`. */
  readonly maintenance: string[] = [];

  cleanLines(address: PhysAddr, length: number): void {
    this.maintenance.push(`clean ${address.toString(16)} ${length.toString(16)}`);
  }

  invalidateLines(address: PhysAddr, length: number): void {
    this.maintenance.push(`invalidate ${address.toString(16)} ${length.toString(16)}`);
  }

  flushLines(address: PhysAddr, length: number): void {
    this.maintenance.push(`flush ${address.toString(16)} ${length.toString(16)}`);
  }

  fence(): void {
    this.maintenance.push('fence');
  }

  orderStores(): void {
    this.maintenance.push('order');
  }

  /** Makes accesses that touch the range answer `outcome`; `BUS_OK` takes all marks off. */
  mark(address: number, length: number, outcome: BusOutcome): void {
    this.marks = outcome === BUS_OK ? [] : [...this.marks, { address, length, outcome }];
  }

  /** Selects the bank that holds the whole range; `BUS_OK` if there is one. */
  private select(address: number, length: number): BusOutcome {
    this.accesses++;
    const { bank } = this;
    if (address < bank.base || address + length > bank.base + bank.size) {
      const found = this.banks.find(({ base, size }) => address >= base && address + length <= base + size);
      if (found === undefined) return BUS_NO_ADDRESS;
      this.bank = found;
    }
    if (this.marks.length === 0) return BUS_OK;
    const hit = this.marks.find((mark) => address < mark.address + mark.length && address + length > mark.address);
    return hit?.outcome ?? BUS_OK;
  }

  load8(address: PhysAddr): number {
    const outcome = this.select(address, 1);
    return outcome < 0 ? outcome : this.bank.view.getUint8(address - this.bank.base);
  }

  load16(address: PhysAddr): number {
    const outcome = this.select(address, 2);
    return outcome < 0 ? outcome : this.bank.view.getUint16(address - this.bank.base, true);
  }

  load32(address: PhysAddr): number {
    const outcome = this.select(address, 4);
    return outcome < 0 ? outcome : this.bank.view.getUint32(address - this.bank.base, true);
  }

  load64(address: PhysAddr, into: U64): BusOutcome {
    const outcome = this.select(address, 8);
    if (outcome < 0) return outcome;
    const at = address - this.bank.base;
    into.lo = this.bank.view.getUint32(at, true);
    into.hi = this.bank.view.getUint32(at + 4, true);
    return BUS_OK;
  }

  store8(address: PhysAddr, value: number): BusOutcome {
    const outcome = this.select(address, 1);
    if (outcome === BUS_OK) this.bank.view.setUint8(address - this.bank.base, value);
    return outcome;
  }

  store16(address: PhysAddr, value: number): BusOutcome {
    const outcome = this.select(address, 2);
    if (outcome === BUS_OK) this.bank.view.setUint16(address - this.bank.base, value, true);
    return outcome;
  }

  store32(address: PhysAddr, value: number): BusOutcome {
    const outcome = this.select(address, 4);
    if (outcome === BUS_OK) this.bank.view.setUint32(address - this.bank.base, value, true);
    return outcome;
  }

  store64(address: PhysAddr, lo: number, hi: number): BusOutcome {
    const outcome = this.select(address, 8);
    if (outcome < 0) return outcome;
    const at = address - this.bank.base;
    this.bank.view.setUint32(at, lo, true);
    this.bank.view.setUint32(at + 4, hi, true);
    return BUS_OK;
  }

  readBytes(address: PhysAddr, into: Uint8Array, at: number, length: number): BusOutcome {
    const outcome = this.select(address, length);
    if (outcome < 0) return outcome;
    const start = address - this.bank.base;
    into.set(this.bank.bytes.subarray(start, start + length), at);
    return BUS_OK;
  }

  writeBytes(address: PhysAddr, from: Uint8Array, at: number, length: number): BusOutcome {
    const outcome = this.select(address, length);
    if (outcome === BUS_OK) this.bank.bytes.set(from.subarray(at, at + length), address - this.bank.base);
    return outcome;
  }

  fillBytes(address: PhysAddr, value: number, length: number): BusOutcome {
    const outcome = this.select(address, length);
    if (outcome < 0) return outcome;
    const start = address - this.bank.base;
    this.bank.bytes.fill(value, start, start + length);
    return BUS_OK;
  }

  copyBytes(to: PhysAddr, from: PhysAddr, length: number): BusOutcome {
    const source = this.select(from, length);
    if (source < 0) return source;
    const { bank } = this;
    const bytes = bank.bytes.slice(from - bank.base, from - bank.base + length);
    return this.writeBytes(to, bytes, 0, length);
  }

  elapse(nanoseconds: number): void {
    const until = this.now + nanoseconds;
    while (this.deadline <= until && this.interruptsEnabled && this.handlers !== undefined) {
      this.now = Math.max(this.now, this.deadline);
      this.fireTimer(this.handlers);
    }
    this.now = Math.max(this.now, until);
  }

  private fireTimer(handlers: TrapHandlers): void {
    this.deadline = Infinity;
    this.interruptsEnabled = false;
    handlers.timer();
    this.interruptsEnabled = true;
  }

  setInterruptsEnabled(enabled: boolean): boolean {
    const before = this.interruptsEnabled;
    this.interruptsEnabled = enabled;
    if (enabled) this.elapse(0);
    return before;
  }

  setTimer(deadline: number): void {
    this.deadline = deadline;
  }

  setTrapHandlers(handlers: TrapHandlers): void {
    this.handlers = handlers;
  }

  waitForInterrupt(): boolean {
    if (this.deadline === Infinity || this.handlers === undefined) return false;
    this.now = Math.max(this.now, this.deadline);
    this.fireTimer(this.handlers);
    return true;
  }
}
