import { EINVAL, ENOMEM } from '../../base/errno';
import { devm_add_action_or_reset, type DevresRelease } from '../base/devres';
import type { StructDevice } from '../base/struct-device';
import { wait_for_completion } from '../sched/completion';
import { checkBound, type Bound, type Device } from './device';
import { KernelError } from './kernel-error';
import { Owner } from './owner';
import { Revocable, type RevocableGuard } from './revocable';

/** Revokes at unbind: waits for those who use the resource at that moment. */
const release: DevresRelease = (data) => {
  const revocable = data as Revocable<Disposable>;
  const users = revocable.close();
  if (users === null) {
    revocable.revoke();
    return undefined;
  }
  return wait_for_completion(users).then(() => revocable.revoke());
};

/**
 * A resource of a device that must not outlive the binding of its driver (`rust/kernel/devres.rs`). It is dropped when the
 * driver is unbound or when this is dropped, whichever comes first, and can only be used until then.
 */
export class Devres<T extends Disposable> extends Owner {
  readonly #dev: StructDevice;
  readonly #data: Revocable<T>;

  private constructor(dev: StructDevice, data: Revocable<T>) {
    super();
    this.#dev = dev;
    this.#data = data;
  }

  /** Takes `data` over. @throws KernelError `ENOMEM`; `data` is then dropped */
  static new<T extends Disposable>(dev: Device<Bound>, data: T): Devres<T> {
    checkBound(dev, 'Devres.new');
    const revocable = new Revocable(dev.kernel, data, `a resource of ${dev.name}`);
    if (dev.devres.add(release, revocable) === 0) {
      revocable.revoke();
      throw new KernelError(ENOMEM, `no managed resource for ${dev.name}`);
    }
    return new Devres(dev, revocable);
  }

  /** The device. */
  device(): Device {
    return this.#dev;
  }

  /** The resource, by showing that its device is bound. @throws KernelError `EINVAL` if that is another device */
  access(dev: Device<Bound>): T {
    this.checkAlive();
    if (dev !== this.#dev) throw new KernelError(EINVAL, `the resource is one of ${this.#dev.name}`);
    return this.#data.access();
  }

  /** The resource for the scope of the guard, in which nothing may sleep; null once it was revoked. */
  tryAccess(): RevocableGuard<T> | null {
    this.checkAlive();
    return this.#data.tryAccess();
  }

  /** What `body` makes of the resource; null once that was revoked. `body` must not sleep. */
  tryAccessWith<R>(body: (data: T) => R): R | null {
    using guard = this.tryAccess();
    return guard === null ? null : body(guard.value);
  }

  protected override describe(): string {
    return `The Devres of ${this.#dev.name}`;
  }

  protected override release(): void {
    this.#data.revoke();
    this.#dev.devres.remove((candidate, data) => candidate === release && data === this.#data);
  }
}

const drop = (data: Disposable): void => data[Symbol.dispose]();

/** Hands `data` over to the device: it is dropped when the driver is unbound. @throws KernelError `ENOMEM`; dropped then too */
export const devresRegister = (dev: Device<Bound>, data: Disposable): void => {
  checkBound(dev, 'devresRegister');
  if (devm_add_action_or_reset(dev, drop, data) !== 0) throw new KernelError(ENOMEM);
};
