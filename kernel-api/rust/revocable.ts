import { LabError } from '../../base/errors';
import type { Kernel } from '../kernel';
import { Completion, complete_all, completion_done } from '../sched/completion';
import type { Task } from '../sched/task';

/** Something that can be taken away from those who use it (`rust/kernel/revocable.rs`). It is dropped exactly once. */
export class Revocable<T extends Disposable> {
  readonly kernel: Kernel;
  readonly #data: T;
  readonly #what: string;
  #isAvailable = true;
  #isDropped = false;
  #guards = 0;
  /** Done once no guard is left; made when somebody has to wait for that. */
  #unguarded: Completion | null = null;

  /** @param what names it in messages */
  constructor(kernel: Kernel, data: T, what: string) {
    this.kernel = kernel;
    this.#data = data;
    this.#what = what;
  }

  /** Whether it can be used. */
  get isAvailable(): boolean {
    return this.#isAvailable;
  }

  /** The object. A `LabError` if it is gone. */
  access(): T {
    if (this.#isDropped) throw new LabError(`${this.#what} was used after it was revoked.`);
    return this.#data;
  }

  /** The object, kept from being revoked until the guard is dropped; null if it was revoked. */
  tryAccess(): RevocableGuard<T> | null {
    if (!this.#isAvailable) return null;
    this.#guards++;
    return new RevocableGuard(this, () => {
      this.#guards--;
      if (this.#guards === 0 && this.#unguarded !== null) complete_all(this.#unguarded);
    });
  }

  /** Takes it away from new users; a wait for those who use it now, or null if there are none. */
  close(): Completion | null {
    this.#isAvailable = false;
    if (this.#guards === 0) return null;
    this.#unguarded ??= new Completion(this.kernel, `the end of all uses of ${this.#what}`);
    return completion_done(this.#unguarded) ? null : this.#unguarded;
  }

  /** Takes it away and drops it, unless that is done. */
  revoke(): void {
    this.#isAvailable = false;
    if (this.#isDropped) return;
    this.#isDropped = true;
    this.#data[Symbol.dispose]();
  }
}

/**
 * Access to something that can be revoked, for a scope: `using guard = devres.tryAccess()`. Its holder must not sleep, which the
 * scheduler reports as it does for a spinlock: whoever revokes the object waits.
 */
export class RevocableGuard<T extends Disposable> implements Disposable {
  readonly #revocable: Revocable<T>;
  readonly #leave: () => void;
  readonly #task: Task | null;
  #isHeld = true;

  /** `Revocable.tryAccess` makes one. */
  constructor(revocable: Revocable<T>, leave: () => void) {
    this.#revocable = revocable;
    this.#leave = leave;
    this.#task = revocable.kernel.sched.current;
    if (this.#task !== null) this.#task.preemptCount++;
  }

  /** The object. */
  get value(): T {
    if (!this.#isHeld) throw new LabError('A guard was used after it was dropped.');
    return this.#revocable.access();
  }

  /** Ends the access. Doing so again is harmless. */
  [Symbol.dispose](): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    if (this.#task !== null) this.#task.preemptCount--;
    this.#leave();
  }
}
