import type { Kernel } from '../kernel';
import { EINTR, ENOMEM } from '../../base/errno';
import type { Task } from './task';

/** Starts a kernel thread. What `threadfn` returns is what `kthread_stop` gets. `-ENOMEM` without memory for its stack. */
export const kthread_run = (
  kernel: Kernel,
  threadfn: (task: Task) => number | Promise<number>,
  name: string,
): Task | number => {
  const stack = kernel.mm.allocStack();
  if (stack === null) return -ENOMEM;
  const body = async (): Promise<void> => {
    task.exitCode = task.shouldStop ? -EINTR : await threadfn(task);
  };
  const task = kernel.sched.spawn(name, body, stack);
  return task;
};

/** Whether the current thread has been asked to end. */
export const kthread_should_stop = (kernel: Kernel): boolean => kernel.sched.current?.shouldStop ?? false;

/**
 * Asks a thread to end, wakes it, and waits for its end. Returns what its function returned, `-EINTR` if it was stopped
 * before it ever ran.
 */
export const kthread_stop = async (kernel: Kernel, task: Task): Promise<number> => {
  task.shouldStop = true;
  kernel.sched.wake(task);
  await kernel.sched.join(task);
  return task.exitCode;
};
