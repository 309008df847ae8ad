import type { Kernel } from '../kernel';
import { jiffies, wheelDeadline } from './jiffies';
import { TimerEntry } from './timer-queue';

/** `struct timer_list`: calls a function in softirq context once a jiffy has passed. */
export class TimerList {
  readonly kernel: Kernel;
  readonly callback: (timer: TimerList) => void;
  /** The jiffy it is (or was) set to. */
  expires = 0;
  /** Whether it will fire, or has fired and its function has not begun. */
  pending = false;
  /** Set for good by `timer_shutdown_sync`. */
  shutDown = false;
  /** In front of the CPU's timer. */
  readonly entry: TimerEntry;
  private readonly run = (): void => {
    if (!this.pending || this.entry.queued) return;
    this.pending = false;
    this.callback(this);
  };

  constructor(kernel: Kernel, callback: (timer: TimerList) => void) {
    this.kernel = kernel;
    this.callback = callback;
    this.entry = new TimerEntry(() => kernel.sched.context.raise(this.run));
  }
}

/** Makes a timer that is not set. @param callback runs in softirq context. */
export const timer_setup = (kernel: Kernel, callback: (timer: TimerList) => void): TimerList =>
  new TimerList(kernel, callback);

/** Sets a timer to an absolute jiffy. Returns whether it was set already. Fires no earlier than that jiffy. */
export const mod_timer = (timer: TimerList, expires: number): boolean => {
  const wasPending = timer.pending;
  if (timer.shutDown) return false;
  timer.expires = expires;
  timer.pending = true;
  timer.kernel.sched.timers.add(timer.entry, wheelDeadline(Math.max(expires, jiffies(timer.kernel))));
  return wasPending;
};

/** Sets a timer that is not set. */
export const add_timer = (timer: TimerList): void => {
  mod_timer(timer, timer.expires);
};

/** Whether the timer will fire. */
export const timer_pending = (timer: TimerList): boolean => timer.pending;

/** Unsets a timer; whether it was set. */
export const timer_delete = (timer: TimerList): boolean => {
  const wasPending = timer.pending;
  timer.pending = false;
  timer.kernel.sched.timers.remove(timer.entry);
  return wasPending;
};

/** `timer_delete`, and the function is not running either: on one CPU it never is when somebody else runs. */
export const timer_delete_sync = timer_delete;

/** `timer_delete_sync`, and the timer can never be set again. */
export const timer_shutdown_sync = (timer: TimerList): boolean => {
  timer.shutDown = true;
  return timer_delete(timer);
};
