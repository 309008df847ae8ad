import type { Kernel } from '../kernel';

/** Timer interrupts per second (`CONFIG_HZ`). There is no periodic tick; a jiffy is only a unit of time. */
export const HZ = 250;
/** Nanoseconds in a jiffy (`TICK_NSEC`). */
export const TICK_NSEC = 1e9 / HZ;
/** Nanoseconds in other units (`include/vdso/time64.h`). */
export const NSEC_PER_USEC = 1_000;
export const NSEC_PER_MSEC = 1_000_000;
export const NSEC_PER_SEC = 1_000_000_000;
/** "For ever", for timeouts in jiffies. */
export const MAX_SCHEDULE_TIMEOUT = Infinity;

/** The number of jiffies since power-on. It never wraps, so `time_after` is `>`. */
export const jiffies = (kernel: Kernel): number => Math.floor(kernel.cpu.now / TICK_NSEC);

/** Milliseconds as jiffies, rounded up; negative means for ever (`include/linux/jiffies.h`). */
export const msecs_to_jiffies = (milliseconds: number): number =>
  milliseconds < 0 ? MAX_SCHEDULE_TIMEOUT : Math.ceil((milliseconds * NSEC_PER_MSEC) / TICK_NSEC);

/** Microseconds as jiffies, rounded up. */
export const usecs_to_jiffies = (microseconds: number): number => Math.ceil((microseconds * NSEC_PER_USEC) / TICK_NSEC);

/** Jiffies as whole milliseconds. */
export const jiffies_to_msecs = (count: number): number => Math.floor((count * TICK_NSEC) / NSEC_PER_MSEC);

/** Simulated time in nanoseconds since power-on. */
export const ktime_get = (kernel: Kernel): number => kernel.cpu.now;

/**
 * When a timer set to expire at a jiffy fires, in nanoseconds. The kernel's timer wheel never fires early, and as the
 * current jiffy has partly gone by, the first edge that is surely late enough is the one after.
 */
export const wheelDeadline = (expires: number): number => (expires + 1) * TICK_NSEC;
