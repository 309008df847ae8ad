import { EINVAL, ENODEV, EPROBE_DEFER } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import type { Kernel } from '../kernel';
import type { OfNode } from '../of/of-node';
import { DeviceIommu } from './device-iommu';
import type { IommuFault } from './faults';
import { allocDefaultDomain, bootDomainType, freeDomain, mapReserved, type DefaultDomainType } from './default-domain';
import { IOMMU_DOMAIN_DMA, IOMMU_DOMAIN_IDENTITY } from './iommu-domain';
import { IommuGroup } from './iommu-group';
import type { IommuDevice } from './iommu-ops';
import { of_device_is_available } from '../of/property';
import { iommusOf } from './of-iommu';

/** How many fault records are kept: a device can go on faulting for ever. */
const FAULTS_KEPT = 4096;

/** The IOMMU core (drivers/iommu/iommu.c): which IOMMU serves which device, groups, default domains, faults. */
export class IommuSubsystem {
  private readonly kernel: Kernel;
  private readonly devices: IommuDevice[] = [];
  private nextGroup = 0;
  /** The faults that IOMMUs reported, oldest first: the last 4096. */
  readonly faults: IommuFault[] = [];
  /** How many there were altogether. */
  faultCount = 0;
  /** How often a fault queue was full. What was lost meanwhile nobody knows: the hardware does not count it. */
  faultOverflows = 0;
  private readonly faultListeners: ((fault: IommuFault) => void)[] = [];
  /** What devices are put into when they appear. Set before the IOMMU's driver binds. */
  defaultDomainType: DefaultDomainType;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.defaultDomainType = bootDomainType(kernel);
  }

  /** Records a fault and tells the listeners. */
  reportFault(fault: IommuFault): void {
    this.faultCount++;
    this.faults.push(fault);
    if (this.faults.length > FAULTS_KEPT) this.faults.shift();
    for (const listener of this.faultListeners) listener(fault);
  }

  /** Calls a function at each fault that the kernel reads; the result ends that. */
  onFault(listener: (fault: IommuFault) => void): () => void {
    this.faultListeners.push(listener);
    return () => {
      const index = this.faultListeners.indexOf(listener);
      if (index >= 0) this.faultListeners.splice(index, 1);
    };
  }

  /** See `iommu_device_register`. Devices of the tree that are there already and have no driver yet are taken in. */
  register(iommu: IommuDevice): number {
    this.devices.push(iommu);
    for (const dev of this.kernel.drivers.devices) {
      if (dev.driver === null && dev.iommu === null) this.takeIn(dev);
    }
    iommu.ready = true;
    return 0;
  }

  /** See `iommu_device_unregister`. */
  unregister(iommu: IommuDevice): void {
    for (const dev of this.kernel.drivers.devices) {
      if (dev.iommu?.iommu === iommu) this.releaseDevice(dev);
    }
    const index = this.devices.indexOf(iommu);
    if (index >= 0) this.devices.splice(index, 1);
    iommu.ready = false;
  }

  private deviceOf(node: OfNode): IommuDevice | undefined {
    return this.devices.find((iommu) => iommu.of_node === node);
  }

  /**
   * Finds the IOMMU of a device and makes the device a member of its group's default domain. To be called before a
   * driver is bound; again is harmless.
   *
   * @returns 0; `-ENODEV` if it is behind no IOMMU, or behind one that is disabled or passes everything through;
   *   `-EPROBE_DEFER` while the IOMMU has no driver; another errno if taking it in failed.
   */
  probeDevice(dev: StructDevice): number {
    if (dev.iommu !== null) return 0;
    for (const { node } of iommusOf(dev)) {
      if (!of_device_is_available(node)) return -ENODEV;
      if (this.deviceOf(node)?.ready !== true) return -EPROBE_DEFER;
    }
    return this.takeIn(dev);
  }

  /** `of_iommu_configure` and `__iommu_probe_device`. */
  private takeIn(dev: StructDevice): number {
    const specifiers = iommusOf(dev);
    const iommu = specifiers[0] === undefined ? undefined : this.deviceOf(specifiers[0].node);
    if (iommu === undefined) return -ENODEV;
    const state = new DeviceIommu(iommu.of_node);
    dev.iommu = state;
    const error = this.translateIds(dev, iommu, specifiers) || this.join(dev, state, iommu);
    if (error !== 0) dev.iommu = null;
    return error;
  }

  private translateIds(dev: StructDevice, iommu: IommuDevice, specifiers: ReturnType<typeof iommusOf>): number {
    for (const { node, cells } of specifiers) {
      if (!of_device_is_available(node)) return -ENODEV;
      if (this.deviceOf(node)?.ops !== iommu.ops) return -EINVAL;
      const error = iommu.ops.of_xlate(dev, cells);
      if (error !== 0) return error;
    }
    return 0;
  }

  private join(dev: StructDevice, state: DeviceIommu, iommu: IommuDevice): number {
    const { ops } = iommu;
    const served = ops.probe_device(dev);
    if (typeof served === 'number') return served;
    state.iommu = served;
    const group = ops.device_group(dev);
    if (typeof group === 'number') {
      ops.release_device(dev);
      return group;
    }
    state.group = group;
    group.devices.push(dev);
    const error = group.domain === null ? this.setupDefaultDomain(group, dev) : group.attach(dev, group.domain);
    if (error !== 0) this.releaseDevice(dev);
    else this.kernel.log.debug({ device: dev.name, group: group.id }, 'added to IOMMU group');
    return error;
  }

  /** `iommu_setup_default_domain` for a group's first device. */
  private setupDefaultDomain(group: IommuGroup, dev: StructDevice): number {
    const domain = allocDefaultDomain(group, this.defaultDomainType, null);
    if (typeof domain === 'number') return domain;
    mapReserved(domain, dev);
    group.default_domain = domain;
    return group.setDomainNofail(domain);
  }

  /** `generic_device_group`: a group of the device's own. */
  newGroup(): IommuGroup {
    return new IommuGroup(this.kernel, this.nextGroup++);
  }

  /** `iommu_release_device`: the release domain is attached, and the device leaves. Its group's domain dies with it. */
  releaseDevice(dev: StructDevice): void {
    const state = dev.iommu;
    if (state?.iommu === null || state === null) return;
    const { ops } = state.iommu;
    const { group } = state;
    const parking = state.require_direct ? ops.identity_domain : ops.release_domain;
    parking.attach_dev(dev, group?.domain ?? null);
    ops.release_device(dev);
    if (group !== null) leave(group, dev);
    dev.iommu = null;
  }
}

const leave = (group: IommuGroup, dev: StructDevice): void => {
  const index = group.devices.indexOf(dev);
  if (index >= 0) group.devices.splice(index, 1);
  if (group.devices.length > 0) return;
  if (group.default_domain !== null) freeDomain(group.default_domain);
  group.default_domain = null;
  group.domain = null;
};

/** Devices use physical addresses unless told otherwise (`iommu.passthrough=1`). Before the IOMMU's driver binds. */
export const iommu_set_default_passthrough = (kernel: Kernel): void => {
  kernel.iommu.defaultDomainType = IOMMU_DOMAIN_IDENTITY;
};

/** Devices are translated unless told otherwise (`iommu.passthrough=0`). Before the IOMMU's driver binds. */
export const iommu_set_default_translated = (kernel: Kernel): void => {
  kernel.iommu.defaultDomainType = IOMMU_DOMAIN_DMA;
};
