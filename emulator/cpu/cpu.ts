import type { PhysAddr } from '../../base/address';
import { BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import { LabError } from '../../base/errors';
import type { Trace } from '../../base/trace';
import type { U64 } from '../../base/u64';
import { copyOutcome } from '../bus/device-port';
import type { PhysicalBus } from '../bus/physical-bus';
import type { Clock, Timer } from '../clock';
import type { CpuPort, TrapHandlers } from '../cpu-port';
import type { InterruptLine } from '../interrupts/interrupt-line';

/** What things cost the CPU, in whole nanoseconds. */
export interface CpuOptions {
  /** A read of a register: the CPU waits for the answer. Default 100. */
  readonly mmioReadNs?: number;
  /** A write of a register: it is posted, so cheaper. Default 50. */
  readonly mmioWriteNs?: number;
  /** From taking an interrupt to the first instruction of its handler. At least 1. Default 200. */
  readonly interruptEntryNs?: number;
}

/** What the CPU is taking a trap for. */
type TrapCause = 'external' | 'timer';

/** A run of register accesses moves words; what fits one access is one access. */
const SINGLE_ACCESS = 8;
const RUN_WIDTH = 4;

/**
 * The CPU's side of the machine: loads and stores, the passing of time, interrupts.
 *
 * It is the only one that moves the clock. Hardware that is due while the CPU spends time acts at its own time, and the
 * interrupt that it raises is taken right then; the time that the handler takes comes on top of what was being spent.
 * Everything outside RAM costs time, a hole too, so that no poll can go on forever within one instant.
 */
export class Cpu implements CpuPort {
  readonly trace: Trace;
  /** The external interrupt input; the interrupt controller drives it. */
  readonly externalInterrupt: InterruptLine = { set: (level) => void (this.externalLevel = level) };
  private readonly bus: PhysicalBus;
  private readonly clock: Clock;
  private readonly timer: Timer;
  private readonly mmioReadNs: number;
  private readonly mmioWriteNs: number;
  private readonly interruptEntryNs: number;
  private handlers: TrapHandlers | undefined;
  private externalLevel = false;
  private timerPending = false;
  private enabled = true;
  private inHandler = false;
  private readonly scratch = new Uint8Array(2);

  /** A cost that is not a whole number of nanoseconds, or an interrupt that is free, is a `LabError`. */
  constructor(bus: PhysicalBus, clock: Clock, trace: Trace, options: CpuOptions = {}) {
    this.bus = bus;
    this.clock = clock;
    this.trace = trace;
    this.mmioReadNs = requireCost('mmioReadNs', options.mmioReadNs ?? 100, 0);
    this.mmioWriteNs = requireCost('mmioWriteNs', options.mmioWriteNs ?? 50, 0);
    this.interruptEntryNs = requireCost('interruptEntryNs', options.interruptEntryNs ?? 200, 1);
    this.timer = clock.timer('cpu.timer', () => {
      this.timerPending = true;
    });
  }

  get now(): number {
    return this.clock.now;
  }

  load8(address: PhysAddr): number {
    const outcome = this.readBytes(address, this.scratch, 0, 1);
    return outcome === BUS_OK ? this.scratch[0]! : outcome;
  }

  load16(address: PhysAddr): number {
    const outcome = this.readBytes(address, this.scratch, 0, 2);
    return outcome === BUS_OK ? this.scratch[0]! | (this.scratch[1]! << 8) : outcome;
  }

  load32(address: PhysAddr): number {
    if (!this.bus.isRam(address)) this.elapse(this.mmioReadNs);
    return this.bus.load32(address);
  }

  load64(address: PhysAddr, into: U64): BusOutcome {
    if (!this.bus.isRam(address)) this.elapse(this.mmioReadNs);
    return this.bus.load64(address, into);
  }

  store8(address: PhysAddr, value: number): BusOutcome {
    this.scratch[0] = value;
    return this.writeBytes(address, this.scratch, 0, 1);
  }

  store16(address: PhysAddr, value: number): BusOutcome {
    this.scratch[0] = value;
    this.scratch[1] = value >>> 8;
    return this.writeBytes(address, this.scratch, 0, 2);
  }

  store32(address: PhysAddr, value: number): BusOutcome {
    const outcome = this.bus.store32(address, value);
    if (!this.bus.isRam(address)) this.elapse(this.mmioWriteNs);
    return outcome;
  }

  store64(address: PhysAddr, lo: number, hi: number): BusOutcome {
    const outcome = this.bus.store64(address, lo, hi);
    if (!this.bus.isRam(address)) this.elapse(this.mmioWriteNs);
    return outcome;
  }

  readBytes(address: PhysAddr, into: Uint8Array, at: number, length: number): BusOutcome {
    this.payForAccess(address, length, this.mmioReadNs);
    return this.bus.read(address, into, at, length);
  }

  writeBytes(address: PhysAddr, from: Uint8Array, at: number, length: number): BusOutcome {
    const outcome = this.bus.write(address, from, at, length);
    this.payForAccess(address, length, this.mmioWriteNs);
    return outcome;
  }

  fillBytes(address: PhysAddr, value: number, length: number): BusOutcome {
    const outcome = this.bus.fill(address, value, length);
    this.payForAccess(address, length, this.mmioWriteNs);
    return outcome;
  }

  copyBytes(to: PhysAddr, from: PhysAddr, length: number): BusOutcome {
    this.payForAccess(from, length, this.mmioReadNs);
    const outcome = copyOutcome(this.bus.copy(from, to, length));
    this.payForAccess(to, length, this.mmioWriteNs);
    return outcome;
  }

  private payForAccess(address: PhysAddr, length: number, each: number): void {
    if (!(length > 0) || this.bus.isRam(address)) return;
    this.elapse(length <= SINGLE_ACCESS ? each : each * Math.ceil(length / RUN_WIDTH));
  }

  /** See `CpuPort.elapse`. Parts of a nanosecond count as a whole one; a negative time as none. */
  elapse(nanoseconds: number): void {
    const { clock } = this;
    let end = clock.now + (nanoseconds > 0 ? Math.ceil(nanoseconds) : 0);
    if (clock.nextDeadline > end && !this.canTakeInterrupt) {
      clock.moveTo(end);
      return;
    }
    for (;;) {
      if (this.canTakeInterrupt) end += this.takeInterrupts();
      if (clock.nextDeadline > end || !clock.fireNext()) break;
    }
    clock.moveTo(end);
  }

  private get interruptPending(): boolean {
    return this.externalLevel || this.timerPending;
  }

  private get canTakeInterrupt(): boolean {
    return this.interruptPending && this.enabled && !this.inHandler && this.handlers !== undefined;
  }

  /** Runs handlers until nothing is pending; returns the time that they took. */
  private takeInterrupts(): number {
    const start = this.clock.now;
    while (this.canTakeInterrupt) this.takeInterrupt();
    return this.clock.now - start;
  }

  /** The cause is fixed when the trap is taken; its handler may find that the reason has gone away since. */
  private takeInterrupt(): void {
    const handlers = this.handlers!;
    const cause: TrapCause = this.externalLevel ? 'external' : 'timer';
    this.inHandler = true;
    this.enabled = false;
    try {
      if (cause === 'timer') this.timerPending = false;
      this.elapse(this.interruptEntryNs);
      handlers[cause]();
    } finally {
      this.inHandler = false;
      this.enabled = true;
    }
  }

  get interruptsEnabled(): boolean {
    return this.enabled;
  }

  /** See `CpuPort`. Inside a handler nothing is taken, whatever is set here; returning from it enables interrupts. */
  setInterruptsEnabled(enabled: boolean): boolean {
    const before = this.enabled;
    this.enabled = enabled;
    if (this.canTakeInterrupt) this.takeInterrupts();
    return before;
  }

  /** See `CpuPort`. Moving the deadline takes back a timer interrupt that has not been taken yet. */
  setTimer(deadline: number): void {
    this.timerPending = deadline <= this.clock.now;
    if (this.timerPending) this.timer.cancel();
    else this.timer.armAt(deadline);
  }

  setTrapHandlers(handlers: TrapHandlers): void {
    this.handlers = handlers;
  }

  /**
   * See `CpuPort`. Where interrupts are disabled (or inside a handler) it idles until one is pending, as the wait
   * instruction does; finding one pending at once still takes as long as an interrupt, so that no loop around it stands
   * still in time.
   */
  waitForInterrupt(): boolean {
    const { clock } = this;
    if (this.interruptPending && !this.canTakeInterrupt) {
      this.elapse(this.interruptEntryNs);
      return true;
    }
    while (!this.interruptPending) {
      if (!clock.fireNext()) return false;
    }
    if (this.canTakeInterrupt) this.takeInterrupts();
    return true;
  }
}

const requireCost = (name: string, value: number, least: number): number => {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new LabError(`${name} is a whole number of nanoseconds, at least ${least}, not ${value}`, {
    what: `cpu.${name}`,
  });
};
