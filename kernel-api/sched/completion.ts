import type { Kernel } from '../kernel';
import { TICK_NSEC, jiffies, wheelDeadline } from './jiffies';
import type { Task } from './task';

/** More than any number of `complete` calls: the completion stays done (`complete_all`). */
const DONE_FOR_EVER = Infinity;

/**
 * `struct completion`: counts what has happened, lets tasks wait for it. Each `complete` lets one wait through, in the
 * order of the waits.
 */
export class Completion {
  readonly kernel: Kernel;
  /** Completes the sentence "waits for …". */
  readonly what: string;
  /** How many waits will go through. */
  done = 0;
  /** Sleeping tasks, first come first. */
  readonly waiters: Task[] = [];

  /** @param name completes the sentence "waits for …" in messages. */
  constructor(kernel: Kernel, name = 'a completion') {
    this.kernel = kernel;
    this.what = name;
  }
}

/** Makes a completion as good as new: not done, nobody waits. */
export const init_completion = (completion: Completion): void => {
  completion.done = 0;
  completion.waiters.length = 0;
};

/** Makes a completion usable again after `complete_all` or a timeout. */
export const reinit_completion = (completion: Completion): void => {
  completion.done = 0;
};

/** Lets one wait through. From any context. */
export const complete = (completion: Completion): void => {
  completion.done++;
  const first = completion.waiters.shift();
  if (first !== undefined) completion.kernel.sched.wake(first);
};

/** Lets all waits through, those to come as well, until `reinit_completion`. */
export const complete_all = (completion: Completion): void => {
  completion.done = DONE_FOR_EVER;
  for (const waiter of completion.waiters.splice(0)) completion.kernel.sched.wake(waiter);
};

/** Whether a wait would go through at once. */
export const completion_done = (completion: Completion): boolean => completion.done > 0;

/** Goes through if that is possible at once. */
export const try_wait_for_completion = (completion: Completion): boolean => {
  if (completion.done === 0) return false;
  completion.done--;
  return true;
};

/** Waits for a `complete`. */
export const wait_for_completion = (completion: Completion): Promise<void> => {
  const { sched } = completion.kernel;
  sched.mightSleep('wait_for_completion');
  if (completion.done > 0) {
    completion.done--;
    return Promise.resolve();
  }
  return waitSlowly(completion, enterWait(completion, Infinity));
};

const enterWait = (completion: Completion, deadline: number): Promise<void> => {
  const { sched } = completion.kernel;
  const sleeping = sched.sleepUntil(completion.what, deadline);
  completion.waiters.push(sched.current!);
  return sleeping;
};

const waitSlowly = async (completion: Completion, firstSleep: Promise<void>): Promise<void> => {
  await firstSleep;
  while (completion.done === 0) await enterWait(completion, Infinity);
  completion.done--;
};

/**
 * Waits for a `complete`, for at most `timeout` jiffies. Returns 0 if time ran out, else the jiffies that were left (at
 * least 1).
 */
export const wait_for_completion_timeout = async (completion: Completion, timeout: number): Promise<number> => {
  const { sched } = completion.kernel;
  sched.mightSleep('wait_for_completion_timeout');
  const expires = jiffies(completion.kernel) + timeout;
  const deadline = wheelDeadline(expires);
  while (completion.done === 0) {
    if (timeout <= 0) return 0;
    await enterWait(completion, deadline);
    const task = sched.current!;
    if (!task.timedOut) continue;
    const index = completion.waiters.indexOf(task);
    if (index >= 0) completion.waiters.splice(index, 1);
    if (completion.done === 0) return 0;
  }
  completion.done--;
  return timeout === Infinity ? Infinity : Math.max(1, expires - Math.floor(completion.kernel.cpu.now / TICK_NSEC));
};
