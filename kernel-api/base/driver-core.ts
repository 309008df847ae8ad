import { EAGAIN, EBUSY, EEXIST, EFAULT, ENODEV, ENOENT, ENXIO, EPROBE_DEFER, errnoName } from '../../base/errno';
import { LabError } from '../../base/errors';
import { MemRegions } from '../io/mem-regions';
import type { Kernel } from '../kernel';
import { WorkStruct, flush_work, schedule_work } from '../sched/workqueue';
import { dev_dbg, dev_err } from './dev-printk';
import type { Device } from './device';
import type { BusDriver } from './device-driver';
import type { StructDevice } from './struct-device';

/** What revocation adds to binding and unbinding. Each part is optional; hooks run in the order of their registration. */
export interface RevocationHook {
  /** Before a driver is bound, before the device's DMA is configured. An error number (`-EPROBE_DEFER` too) prevents it. */
  beforeBind?(dev: StructDevice): number | Promise<number>;
  /** Right after `remove` (or a failed probe) and before managed resources are released: nothing freed can be hit. */
  afterRemove?(dev: StructDevice): void | Promise<void>;
  /** Everything of the driver is gone. */
  released?(dev: StructDevice): void | Promise<void>;
}

/** A driver that did not bind, other than by declining or deferring. */
export interface DriverFailure {
  readonly device: string;
  readonly driver: string;
  readonly error: number;
}

/**
 * Devices, drivers, and which is bound to which (`drivers/base/dd.c`, `bus.c`). There is one bus, the platform bus; another
 * one would bring `BusDriver`s of its own.
 */
export class DriverCore {
  readonly kernel: Kernel;
  /** What revocation does around binding. */
  readonly revocation: RevocationHook[] = [];
  /** Probes that failed, in order. */
  readonly failures: DriverFailure[] = [];
  /** Physical ranges that drivers have claimed. */
  readonly iomem = new MemRegions();
  private readonly byName = new Map<string, Device>();
  private readonly registered: BusDriver[] = [];
  private readonly boundOrder: Device[] = [];
  private deferredPending: Device[] = [];
  private deferredActive: Device[] = [];
  private deferredEnabled = false;
  private triggerCount = 0;
  private work: WorkStruct | null = null;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** Nothing to do before the tasks run. */
  init(): void {}

  /** All devices, in the order in which they were added. */
  get devices(): readonly StructDevice[] {
    return [...this.byName.values()];
  }

  /** The names of all drivers, in the order of their registration. */
  get driverNames(): readonly string[] {
    return this.registered.map(({ driver }) => driver.name);
  }

  /** The names of devices whose probe is deferred (`devices_deferred` in debugfs). */
  get deferred(): readonly string[] {
    return [...this.deferredActive, ...this.deferredPending].map(({ name }) => name);
  }

  /** The device on whose behalf the current task runs (`Task.device`); null for none. */
  get owner(): StructDevice | null {
    return this.kernel.sched.current?.device ?? null;
  }

  /** A device by its name; NULL if there is none (`bus_find_device_by_name`). */
  find(name: string): StructDevice | null {
    return this.byName.get(name) ?? null;
  }

  /** Adds a device to the bus and tries the drivers (`device_add`). 0, or `-EEXIST`. */
  async addDevice(dev: Device): Promise<number> {
    if (this.byName.has(dev.name)) return -EEXIST;
    this.byName.set(dev.name, dev);
    dev.registered = true;
    await this.attachDevice(dev);
    return 0;
  }

  /** Unbinds a device and takes it off the bus (`device_del`). */
  async removeDevice(dev: Device): Promise<void> {
    await this.release(dev, null);
    dev.registered = false;
    this.forgetDeferred(dev);
    this.byName.delete(dev.name);
  }

  /** Adds a driver and tries it on all devices. 0, or `-EBUSY` if a driver of that name is there. */
  async registerDriver(driver: BusDriver): Promise<number> {
    const { name } = driver.driver;
    if (this.registered.some((other) => other.driver.name === name)) {
      this.kernel.log.error({}, `Error: Driver '${name}' is already registered, aborting...`);
      return -EBUSY;
    }
    this.registered.push(driver);
    for (const dev of [...this.byName.values()]) {
      if (!dev.registered || !driver.match(dev)) continue;
      await this.locked(dev, () => this.probeDevice(driver, dev));
    }
    return 0;
  }

  /** Unbinds a driver from all its devices, the last bound first, and forgets it. */
  async unregisterDriver(owner: object): Promise<void> {
    const index = this.registered.findIndex((candidate) => candidate.owner === owner);
    if (index < 0) {
      this.kernel.warn('driver_unregister', 'unexpected driver unregister');
      return;
    }
    const [entry] = this.registered.splice(index, 1);
    for (const dev of this.boundOrder.filter((candidate) => candidate.driver === entry!.driver).reverse()) {
      await this.release(dev, entry!);
    }
  }

