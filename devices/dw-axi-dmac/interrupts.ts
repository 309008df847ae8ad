import type { InterruptLine } from '../../emulator/interrupts/interrupt-line';
import type { Register } from '../../emulator/registers/register';
import { CFG_INT_EN, INTSTATUS_COMMON } from './spec';

/**
 * One set of status, status enable and signal enable registers: a channel's, or the common registers'.
 *
 * An event is recorded only if its status enable bit is set when it happens. What is recorded stays until software clears
 * it, and is signalled while its signal enable bit is set.
 */
export class InterruptGroup {
  private readonly status: Register;
  private readonly statusEnable: Register;
  private readonly signalEnable: Register;
  private readonly changed: () => void;

  constructor(status: Register, statusEnable: Register, signalEnable: Register, changed: () => void) {
    this.status = status;
    this.statusEnable = statusEnable;
    this.signalEnable = signalEnable;
    this.changed = changed;
  }

  /** Records events. */
  raise(bits: number): void {
    const recorded = bits & this.statusEnable.lo;
    if (recorded === 0) return;
    this.status.lo = (this.status.lo | recorded) >>> 0;
    this.changed();
  }

  /** What the status will read once these events have been recorded too. */
  statusWith(bits: number): number {
    return (this.status.lo | (bits & this.statusEnable.lo)) >>> 0;
  }

  /** Software clears events. */
  clear(bits: number): void {
    this.status.lo = (this.status.lo & ~bits) >>> 0;
    this.changed();
  }

  /** Whether an event is recorded and signalled. */
  get pending(): boolean {
    return (this.status.lo & this.signalEnable.lo) !== 0;
  }
}

/** The registers and wires that sum up the groups. */
export interface InterruptSummary {
  readonly groups: readonly InterruptGroup[];
  readonly common: InterruptGroup;
  readonly cfg: Register;
  readonly intStatus: Register;
}

/** The interrupt outputs: `DMAC_INTSTATUS` and the wires, one for everything or one per channel. */
export class InterruptOutputs {
  private readonly lines: readonly InterruptLine[];
  private readonly perChannel: boolean;
  private summary: InterruptSummary | undefined;

  constructor(lines: readonly InterruptLine[], perChannel: boolean) {
    this.lines = lines;
    this.perChannel = perChannel;
  }

  /** Says what is to be summed up. */
  observe(summary: InterruptSummary): void {
    this.summary = summary;
  }

  /** Brings `DMAC_INTSTATUS` and the wires up to date. */
  readonly update = (): void => {
    const { summary } = this;
    if (summary === undefined) return;
    let status = summary.common.pending ? INTSTATUS_COMMON : 0;
    for (let i = 0; i < summary.groups.length; i++) if (summary.groups[i]!.pending) status |= 1 << i;
    summary.intStatus.lo = status;
    const visible = (summary.cfg.lo & CFG_INT_EN) === 0 ? 0 : status;
    if (!this.perChannel) this.lines[0]!.set(visible !== 0);
    else for (let i = 0; i < summary.groups.length; i++) this.lines[i]!.set((visible & (1 << i)) !== 0);
  };
}
