import type { PhysAddr } from '../../base/address';
import { LabError } from '../../base/errors';
import type { Trace } from '../../base/trace';
import type { PhysicalBus } from '../bus/physical-bus';
import type { Clock, Timer } from '../clock';
import type { CpuMemory, CpuPort, TrapHandlers } from '../cpu-port';
import type { InterruptLine } from '../interrupts/interrupt-line';
import { LoadStoreUnit } from './load-store-unit';

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

/**
 * The CPU's side of the machine: loads and stores, the passing of time, interrupts.
 *
 * It is the only one that moves the clock. Hardware that is due while the CPU spends time acts at its own time, and the
 * interrupt that it raises is taken right then; the time that the handler takes comes on top of what was being spent.
 *
 * This one has no cache: memory is what the bus shows, and cache operations and fences have nothing to do.
 */
export class Cpu extends LoadStoreUnit implements CpuPort {
  readonly trace: Trace;
  /** The external interrupt input; the interrupt controller drives it. */
  readonly externalInterrupt: InterruptLine = { set: (level) => void (this.externalLevel = level) };
  protected readonly clock: Clock;
  private readonly timer: Timer;
  private readonly interruptEntryNs: number;
  private handlers: TrapHandlers | undefined;
  private externalLevel = false;
  private timerPending = false;
  private enabled = true;
  private inHandler = false;

  /** A cost that is not a whole number of nanoseconds, or an interrupt that is free, is a `LabError`. */
  constructor(bus: PhysicalBus, clock: Clock, trace: Trace, options: CpuOptions = {}) {
    super(
      bus,
      requireCost('mmioReadNs', options.mmioReadNs ?? 100, 0),
      requireCost('mmioWriteNs', options.mmioWriteNs ?? 50, 0),
    );
    this.clock = clock;
    this.trace = trace;
    this.interruptEntryNs = requireCost('interruptEntryNs', options.interruptEntryNs ?? 200, 1);
    this.timer = clock.timer('cpu.timer', () => {
      this.timerPending = true;
    });
  }

  get now(): number {
    return this.clock.now;
  }

  get uncached(): CpuMemory {
    return this;
  }

  cleanLines(_address: PhysAddr, _length: number): void {
    // No cache.
  }

  invalidateLines(_address: PhysAddr, _length: number): void {
    // No cache.
  }

  flushLines(_address: PhysAddr, _length: number): void {
    // No cache.
  }

  fence(): void {
    // Stores reach the bus at once.
  }

  orderStores(): void {
    // Stores reach the bus in order.
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
