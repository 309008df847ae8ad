import type { VirtAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { TimerEntry } from './timer-queue';

/** What a task is doing. */
export type TaskState = 'runnable' | 'running' | 'blocked' | 'ended';

/** What the code of a task is: it may sleep, so it may be async. */
export type TaskBody = () => void | Promise<void>;

/** The memory of a task's kernel stack. */
export interface StackMemory {
  readonly base: VirtAddr;
  readonly size: number;
}

/** A thread of the kernel (`struct task_struct`): plain async code that runs until it waits for something. */
export class Task {
  /** `comm`: what it is called on the trace and in messages. */
  readonly name: string;
  /** Its number, in the order of creation; the first is 1. */
  readonly pid: number;
  readonly body: TaskBody;
  state: TaskState = 'runnable';
  /** What it waits for, in words; empty while it does not wait. */
  waitingFor = '';
  /** How many spinlocks it holds, and other reasons not to be preempted (`preempt_count`). */
  preemptCount = 0;
  /** Its kernel stack, while it lives. */
  stack: StackMemory | null = null;
  /**
   * The device on whose behalf it runs: the one whose probe it executes, or for a task that was made meanwhile, the one
   * of the task that made it. Revocation finds by it what a driver holds.
   */
  device: StructDevice | null = null;
  /** `kthread_stop` was called. */
  shouldStop = false;
  /** What its thread function returned (`kthread_stop` returns it). */
  exitCode = 0;
  /** What its body threw. */
  error: unknown = undefined;
  /** Who waits for its end. */
  readonly joiners: Task[] = [];
  /** Ends a wait that takes too long. */
  readonly timeout: TimerEntry;
  /** Whether the last wait ended by its timeout. */
  timedOut = false;
  /** Lets the body go on after a wait; null before the first. */
  resume: (() => void) | null = null;
  /** The executor of a wait's promise, made once. */
  readonly captureResume: (resolve: () => void) => void;

  constructor(pid: number, name: string, body: TaskBody, onTimeout: (task: Task) => void) {
    this.pid = pid;
    this.name = name;
    this.body = body;
    this.timeout = new TimerEntry(() => onTimeout(this));
    this.captureResume = (resolve) => {
      this.resume = resolve;
    };
  }
}
