import type { DmaAddr } from '../../base/address';
import type { StructDevice } from '../../kernel-api/base/struct-device';
import { DeviceDma } from '../../kernel-api/dma/device-dma';
import { DmaSubsystem } from '../../kernel-api/dma/dma-subsystem';
import { IommuDmaCookie, type ReservedIova } from '../../kernel-api/dma/iommu-dma-cookie';
import { iommuOps } from '../../kernel-api/dma/iommu-ops';
import type { Kernel } from '../../kernel-api/kernel';
import { FakeIommuDomain } from './fake-iommu-domain';
import { makeFakeKernel, type FakeKernel, type FakeKernelOptions } from './fake-kernel';

/** A fake kernel with a working DMA API. */
export const makeDmaKernel = (options: FakeKernelOptions = {}): FakeKernel => {
  const kernel = makeFakeKernel(options);
  Object.defineProperty(kernel, 'dma', { value: new DmaSubsystem(kernel) });
  return kernel;
};

/** A device that has DMA settings and nothing else. It is mapped directly. */
export const makeDmaDevice = (kernel: Kernel, name = 'test-device'): StructDevice => {
  const dev: Partial<StructDevice> = {
    kernel,
    name,
    parent: null,
    of_node: null,
    driver: null,
    driver_data: null,
    dma: new DeviceDma(),
    iommu: null,
  };
  return dev as StructDevice;
};

/** Puts a device behind a fake IOMMU. */
export const putBehindIommu = (
  dev: StructDevice,
  domain = new FakeIommuDomain(dev.kernel),
  reserved: readonly ReservedIova[] = [],
): FakeIommuDomain => {
  domain.cookie = new IommuDmaCookie(domain, reserved);
  dev.dma.iommu = domain.cookie;
  dev.dma.ops = iommuOps;
  return domain;
};

/** The physical address behind a DMA address, -1 if the device reaches nothing there. */
export const reach = (dev: StructDevice, address: DmaAddr | bigint): number =>
  dev.dma.ops.toPhysical(dev, address as DmaAddr);
