import { EBUSY, EIO, ENODEV, EPROBE_DEFER, errnoName } from '../../base/errno';
import { devm_add_action_or_reset } from '../base/devres';
import type { StructDevice } from '../base/struct-device';
import { IS_ERR } from '../err';
import type { Kernel } from '../kernel';
import { dmaengine_synchronize, dmaengine_terminate_sync } from './client';
import { of_dma_request_slave_channel, type OfDma } from './of-dma';
import { DMA_CYCLIC, DMA_MEMCPY, DMA_PRIVATE, DMA_SLAVE, type DmaCapMask, type DmaChan, type DmaDevice } from './types';

/**
 * The dmaengine core (`drivers/dma/dmaengine.c`): which controllers there are, and who holds which channel. Channels are
 * exclusive here: the sharing of public channels between kernel-internal users (`dmaengine_get`) is absent.
 */
export class DmaEngine {
  /** Registered controllers, in the order of their registration. */
  readonly devices: DmaDevice[] = [];
  /** Controllers that can be found through the device tree. */
  readonly ofControllers: OfDma[] = [];
  private readonly kernel: Kernel;
  private nextId = 0;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** Under strict revocation, has unbind take a client's channels away. */
  init(): void {
    if (this.kernel.options.revocation !== 'strict') return;
    this.kernel.drivers.revocation.push({
      afterRemove: (dev) => terminateChannels(this, dev),
      released: (dev) => releaseChannels(this, dev),
    });
  }

  /** A number for a controller that registers. */
  allocateId(): number {
    return this.nextId++;
  }

  /** The channels that a client device holds. */
  channelsOf(client: StructDevice): DmaChan[] {
    return this.devices.flatMap((device) => device.channels.filter((chan) => chan.slave === client));
  }
}

/**
 * Under strict revocation no channel that a careless client still holds runs on after `remove`: it is stopped before the
 * client's managed memory is freed.
 */
const terminateChannels = (engine: DmaEngine, client: StructDevice): void => {
  for (const chan of engine.channelsOf(client)) dmaengine_terminate_sync(chan);
};

/** What the client has not given back by now, it never will. */
const releaseChannels = (engine: DmaEngine, client: StructDevice): void => {
  for (const chan of engine.channelsOf(client)) dma_release_channel(chan);
};

/** `dma_chan_name()`. */
export const dma_chan_name = (chan: DmaChan): string => `dma${chan.device.dev_id}chan${chan.chan_id}`;

const REQUIRED_OPERATIONS = [
  [DMA_MEMCPY, 'device_prep_dma_memcpy'],
  [DMA_CYCLIC, 'device_prep_dma_cyclic'],
  [DMA_SLAVE, 'device_prep_slave_sg'],
] as const;

/** Makes a controller's channels available. 0, or `-EIO` if it claims a capability without the operation. */
export const dma_async_device_register = (device: DmaDevice): number => {
  const engine = device.dev.kernel.dmaengine;
  for (const [capability, operation] of REQUIRED_OPERATIONS) {
    if ((device.cap_mask & capability) === 0 || device[operation] !== undefined) continue;
    device.dev.kernel.log.error(
      { device: device.dev.name },
      `Device claims a capability, but ${operation} is not defined`,
    );
    return -EIO;
  }
  device.dev_id = engine.allocateId();
  device.channels.forEach((chan, index) => (chan.chan_id = index));
  engine.devices.push(device);
  return 0;
};

/**
 * Takes a controller away. Clients that still hold a channel keep a channel that does nothing; it is a warning, as on
 * Linux, since there is no way to make them let go.
 */
export const dma_async_device_unregister = (device: DmaDevice): void => {
  const { kernel } = device.dev;
  for (const chan of device.channels) {
    if (chan.client_count === 0) continue;
    kernel.warn(
      'dma_async_device_unregister',
      `called while ${chan.client_count} clients hold a reference to ${dma_chan_name(chan)}`,
    );
  }
  device.cap_mask |= DMA_PRIVATE;
  const index = kernel.dmaengine.devices.indexOf(device);
  if (index >= 0) kernel.dmaengine.devices.splice(index, 1);
};

