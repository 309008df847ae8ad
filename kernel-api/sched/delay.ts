import { LabError } from '../../base/errors';
import type { Kernel } from '../kernel';
import { MAX_SCHEDULE_TIMEOUT, NSEC_PER_USEC, jiffies, msecs_to_jiffies, wheelDeadline } from './jiffies';

/**
 * A time to wait: a negative one is none at all. (In C it would be an unsigned number, and some weeks.)
 * @throws LabError for what is no finite number, which no driver in C can pass
 */
const waitingTime = (where: string, time: number): number => {
  if (!Number.isFinite(time)) throw new LabError(`${where}: ${time} is not a time to wait.`);
  return time < 0 ? 0 : time;
};

/** Sleeps for a number of jiffies, never less. Returns the jiffies left: always 0, as nobody wakes it early. */
export const schedule_timeout = async (kernel: Kernel, timeout: number): Promise<number> => {
  kernel.sched.mightSleep('schedule_timeout');
  if (Number.isNaN(timeout)) throw new LabError('schedule_timeout: NaN is not a time to wait.');
  if (timeout < 0) {
    kernel.warn('schedule_timeout', `wrong timeout value ${timeout}`);
    return 0;
  }
  const deadline = timeout === MAX_SCHEDULE_TIMEOUT ? Infinity : wheelDeadline(jiffies(kernel) + timeout);
  await kernel.sched.sleepUntil(`${timeout} jiffies to pass`, deadline);
  return 0;
};

/** Sleeps for at least `milliseconds`, in whole jiffies: short sleeps take far longer than asked (use `usleep_range`). */
export const msleep = (kernel: Kernel, milliseconds: number): Promise<void> => {
  kernel.sched.mightSleep('msleep');
  const deadline = wheelDeadline(jiffies(kernel) + msecs_to_jiffies(waitingTime('msleep', milliseconds)));
  return kernel.sched.sleepUntil(`${milliseconds} ms to pass`, deadline);
};

/** Sleeps for seconds. */
export const ssleep = (kernel: Kernel, seconds: number): Promise<void> => msleep(kernel, seconds * 1000);

/**
 * Sleeps for at least `min` and at most about `max` microseconds. Nothing else keeps this CPU from waking, so it is
 * `min`.
 */
export const usleep_range = (kernel: Kernel, min: number, max: number): Promise<void> => {
  kernel.sched.mightSleep('usleep_range');
  const deadline = kernel.cpu.now + waitingTime('usleep_range', min) * NSEC_PER_USEC;
  return kernel.sched.sleepUntil(`${min} to ${max} us to pass`, deadline);
};

/** Sleeps for about so many microseconds, by whichever means fits. */
export const fsleep = (kernel: Kernel, microseconds: number): Promise<void> => {
  if (microseconds <= 10) {
    udelay(kernel, microseconds);
    return Promise.resolve();
  }
  if (microseconds <= 20_000) return usleep_range(kernel, microseconds, 2 * microseconds);
  return msleep(kernel, Math.ceil(microseconds / 1000));
};

/** Spends CPU time: hardware goes on, interrupts are taken unless off, no other task runs. */
export const udelay = (kernel: Kernel, microseconds: number): void =>
  kernel.cpu.elapse(waitingTime('udelay', microseconds) * NSEC_PER_USEC);

/** Spends CPU time in nanoseconds. */
export const ndelay = (kernel: Kernel, nanoseconds: number): void =>
  kernel.cpu.elapse(waitingTime('ndelay', nanoseconds));

/** Spends CPU time in milliseconds. */
export const mdelay = (kernel: Kernel, milliseconds: number): void => udelay(kernel, milliseconds * 1000);

/** Lets other tasks run if any is ready. */
export const cond_resched = (kernel: Kernel): Promise<void> => kernel.sched.yield();
