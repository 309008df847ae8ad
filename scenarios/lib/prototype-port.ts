import {
  PrototypeEngine,
  platform_driver_register,
  platform_driver_unregister,
  platform_get_drvdata,
  prototypeDriver,
  to_platform_device,
  type PrototypeOptions,
  type PrototypePort,
  type PrototypeQueueOptions,
  type ScenarioContext,
  type descriptors,
} from 'dmalab';

type Format = descriptors.Format;

/** A machine's node with an engine that works by a descriptor format. */
export const engineNode = (label: string, format: Format, options: Partial<PrototypeOptions> = {}) => ({
  label,
  compatible: ['dmalab,prototype'],
  device: () => new PrototypeEngine(label, { format, ...options }),
});

/** A bound engine: what requests are submitted to, and what lets go of it in the end. */
export interface BoundEngine {
  readonly port: PrototypePort;
  readonly unbind: () => Promise<void>;
}

/** Has the kernel's driver for a format bind the engine of that format. @param queues how each queue is set up */
export const bindEngine = async (
  lab: ScenarioContext,
  format: Format,
  queues: readonly PrototypeQueueOptions[],
): Promise<BoundEngine> => {
  const { kernel } = lab;
  const driver = prototypeDriver({ format, queues });
  lab.ok(await platform_driver_register(kernel, driver), 'platform_driver_register');
  const bound = kernel.drivers.devices.find((dev) => dev.driver?.name === driver.driver.name);
  const device = lab.ok(bound ?? null, `an engine for ${format.name}`);
  return {
    port: platform_get_drvdata<PrototypePort>(to_platform_device(device)),
    unbind: () => platform_driver_unregister(kernel, driver),
  };
};