  /**
   * Writes a device's name to a driver's `bind` file in sysfs. 0; `-ENOENT` if there is no such driver (or it has no such
   * file), `-ENODEV` if there is no such device or it does not match, `-EBUSY` if it has a driver, `-EAGAIN` if the probe is
   * deferred, else what probe returned.
   */
  async bind(driverName: string, deviceName: string): Promise<number> {
    const entry = this.sysfsDriver(driverName);
    if (entry === undefined) return -ENOENT;
    const dev = this.byName.get(deviceName);
    if (dev === undefined || !entry.match(dev)) return -ENODEV;
    const error = -Math.abs(await this.locked(dev, () => this.tryProbe(entry, dev)));
    return error === -EPROBE_DEFER ? -EAGAIN : error + 0;
  }

  /**
   * Writes a device's name to a driver's `unbind` file in sysfs; `remove` has ended when this returns. 0; `-ENOENT` if there
   * is no such driver, `-ENODEV` if it is not bound to that device.
   */
  async unbind(driverName: string, deviceName: string): Promise<number> {
    const entry = this.sysfsDriver(driverName);
    if (entry === undefined) return -ENOENT;
    const dev = this.byName.get(deviceName);
    if (dev?.driver !== entry.driver) return -ENODEV;
    await this.release(dev, entry);
    return 0;
  }

  /** From now on deferred probes are retried (a `late_initcall`); waits for the first round. */
  async enableDeferredProbing(): Promise<void> {
    this.deferredEnabled = true;
    this.triggerDeferred();
    await this.waitForProbes();
  }

  /** Waits until all retries of deferred probes are done (`wait_for_device_probe`). */
  async waitForProbes(): Promise<void> {
    if (this.work !== null) await flush_work(this.work);
  }

  private sysfsDriver(name: string): BusDriver | undefined {
    const entry = this.registered.find(({ driver }) => driver.name === name);
    return entry?.driver.suppress_bind_attrs === true ? undefined : entry;
  }

  private async locked<T>(dev: Device, body: () => Promise<T>): Promise<T> {
    await dev.mutex.lock();
    try {
      return await body();
    } finally {
      dev.mutex.unlock();
    }
  }

  /** `bus_probe_device`: tries the drivers in turn until one binds. */
  private attachDevice(dev: Device): Promise<void> {
    return this.locked(dev, async () => {
      for (const entry of [...this.registered]) {
        if (dev.driver !== null || !dev.registered) return;
        if (!entry.match(dev)) continue;
        if ((await this.probeDevice(entry, dev)) <= 0) return;
      }
    });
  }

  /** `driver_probe_device`: one driver, one device; a deferral is remembered. */
  private async probeDevice(entry: BusDriver, dev: Device): Promise<number> {
    const triggers = this.triggerCount;
    const error = await this.tryProbe(entry, dev);
    if (Math.abs(error) !== EPROBE_DEFER) return error;
    this.defer(dev);
    if (triggers !== this.triggerCount) this.triggerDeferred();
    return error;
  }

  /** 0, a negative error number if probe was not called, or the inverted (positive) error number that it returned. */
  private async tryProbe(entry: BusDriver, dev: Device): Promise<number> {
    if (!dev.registered) return -ENODEV;
    if (dev.driver !== null) return -EBUSY;
    dev.canMatch = true;
    if (dev.devres.count > 0) {
      dev_err(dev, 'has managed resources before it is probed');
      return -EBUSY;
    }
    const error = await this.reallyProbe(entry, dev);
    this.report(entry, dev, -Math.abs(error));
    return error;
  }

  /** The order of `really_probe`: driver set, DMA configured, probe; on failure everything back. */
  private async reallyProbe(entry: BusDriver, dev: Device): Promise<number> {
    dev.driver = entry.driver;
    const unprepared = (await this.beforeBind(dev)) || this.kernel.dma.configure(dev);
    if (unprepared !== 0) {
      await this.unbindCleanup(dev, false);
      return unprepared;
    }
    let error: number;
    try {
      error = await this.callProbe(entry, dev);
    } catch (thrown) {
      this.report(entry, dev, -EFAULT);
      await this.unbindCleanup(dev, true);
      throw thrown;
    }
    if (error === 0) this.driverBound(dev);
    else await this.unbindCleanup(dev, true);
    return Math.abs(error);
  }

  private async beforeBind(dev: Device): Promise<number> {
    for (const hook of this.revocation) {
      const error = (await hook.beforeBind?.(dev)) ?? 0;
      if (error !== 0) return error;
    }
    return 0;
  }

