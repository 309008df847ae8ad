import type { StructDevice } from './struct-device';

/** `struct of_device_id`: a device that a driver knows, and what the driver wants to remember about it. */
export interface OfDeviceId {
  readonly compatible: string;
  readonly data?: unknown;
}

/** `struct device_driver`: a driver as the driver core sees it. */
export interface DeviceDriver {
  /** Its name on the bus; unique there. */
  readonly name: string;
  /** The `compatible` strings that it drives, best match first. */
  readonly of_match_table?: readonly OfDeviceId[];
  /** It cannot be bound and unbound by name. */
  readonly suppress_bind_attrs?: boolean;
}

/** A driver with what its bus makes of it: matching, and the calls with the bus's own type of device. */
export interface BusDriver {
  readonly driver: DeviceDriver;
  /** The driver object that was registered, for the driver core to find it again. */
  readonly owner: object;
  match(dev: StructDevice): boolean;
  probe(dev: StructDevice): number | Promise<number>;
  remove(dev: StructDevice): void | Promise<void>;
}