/** `dma_async_device_register`, undone when the controller's driver is unbound. */
export const dmaenginem_async_device_register = (device: DmaDevice): number => {
  const error = dma_async_device_register(device);
  if (error !== 0) return error;
  return devm_add_action_or_reset(device.dev, () => dma_async_device_unregister(device), null);
};

const getChannel = (chan: DmaChan): number => {
  if (chan.client_count > 0) return -EBUSY;
  const error = chan.device.device_alloc_chan_resources?.(chan) ?? 0;
  if (error < 0) return error;
  chan.client_count = 1;
  chan.device.privatecnt++;
  chan.device.cap_mask |= DMA_PRIVATE;
  return 0;
};

/** Takes one particular channel for a client; NULL if it is held or has no resources left. For `of_dma_xlate`. */
export const dma_get_slave_channel = (chan: DmaChan): DmaChan | null => (getChannel(chan) === 0 ? chan : null);

/** Takes the controller's first free channel; NULL if there is none. For `of_dma_xlate`. */
export const dma_get_any_slave_channel = (device: DmaDevice): DmaChan | null => {
  const chan = device.channels.find((candidate) => candidate.client_count === 0);
  return chan === undefined ? null : dma_get_slave_channel(chan);
};

/**
 * A channel by the name in the client's `dma-names`. `-EPROBE_DEFER` while the controller has no driver, `-ENODEV` if
 * the device tree names no such channel.
 */
export const dma_request_chan = (dev: StructDevice, name: string): DmaChan | number => {
  const chan = of_dma_request_slave_channel(dev, name);
  if (IS_ERR(chan)) {
    if (chan !== -EPROBE_DEFER) {
      dev.kernel.log.debug({ device: dev.name }, `no DMA channel '${name}': ${errnoName(chan)}`);
    }
    return chan;
  }
  chan.name = `dma:${name}`;
  chan.slave = dev;
  return chan;
};

/** `dma_request_chan`, released when the client's driver is unbound. */
export const devm_dma_request_chan = (dev: StructDevice, name: string): DmaChan | number => {
  const chan = dma_request_chan(dev, name);
  if (IS_ERR(chan)) return chan;
  const error = devm_add_action_or_reset(dev, () => dma_release_channel(chan), null);
  return error === 0 ? chan : error;
};

/**
 * Any free channel with the given capabilities (bits `DMA_MEMCPY` …). `-EPROBE_DEFER` while no controller has a driver,
 * `-ENODEV` if none has such a channel free. The channel belongs to the device on whose behalf the task runs (the one whose
 * probe it executes, or that of the task or work item that was made there), so that revocation finds it; under strict
 * revocation, what an unbound driver left running gets none any more.
 */
export const dma_request_chan_by_mask = (kernel: Kernel, mask: DmaCapMask): DmaChan | number => {
  const { devices } = kernel.dmaengine;
  const { owner } = kernel.drivers;
  if (devices.length === 0) return -EPROBE_DEFER;
  if (owner !== null && owner.driver === null && kernel.options.revocation === 'strict') return -ENODEV;
  for (const device of devices) {
    if ((device.cap_mask & mask) !== mask) continue;
    const chan = dma_get_any_slave_channel(device);
    if (chan === null) continue;
    chan.slave = owner;
    return chan;
  }
  return -ENODEV;
};

/** Gives a channel back. What was queued and not terminated is dropped. */
export const dma_release_channel = (chan: DmaChan): void => {
  const { device } = chan;
  const { kernel } = device.dev;
  if (chan.client_count !== 1) {
    kernel.warn('dma_release_channel', `${dma_chan_name(chan)} reference count ${chan.client_count} != 1`);
    return;
  }
  if (--device.privatecnt === 0 && kernel.dmaengine.devices.includes(device)) device.cap_mask &= ~DMA_PRIVATE;
  chan.client_count = 0;
  dmaengine_synchronize(chan);
  device.device_free_chan_resources?.(chan);
  chan.name = null;
  chan.slave = null;
};
