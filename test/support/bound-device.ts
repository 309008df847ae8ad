import { Devres } from '../../kernel-api/base/devres';
import type { StructDevice } from '../../kernel-api/base/struct-device';
import { asCore, type Core, type Device } from '../../kernel-api/rust/device';
import { makeDmaDevice, makeDmaKernel, putBehindIommu } from './dma-device';
import type { FakeIommuDomain } from './fake-iommu-domain';
import type { FakeKernel, FakeKernelOptions } from './fake-kernel';

/** A device that a driver is bound to, without a driver core. */
export interface BoundDevice {
  readonly kernel: FakeKernel;
  readonly dev: Device<Core>;
  /** The fake IOMMU that it is behind, if it is. */
  readonly domain: FakeIommuDomain | null;
  /** Releases managed resources as the driver core does, forgets the bus windows, and takes the driver away. */
  readonly unbind: () => Promise<void>;
}

/** Makes a device with managed resources on a kernel of its own, or on the given one. */
export const makeBoundDevice = (
  isBehindIommu = false,
  options: FakeKernelOptions = {},
  kernel = makeDmaKernel(options),
): BoundDevice => {
  const dev = makeDmaDevice(kernel) as StructDevice & { driver: unknown };
  Object.assign(dev, { devres: new Devres(dev), driver: { name: 'test-driver' } });
  const domain = isBehindIommu ? putBehindIommu(dev) : null;
  const unbind = async (): Promise<void> => {
    dev.dma.revokeTypedMemory();
    await dev.devres.releaseAll();
    dev.dma.dma_range_map = null;
    dev.driver = null;
  };
  return { kernel, dev: asCore(dev), domain, unbind };
};
