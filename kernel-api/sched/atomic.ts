import type { Kernel } from '../kernel';

/** Whether the code may not sleep: in an interrupt or a softirq, or with a spinlock held. */
export const in_atomic = (kernel: Kernel): boolean => kernel.sched.inAtomic;

/** In a hard interrupt handler. */
export const in_hardirq = (kernel: Kernel): boolean => kernel.sched.context.inHardirq;

/** In a hard interrupt handler or in a softirq (a tasklet, a kernel timer). */
export const in_interrupt = (kernel: Kernel): boolean => kernel.sched.context.inInterrupt;

/** Warns if the code may not sleep here. @param where the function that might. */
export const might_sleep = (kernel: Kernel, where: string): void => kernel.sched.mightSleep(where);

/** Disables interrupts; the result is what `local_irq_restore` wants. */
export const local_irq_save = (kernel: Kernel): boolean => kernel.cpu.setInterruptsEnabled(false);

/** Puts interrupts back to what they were. Those that became pending are taken now. */
export const local_irq_restore = (kernel: Kernel, flags: boolean): void => {
  kernel.cpu.setInterruptsEnabled(flags);
};

/** Disables interrupts. */
export const local_irq_disable = (kernel: Kernel): void => {
  kernel.cpu.setInterruptsEnabled(false);
};

/** Enables interrupts; pending ones are taken now. */
export const local_irq_enable = (kernel: Kernel): void => {
  kernel.cpu.setInterruptsEnabled(true);
};

/** Whether interrupts are off. */
export const irqs_disabled = (kernel: Kernel): boolean => !kernel.cpu.interruptsEnabled;

/** Holds softirqs back. */
export const local_bh_disable = (kernel: Kernel): void => kernel.sched.context.disableBottomHalves();

/** Lets softirqs run again; those that were held back run now. */
export const local_bh_enable = (kernel: Kernel): void => kernel.sched.context.enableBottomHalves();

/** The current task may not be preempted, and so may not sleep. */
export const preempt_disable = (kernel: Kernel): void => {
  const { current } = kernel.sched;
  if (current !== null) current.preemptCount++;
};

/** Undoes one `preempt_disable`. */
export const preempt_enable = (kernel: Kernel): void => {
  const { current } = kernel.sched;
  if (current !== null) current.preemptCount--;
};
