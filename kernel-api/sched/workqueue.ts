import type { StructDevice } from '../base/struct-device';
import type { Kernel } from '../kernel';
import { jiffies, wheelDeadline } from './jiffies';
import type { Task } from './task';
import { TimerEntry } from './timer-queue';

/** The function of a work item. Runs in a task of its own, so it may sleep. */
export type WorkFunc = (work: WorkStruct) => void | Promise<void>;

const nothing: WorkFunc = () => undefined;

/** `struct work_struct`: a function to be called later in a task. Queued at most once at a time. */
export class WorkStruct {
  readonly kernel: Kernel;
  /** What is to be done. */
  func: WorkFunc;
  /** Where it waits or runs; null when idle. */
  queue: WorkqueueStruct | null = null;
  /** Waits for its turn (`work_pending`). */
  pending = false;
  /** Is being executed. */
  running = false;
  /** Tasks in `flush_work` and `cancel_work_sync`. */
  readonly flushers: Task[] = [];
  /** How many `cancel_work_sync` are under way: it cannot be queued meanwhile. */
  cancelling = 0;
  /** The device on whose behalf it runs: that of the task which made it. */
  readonly device: StructDevice | null;

  constructor(kernel: Kernel, func: WorkFunc = nothing) {
    this.kernel = kernel;
    this.func = func;
    this.device = kernel.sched.current?.device ?? null;
  }
}

/** `struct delayed_work`: a work item with a timer in front. */
export class DelayedWork extends WorkStruct {
  /** Where it goes when its time has come. */
  target: WorkqueueStruct;
  readonly timer: TimerEntry;

  constructor(kernel: Kernel, func: WorkFunc = nothing) {
    super(kernel, func);
    this.target = kernel.sched.systemWorkqueue;
    this.timer = new TimerEntry(() => enqueue(this.target, this));
  }
}

/**
 * `struct workqueue_struct`. Work items run one after the other, in the order in which they were queued, in a worker task
 * that exists only while there is something to do.
 */
export class WorkqueueStruct {
  readonly kernel: Kernel;
  readonly name: string;
  readonly items: WorkStruct[] = [];
  private worker: Task | null = null;

  constructor(kernel: Kernel, name: string) {
    this.kernel = kernel;
    this.name = name;
  }

  /** Adds an item that is not pending. */
  push(work: WorkStruct): void {
    work.pending = true;
    work.queue = this;
    this.items.push(work);
    this.worker ??= this.kernel.sched.spawn(`kworker/${this.name}`, () => this.drain());
  }

  /** Takes a pending item off. */
  remove(work: WorkStruct): void {
    this.items.splice(this.items.indexOf(work), 1);
    work.pending = false;
    finish(work);
  }

  private async drain(): Promise<void> {
    try {
      for (let work = this.items.shift(); work !== undefined; work = this.items.shift()) await execute(work);
    } finally {
      this.worker = null;
    }
  }
}

const execute = async (work: WorkStruct): Promise<void> => {
  work.pending = false;
  work.running = true;
  const worker = work.kernel.sched.current;
  if (worker !== null) worker.device = work.device;
  try {
    const result = work.func(work);
    if (result !== undefined) await result;
  } finally {
    work.running = false;
    finish(work);
  }
};

const finish = (work: WorkStruct): void => {
  for (const flusher of work.flushers.splice(0)) work.kernel.sched.wake(flusher);
};

const enqueue = (queue: WorkqueueStruct, work: WorkStruct): boolean => {
  if (work.pending || work.cancelling > 0) return false;
  queue.push(work);
  return true;
};

const idle = async (work: WorkStruct): Promise<void> => {
  const { sched } = work.kernel;
  while (work.pending || work.running) {
    const sleeping = sched.block(`a work item of ${work.queue?.name ?? 'a queue'}`);
    work.flushers.push(sched.current!);
    await sleeping;
  }
};

/** Makes a work queue of its own; its items run one at a time. */
export const alloc_workqueue = (kernel: Kernel, name: string): WorkqueueStruct => new WorkqueueStruct(kernel, name);

/** Says what a work item does. */
export const INIT_WORK = (work: WorkStruct, func: WorkFunc): void => {
  work.func = func;
};

/** Says what a delayed work item does. */
export const INIT_DELAYED_WORK = (work: DelayedWork, func: WorkFunc): void => {
  work.func = func;
};

/** Whether the item waits for its turn or its time. */
export const work_pending = (work: WorkStruct): boolean =>
  work.pending || (work instanceof DelayedWork && work.timer.queued);

/** Queues a work item; false if it is queued already. From any context. */
export const queue_work = (queue: WorkqueueStruct, work: WorkStruct): boolean => enqueue(queue, work);

/** Queues a work item on the system's queue. */
export const schedule_work = (work: WorkStruct): boolean => enqueue(work.kernel.sched.systemWorkqueue, work);

/** Queues an item after some jiffies; false if it is queued already. */
export const queue_delayed_work = (queue: WorkqueueStruct, work: DelayedWork, delay: number): boolean => {
  if (work_pending(work) || work.cancelling > 0) return false;
  if (delay <= 0) return enqueue(queue, work);
  work.target = queue;
  work.kernel.sched.timers.add(work.timer, wheelDeadline(jiffies(work.kernel) + delay));
  return true;
};

/** Queues an item on the system's queue after some jiffies. */
export const schedule_delayed_work = (work: DelayedWork, delay: number): boolean =>
  queue_delayed_work(work.kernel.sched.systemWorkqueue, work, delay);

/** Queues an item after some jiffies from now, whether or not it was queued; whether it was. */
export const mod_delayed_work = (queue: WorkqueueStruct, work: DelayedWork, delay: number): boolean => {
  const wasPending = work_pending(work);
  unqueue(work);
  queue_delayed_work(queue, work, delay);
  return wasPending;
};

/** Waits until the item is neither queued nor running. False if it was idle. */
export const flush_work = async (work: WorkStruct): Promise<boolean> => {
  work.kernel.sched.mightSleep('flush_work');
  if (!work.pending && !work.running) return false;
  await idle(work);
  return true;
};

/** Waits until everything queued so far has run. */
export const flush_workqueue = async (queue: WorkqueueStruct): Promise<void> => {
  const barrier = new WorkStruct(queue.kernel, () => undefined);
  enqueue(queue, barrier);
  await idle(barrier);
};

/** Waits for everything queued; the queue is not to be used afterwards. */
export const destroy_workqueue = flush_workqueue;

const unqueue = (work: WorkStruct): boolean => {
  const delayed = work instanceof DelayedWork && work.kernel.sched.timers.remove(work.timer);
  if (!work.pending) return delayed;
  work.queue?.remove(work);
  return true;
};

/** Takes the item off its queue, does not wait if it runs; whether it was queued. */
export const cancel_work = (work: WorkStruct): boolean => unqueue(work);
/** As `cancel_work`. */
export const cancel_delayed_work = cancel_work;

/** Takes the item off its queue and waits if it runs; it cannot queue itself again meanwhile. Whether it was queued. */
export const cancel_work_sync = async (work: WorkStruct): Promise<boolean> => {
  work.kernel.sched.mightSleep('cancel_work_sync');
  work.cancelling++;
  const wasPending = unqueue(work);
  try {
    await idle(work);
  } finally {
    work.cancelling--;
  }
  return wasPending;
};

/** As `cancel_work_sync`. */
export const cancel_delayed_work_sync = cancel_work_sync;
