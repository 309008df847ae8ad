import type { Kernel } from '../kernel';

/** `struct tasklet_struct`: a function to run soon, in softirq context, however often it was asked for meanwhile. */
export class Tasklet {
  readonly kernel: Kernel;
  /** Runs in softirq context: may not sleep. */
  readonly callback: (tasklet: Tasklet) => void;
  /** Asked for, and not begun. */
  scheduled = false;
  /** How many `tasklet_disable` it has to wait for. */
  disableCount = 0;
  private readonly run = (): void => {
    if (!this.scheduled || this.disableCount > 0) return;
    this.scheduled = false;
    this.callback(this);
  };

  constructor(kernel: Kernel, callback: (tasklet: Tasklet) => void) {
    this.kernel = kernel;
    this.callback = callback;
  }

  /** Puts it on the list of softirqs. */
  raise(): void {
    this.kernel.sched.context.raise(this.run);
  }
}

/** Makes a tasklet. @param callback runs in softirq context. */
export const tasklet_setup = (kernel: Kernel, callback: (tasklet: Tasklet) => void): Tasklet =>
  new Tasklet(kernel, callback);

/** Has the tasklet run once, soon: at the end of this interrupt, or when `ksoftirqd` gets its turn. From any context. */
export const tasklet_schedule = (tasklet: Tasklet): void => {
  if (tasklet.scheduled) return;
  tasklet.scheduled = true;
  tasklet.raise();
};

/** The tasklet does not run until it is enabled again. */
export const tasklet_disable = (tasklet: Tasklet): void => {
  tasklet.disableCount++;
};

/** Undoes one `tasklet_disable`; the tasklet runs soon if it was asked for meanwhile. */
export const tasklet_enable = (tasklet: Tasklet): void => {
  if (--tasklet.disableCount === 0 && tasklet.scheduled) tasklet.raise();
};

/**
 * Afterwards the tasklet is neither running nor going to: one that was asked for runs now. The caller sees to it that
 * nobody asks again. On one CPU there is nothing to wait for, so this is no async function.
 */
export const tasklet_kill = (tasklet: Tasklet): void => {
  const { kernel } = tasklet;
  if (kernel.sched.context.inInterrupt) {
    kernel.warn('tasklet_kill', 'a tasklet cannot be killed from an interrupt');
    return;
  }
  if (tasklet.scheduled) kernel.sched.context.runPending();
  tasklet.scheduled = false;
};
