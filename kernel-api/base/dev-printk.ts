import { EPROBE_DEFER, errnoName } from '../../base/errno';
import type { StructDevice } from './struct-device';

const fields = (dev: StructDevice): object => ({
  time: dev.kernel.cpu.now,
  device: dev.name,
  ...(dev.driver === null ? {} : { driver: dev.driver.name }),
});

/** Messages about a device (`include/linux/dev_printk.h`); to the log, with the device and its driver as fields. */
export const dev_err = (dev: StructDevice, message: string): void => dev.kernel.log.error(fields(dev), message);
export const dev_warn = (dev: StructDevice, message: string): void => dev.kernel.log.warn(fields(dev), message);
export const dev_info = (dev: StructDevice, message: string): void => dev.kernel.log.info(fields(dev), message);
export const dev_dbg = (dev: StructDevice, message: string): void => dev.kernel.log.debug(fields(dev), message);

/** Reports an error of a probe, quietly if it is only deferred, and returns it. */
export const dev_err_probe = (dev: StructDevice, error: number, message: string): number => {
  const text = `error ${errnoName(error)}: ${message}`;
  if (error === -EPROBE_DEFER) dev_dbg(dev, text);
  else dev_err(dev, text);
  return error;
};
