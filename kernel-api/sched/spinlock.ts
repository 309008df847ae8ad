import type { Kernel } from '../kernel';
import { KernelOops } from '../oops';
import type { Task } from './task';

/** What `spin_lock_irqsave` returns: whether interrupts were on. */
export type IrqFlags = boolean;

/**
 * `spinlock_t`. On one CPU nobody spins: a lock that is held will stay held until whoever holds it runs again, and that
 * cannot happen while somebody spins. So the second locker stops with a `KernelOops`. What a real machine shows only now
 * and then is checked each time: sleeping with the lock held, and taking it with interrupts on although an interrupt
 * handler takes it too.
 */
export class SpinLock {
  readonly kernel: Kernel;
  /** What it is called in messages. */
  readonly name: string;
  private holder: string | null = null;
  private holderTask: Task | null = null;
  private usedInHardirq = false;
  private usedWithInterruptsOn = false;
  private inconsistencyTold = false;

  constructor(kernel: Kernel, name = 'a spinlock') {
    this.kernel = kernel;
    this.name = name;
  }

  /** Whether somebody holds it (`spin_is_locked`). */
  get locked(): boolean {
    return this.holder !== null;
  }

  /** Takes the lock. A `KernelOops` if it is held. */
  lock(): void {
    this.checkUsage();
    if (this.holder !== null) {
      throw new KernelOops(`deadlock: ${this.describeContext()} spins on ${this.name}, held by ${this.holder}`);
    }
    this.take();
  }

  /** Takes the lock if it is free. */
  tryLock(): boolean {
    if (this.holder !== null) return false;
    this.take();
    return true;
  }

  /** Gives the lock back. */
  unlock(): void {
    if (this.holder === null) {
      this.kernel.warn('spin_unlock', `${this.name} is not locked`);
      return;
    }
    this.holder = null;
    if (this.holderTask !== null) this.holderTask.preemptCount--;
    this.holderTask = null;
  }

  private take(): void {
    const { current, context } = this.kernel.sched;
    this.holder = context.inInterrupt ? 'an interrupt' : (current?.name ?? 'boot');
    this.holderTask = current;
    if (current !== null) current.preemptCount++;
  }

  private describeContext(): string {
    const { current, context } = this.kernel.sched;
    return context.inInterrupt ? 'an interrupt' : `task '${current?.name ?? 'boot'}'`;
  }

  /** The part of lockdep that matters on one CPU: the holder must not be interruptible by another locker. */
  private checkUsage(): void {
    const { kernel } = this;
    if (kernel.sched.context.inHardirq) this.usedInHardirq = true;
    else if (kernel.cpu.interruptsEnabled) this.usedWithInterruptsOn = true;
    if (!this.usedInHardirq || !this.usedWithInterruptsOn || this.inconsistencyTold) return;
    this.inconsistencyTold = true;
    kernel.warn(
      'spin_lock',
      `inconsistent lock state: ${this.name} is taken in a hard interrupt, and elsewhere with interrupts on`,
    );
  }
}

/** Takes the lock; interrupts stay as they are. */
export const spin_lock = (lock: SpinLock): void => lock.lock();
/** Gives the lock back. */
export const spin_unlock = (lock: SpinLock): void => lock.unlock();
/** Takes the lock if it is free. */
export const spin_trylock = (lock: SpinLock): boolean => lock.tryLock();
/** Whether somebody holds the lock. */
export const spin_is_locked = (lock: SpinLock): boolean => lock.locked;

/** Disables interrupts and takes the lock. The result goes to `spin_unlock_irqrestore`. */
export const spin_lock_irqsave = (lock: SpinLock): IrqFlags => {
  const flags = lock.kernel.cpu.setInterruptsEnabled(false);
  lock.lock();
  return flags;
};

/** Gives the lock back and puts interrupts back to what they were. */
export const spin_unlock_irqrestore = (lock: SpinLock, flags: IrqFlags): void => {
  lock.unlock();
  lock.kernel.cpu.setInterruptsEnabled(flags);
};

/** Disables interrupts and takes the lock. */
export const spin_lock_irq = (lock: SpinLock): void => {
  lock.kernel.cpu.setInterruptsEnabled(false);
  lock.lock();
};

/** Gives the lock back and enables interrupts. */
export const spin_unlock_irq = (lock: SpinLock): void => {
  lock.unlock();
  lock.kernel.cpu.setInterruptsEnabled(true);
};

/** Holds softirqs back and takes the lock. */
export const spin_lock_bh = (lock: SpinLock): void => {
  lock.kernel.sched.context.disableBottomHalves();
  lock.lock();
};

/** Gives the lock back; softirqs that were held back run now. */
export const spin_unlock_bh = (lock: SpinLock): void => {
  lock.unlock();
  lock.kernel.sched.context.enableBottomHalves();
};
