import type { Clock, Timer } from '../../emulator/clock';
import type { Register } from '../../emulator/registers/register';
import { Q_INT } from './spec';
import type { QueueStatistics } from './statistics';

/** The registers of a queue's interrupts. */
export interface InterruptRegisters {
  readonly status: Register;
  readonly enable: Register;
  readonly coalesce: Register;
  readonly coalesceNs: Register;
}

/** A queue's interrupt status: completions are told in groups, by number and time; everything else at once. */
export class QueueInterrupts {
  private readonly registers: InterruptRegisters;
  private readonly changed: () => void;
  private readonly statistics: QueueStatistics;
  private readonly timer: Timer;
  /** Completions that `COMPLETE` has not told of. */
  private untold = 0;

  constructor(
    clock: Clock,
    name: string,
    registers: InterruptRegisters,
    statistics: QueueStatistics,
    changed: () => void,
  ) {
    this.registers = registers;
    this.statistics = statistics;
    this.changed = changed;
    this.timer = clock.timer(name, () => this.tell());
  }

  /** A request that wants it has ended. */
  complete(): void {
    this.untold++;
    const { coalesce, coalesceNs } = this.registers;
    if (this.untold >= (coalesce.lo & 0xffff)) this.tell();
    else if (this.untold === 1 && coalesceNs.lo !== 0) this.timer.armAfter(coalesceNs.lo);
  }

  private tell(): void {
    this.timer.cancel();
    this.untold = 0;
    if ((this.registers.status.lo & Q_INT.COMPLETE) === 0) this.statistics.interrupts++;
    this.raise(Q_INT.COMPLETE);
  }

  raise(bits: number): void {
    if ((this.registers.status.lo & bits) === bits) return;
    this.registers.status.lo = (this.registers.status.lo | bits) >>> 0;
    this.changed();
  }

  /** The queue stops: what it has completed is told. */
  flush(): void {
    if (this.untold > 0) this.tell();
  }

  reset(): void {
    this.timer.cancel();
    this.untold = 0;
  }

  get pending(): boolean {
    return (this.registers.status.lo & this.registers.enable.lo) !== 0;
  }
}
