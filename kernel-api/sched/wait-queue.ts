import type { Kernel } from '../kernel';
import { jiffies, wheelDeadline } from './jiffies';
import type { Task } from './task';

/** `wait_queue_head_t`: tasks that wait for a condition to become true. Whoever changes the condition wakes them. */
export class WaitQueueHead {
  readonly kernel: Kernel;
  /** Completes the sentence "waits for …". */
  readonly what: string;
  /** Sleeping tasks, first come first. */
  readonly waiters: Task[] = [];

  /** @param name completes the sentence "waits for …" in messages. */
  constructor(kernel: Kernel, name = 'a wait queue') {
    this.kernel = kernel;
    this.what = name;
  }
}

/** Makes a wait queue as good as new: nobody waits. */
export const init_waitqueue_head = (queue: WaitQueueHead): void => {
  queue.waiters.length = 0;
};

/** Has every waiter look at its condition again; none of them is exclusive. From any context. */
export const wake_up = (queue: WaitQueueHead): void => {
  for (const waiter of queue.waiters.splice(0)) queue.kernel.sched.wake(waiter);
};

/** As `wake_up`. */
export const wake_up_all = wake_up;

/** Whether anybody sleeps here. */
export const waitqueue_active = (queue: WaitQueueHead): boolean => queue.waiters.length > 0;

/** Sleeps until the condition holds. It is looked at before sleeping and after each `wake_up`. */
export const wait_event = (queue: WaitQueueHead, condition: () => boolean): Promise<void> => {
  queue.kernel.sched.mightSleep('wait_event');
  return condition() ? Promise.resolve() : waitSlowly(queue, condition);
};

const waitSlowly = async (queue: WaitQueueHead, condition: () => boolean): Promise<void> => {
  do await enterWait(queue, Infinity);
  while (!condition());
};

const enterWait = (queue: WaitQueueHead, deadline: number): Promise<void> => {
  const { sched } = queue.kernel;
  const sleeping = sched.sleepUntil(queue.what, deadline);
  queue.waiters.push(sched.current!);
  return sleeping;
};

/**
 * `wait_event` for at most `timeout` jiffies. Returns 0 if the condition is still false then, 1 if it became true just at
 * the end, else the jiffies that were left.
 */
export const wait_event_timeout = async (
  queue: WaitQueueHead,
  condition: () => boolean,
  timeout: number,
): Promise<number> => {
  const { sched } = queue.kernel;
  sched.mightSleep('wait_event_timeout');
  const expires = jiffies(queue.kernel) + timeout;
  while (!condition()) {
    if (timeout <= 0) return 0;
    await enterWait(queue, wheelDeadline(expires));
    const task = sched.current!;
    if (!task.timedOut) continue;
    const index = queue.waiters.indexOf(task);
    if (index >= 0) queue.waiters.splice(index, 1);
    return condition() ? 1 : 0;
  }
  return Math.max(1, expires - jiffies(queue.kernel));
};