  private async callProbe(entry: BusDriver, dev: Device): Promise<number> {
    const { current } = this.kernel.sched;
    const outer = current?.device ?? null;
    if (current !== null) current.device = dev;
    try {
      const result = await entry.probe(dev);
      if (Number.isInteger(result)) return result;
      throw new LabError(
        `probe of driver '${entry.driver.name}' returned ${describeResult(result)} instead of 0 or an error number`,
      );
    } finally {
      if (current !== null) current.device = outer;
    }
  }

  private driverBound(dev: Device): void {
    dev.bound = true;
    this.boundOrder.push(dev);
    this.forgetDeferred(dev);
    this.triggerDeferred();
  }

  /** Everything after `remove` or a failed probe. Goes through to the end whatever throws on the way. */
  private async unbindCleanup(dev: Device, configured: boolean): Promise<void> {
    const steps: (() => void | Promise<unknown>)[] = [
      () => this.runHooks(dev, 'afterRemove'),
      () => dev.dma.revokeTypedMemory(),
      () => dev.devres.releaseAll(),
      () => (configured ? this.kernel.dma.cleanup(dev) : undefined),
    ];
    const errors: unknown[] = [];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    dev.driver = null;
    dev.driver_data = null;
    dev.bound = false;
    if (errors.length > 0) throw errors[0];
    await this.runHooks(dev, 'released');
  }

  private async runHooks(dev: Device, name: 'afterRemove' | 'released'): Promise<void> {
    for (const hook of this.revocation) await hook[name]?.(dev);
  }

  /** `device_release_driver`: unbinds if that driver (or any) is bound. */
  private release(dev: Device, entry: BusDriver | null): Promise<void> {
    return this.locked(dev, async () => {
      const { driver } = dev;
      if (driver === null || (entry !== null && entry.driver !== driver)) return;
      const bound = entry ?? this.registered.find((candidate) => candidate.driver === driver);
      const errors: unknown[] = [];
      for (const step of [() => bound?.remove(dev), () => this.afterRemove(dev)]) {
        try {
          await step();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length > 0) throw errors[0];
      this.trace('unbind', dev, driver.name, 0);
    });
  }

  private afterRemove(dev: Device): Promise<void> {
    const index = this.boundOrder.indexOf(dev);
    if (index >= 0) this.boundOrder.splice(index, 1);
    return this.unbindCleanup(dev, true);
  }

  private report(entry: BusDriver, dev: Device, error: number): void {
    const { name } = entry.driver;
    if (error === 0) {
      this.trace('bind', dev, name, 0);
    } else if (error === -EPROBE_DEFER) {
      dev_dbg(dev, `Driver ${name} requests probe deferral`);
      this.trace('probe-defer', dev, name, error);
    } else if (error === -ENODEV || error === -ENXIO) {
      dev_dbg(dev, `probe with driver ${name} rejects match ${errnoName(error)}`);
    } else {
      dev_err(dev, `probe with driver ${name} failed with error ${errnoName(error)}`);
      this.failures.push({ device: dev.name, driver: name, error });
      this.trace('probe-failed', dev, name, error);
    }
  }

  private trace(
    type: 'bind' | 'unbind' | 'probe-defer' | 'probe-failed',
    dev: Device,
    driver: string,
    error: number,
  ): void {
    const { trace } = this.kernel;
    if (trace.active) trace.emit({ type, device: dev.name, driver, error });
  }

  private defer(dev: Device): void {
    if (!dev.canMatch || this.deferredPending.includes(dev) || this.deferredActive.includes(dev)) return;
    this.deferredPending.push(dev);
  }

  private forgetDeferred(dev: Device): void {
    this.deferredPending = this.deferredPending.filter((candidate) => candidate !== dev);
    this.deferredActive = this.deferredActive.filter((candidate) => candidate !== dev);
  }

  /** After each successful bind: what was deferred may work now (`driver_deferred_probe_trigger`). */
  private triggerDeferred(): void {
    if (!this.deferredEnabled) return;
    this.triggerCount++;
    this.deferredActive.push(...this.deferredPending.splice(0));
    this.work ??= new WorkStruct(this.kernel, () => this.retryDeferred());
    schedule_work(this.work);
  }

  private async retryDeferred(): Promise<void> {
    for (let dev = this.deferredActive.shift(); dev !== undefined; dev = this.deferredActive.shift()) {
      await this.attachDevice(dev);
    }
  }
}

/** What a driver returned that it should not have; it may be anything. */
const describeResult = (result: unknown): string =>
  typeof result === 'number' || typeof result === 'string' || result === undefined
    ? `'${String(result)}'`
    : `a value of type ${typeof result}`;
