import type { Kernel } from '../kernel';

/** Rounds of softirqs in one go; what is raised after that is left to `ksoftirqd` (`MAX_SOFTIRQ_RESTART`). */
const MAX_RESTARTS = 10;

/**
 * In which context the CPU is, and the softirqs that wait for the end of an interrupt (`kernel/softirq.c`). All of them
 * share one first-in-first-out list here: tasklets and expired kernel timers.
 */
export class InterruptContext {
  private readonly kernel: Kernel;
  private hardirqDepth = 0;
  private softirqDepth = 0;
  private bhDisableDepth = 0;
  private pending: (() => void)[] = [];
  private daemonActive = false;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** `in_hardirq()`. */
  get inHardirq(): boolean {
    return this.hardirqDepth > 0;
  }

  /** In a hard interrupt or a softirq: there is no task to put to sleep. */
  get inInterrupt(): boolean {
    return this.hardirqDepth > 0 || this.softirqDepth > 0;
  }

  /** Between `local_bh_disable` and `local_bh_enable`. */
  get bottomHalvesDisabled(): boolean {
    return this.bhDisableDepth > 0;
  }

  /** A trap handler: `body` runs in hard interrupt context, softirqs that it raises run after it. */
  interrupt(body: () => void): void {
    this.hardirqDepth++;
    try {
      body();
    } finally {
      this.hardirqDepth--;
    }
    if (this.hardirqDepth === 0 && this.mayRunSoftirqs && this.pending.length > 0) this.runSoftirqs();
  }

  /** Has `action` run in softirq context soon: at the end of this interrupt, or by `ksoftirqd`. */
  raise(action: () => void): void {
    this.pending.push(action);
    if (!this.inInterrupt && this.bhDisableDepth === 0) this.wakeDaemon();
  }

  /** `local_bh_disable()`. */
  disableBottomHalves(): void {
    this.bhDisableDepth++;
  }

  /** `local_bh_enable()`: runs what was held back. */
  enableBottomHalves(): void {
    if (--this.bhDisableDepth === 0 && !this.inInterrupt) this.runPending();
  }

  /** Runs what is pending, here and now, if the context allows it. */
  runPending(): void {
    if (this.hardirqDepth === 0 && this.mayRunSoftirqs && this.pending.length > 0) this.runSoftirqs();
  }

  private get mayRunSoftirqs(): boolean {
    return this.softirqDepth === 0 && this.bhDisableDepth === 0;
  }

  /** Softirqs run with interrupts on, whatever they were before. */
  private runSoftirqs(): void {
    const { cpu } = this.kernel;
    this.softirqDepth++;
    const before = cpu.setInterruptsEnabled(true);
    try {
      for (let round = 0; round < MAX_RESTARTS && this.pending.length > 0; round++) this.runRound();
    } finally {
      cpu.setInterruptsEnabled(before);
      this.softirqDepth--;
    }
    if (this.pending.length > 0) this.wakeDaemon();
  }

  private runRound(): void {
    const actions = this.pending;
    this.pending = [];
    let done = 0;
    try {
      while (done < actions.length) actions[done++]!();
    } finally {
      if (done < actions.length) this.pending.unshift(...actions.slice(done));
    }
  }

  private wakeDaemon(): void {
    if (this.daemonActive) return;
    this.daemonActive = true;
    this.kernel.sched.spawn('ksoftirqd/0', () => {
      this.daemonActive = false;
      this.runPending();
    });
  }
}
