import { LabError } from '../../base/errors';
import type { StructDevice } from '../base/struct-device';

/**
 * Devices with what is known about them (`rust/kernel/device.rs`): a `Device<Bound>` has a driver, a `Device<Core>` is one
 * whose driver is being bound or unbound, by the code that does it. What needs a driver takes a `Device<Bound>`, so that
 * calling it with just any device does not compile.
 */
declare const context: unique symbol;

/** Nothing is known. */
export interface Normal {
  readonly normal: true;
}
/** A driver is bound. */
export interface Bound extends Normal {
  readonly bound: true;
}
/** The code is a bus callback, such as `probe`: nobody else uses the device yet. */
export interface Core extends Bound {
  readonly core: true;
}

/** A device in a context. One of a stricter context can be used where a weaker one is enough. */
export type Device<C extends Normal = Normal> = StructDevice & {
  readonly [context]?: C;
} & (C extends Bound ? { readonly [context]: C } : unknown);

/**
 * The device with the knowledge that a driver is bound. The value is good until the driver is unbound; that this is so is
 * checked each time it is used. A `LabError` if there is no driver.
 */
export const asBound = (dev: StructDevice): Device<Bound> => {
  checkBound(dev, 'asBound');
  return dev as Device<Bound>;
};

/** The device as its `probe` or `remove` sees it: for these callbacks only, which nothing can check. */
export const asCore = (dev: StructDevice): Device<Core> => {
  checkBound(dev, 'asCore');
  return dev as Device<Core>;
};

/** Throws if no driver is bound: a `Device<Bound>` was kept for too long. */
export const checkBound = (dev: StructDevice, where: string): void => {
  if (dev.driver === null) {
    throw new LabError(`${where}: no driver is bound to device ${dev.name}. A Device<Bound> ends with its driver.`);
  }
};
