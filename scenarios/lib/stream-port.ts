import { platform_get_drvdata, to_platform_device, type ScenarioContext, type StreamFifoPort } from 'dmalab';

/** Name of the driver that the kernel has built in for the FIFO. */
export const STREAM_DRIVER = 'stream-fifo';

/** The device that the FIFO's driver is bound to, by its name on the bus. */
export const streamDeviceName = (lab: ScenarioContext): string => {
  const device = lab.kernel.drivers.devices.find(({ driver }) => driver?.name === STREAM_DRIVER);
  return device === undefined ? lab.fail('no device is bound to the stream-fifo driver') : device.name;
};

/** The bound FIFO. */
export const streamPort = (lab: ScenarioContext): StreamFifoPort => {
  const device = lab.ok(lab.kernel.drivers.find(streamDeviceName(lab)), 'the FIFO device');
  return platform_get_drvdata<StreamFifoPort>(to_platform_device(device));
};
