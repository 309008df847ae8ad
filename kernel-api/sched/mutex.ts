import type { Kernel } from '../kernel';
import type { Task } from './task';

/** `struct mutex`: one holder, who may sleep. Waiters get it in the order in which they came. */
export class Mutex {
  readonly kernel: Kernel;
  /** What it is called in messages. */
  readonly name: string;
  owner: Task | null = null;
  private held = false;
  private readonly waiters: Task[] = [];

  constructor(kernel: Kernel, name = 'a mutex') {
    this.kernel = kernel;
    this.name = name;
  }

  /** Whether somebody holds it. */
  get locked(): boolean {
    return this.held;
  }

  /** Takes it if it is free. */
  tryLock(): boolean {
    if (this.held) return false;
    this.take(this.kernel.sched.current);
    return true;
  }

  /** Takes it, waiting until it is free. */
  lock(): Promise<void> {
    this.kernel.sched.mightSleep('mutex_lock');
    if (!this.held) {
      this.take(this.kernel.sched.current);
      return Promise.resolve();
    }
    const sleeping = this.kernel.sched.sleep(`${this.name}, held by ${this.describeOwner()}`);
    this.waiters.push(this.kernel.sched.current!);
    return sleeping;
  }

  /** Gives it back, straight to the first waiter if there is one. */
  unlock(): void {
    const { sched } = this.kernel;
    if (!this.held || this.owner !== sched.current) {
      this.kernel.warn(
        'mutex_unlock',
        `${this.name} is ${this.held ? `held by ${this.describeOwner()}` : 'not locked'}`,
      );
      if (!this.held) return;
    }
    const next = this.waiters.shift();
    this.held = false;
    this.owner = null;
    if (next === undefined) return;
    this.take(next);
    sched.wake(next);
  }

  private describeOwner(): string {
    return this.owner === null ? 'nobody' : `task '${this.owner.name}'`;
  }

  private take(task: Task | null): void {
    this.held = true;
    this.owner = task;
  }
}

/** Takes the mutex, waiting until it is free. */
export const mutex_lock = (mutex: Mutex): Promise<void> => mutex.lock();
/** Takes the mutex if it is free; 1 or 0, as in C. */
export const mutex_trylock = (mutex: Mutex): number => (mutex.tryLock() ? 1 : 0);
/** Gives the mutex back. */
export const mutex_unlock = (mutex: Mutex): void => mutex.unlock();
/** Whether somebody holds the mutex. */
export const mutex_is_locked = (mutex: Mutex): boolean => mutex.locked;
