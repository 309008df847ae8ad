import { EINVAL, ENODEV, ENOMEM } from '../../../base/errno';
import { physAddr } from '../../../base/address';
import { u64 } from '../../../base/u64';
import type { StructDevice } from '../../base/struct-device';
import { out } from '../../err';
import { GFP_KERNEL } from '../../gfp';
import type { Kernel } from '../../kernel';
import { of_property_read_u32 } from '../../of/property';
import { IOMMU_DOMAIN_BLOCKED, IOMMU_DOMAIN_IDENTITY, type IommuDomain } from '../iommu-domain';
import type { IommuGroup } from '../iommu-group';
import type { IommuDevice, IommuOps } from '../iommu-ops';
import { PageTable } from '../page-table';
import { StaticDomain } from '../static-domain';
import { CONTEXT_BLOCKED, CONTEXT_IDENTITY, updateDeviceContexts, type ContextSetting } from './device-context';
import { deviceInfo, RiscvDeviceInfo } from './device-info';
import { IdAllocator } from './id-allocator';
import { RiscvPagingDomain } from './paging-domain';
import { DC_TC, DC_TC_V, MODE_BARE, PSCID_MAX } from './regs';
import type { RiscvIommu } from './riscv-iommu';

/** The driver towards the IOMMU core; one for all RISC-V IOMMUs of a kernel, so that a domain can span several. */
export class RiscvIommuOps implements IommuOps {
  readonly identity_domain: IommuDomain;
  readonly blocked_domain: IommuDomain;
  readonly release_domain: IommuDomain;
  private readonly kernel: Kernel;
  private readonly pscids = new IdAllocator(1, PSCID_MAX);

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.identity_domain = new StaticDomain(kernel, IOMMU_DOMAIN_IDENTITY, (dev) =>
      attachStatic(dev, CONTEXT_IDENTITY),
    );
    this.blocked_domain = new StaticDomain(kernel, IOMMU_DOMAIN_BLOCKED, (dev) => attachStatic(dev, CONTEXT_BLOCKED));
    this.release_domain = this.blocked_domain;
  }

  of_xlate(dev: StructDevice, cells: readonly number[]): number {
    const id = cells[0];
    if (id === undefined || dev.iommu === null) return -EINVAL;
    dev.iommu.ids.push(id);
    return 0;
  }

  /** `-ENODEV`: the IOMMU passes everything through, or an id does not fit its directory. */
  probe_device(dev: StructDevice): IommuDevice | number {
    const state = dev.iommu;
    const iommu = state?.iommuNode === undefined ? undefined : this.iommus.get(state.iommuNode);
    if (state === null || iommu === undefined || state.ids.length === 0) return -ENODEV;
    if (iommu.directory.mode <= MODE_BARE) return -ENODEV;
    for (const id of state.ids) {
      if (!prepareContext(iommu, dev, id)) return -ENODEV;
    }
    state.priv = new RiscvDeviceInfo(iommu);
    for (const id of state.ids) iommu.addDevice(id, dev);
    return iommu;
  }

  release_device(dev: StructDevice): void {
    const { iommu } = deviceInfo(dev);
    for (const id of dev.iommu!.ids) iommu.removeDevice(id, dev);
    dev.iommu!.priv = null;
  }

  /**
   * A group of the device's own, as Linux gives every platform device; or that of the devices behind the same IOMMU whose
   * nodes have the same `dmalab,iommu-group`, which stands for hardware that cannot tell them apart.
   */
  device_group(dev: StructDevice): IommuGroup {
    const { drivers, iommu } = this.kernel;
    const sharing = drivers.devices.find((other) => other !== dev && sharesGroup(other, dev));
    return sharing?.iommu?.group ?? iommu.newGroup();
  }

  /** The widest mode that the IOMMU has. `-ENODEV` without any, `-ENOMEM`. */
  domain_alloc_paging(dev: StructDevice): IommuDomain | number {
    const { iommu } = deviceInfo(dev);
    const levels = iommu.levels;
    if (levels === 0) {
      iommu.error('the IOMMU has no page table mode that this kernel knows');
      return -ENODEV;
    }
    const pscid = this.pscids.alloc();
    if (pscid < 0) return -ENOMEM;
    const table = PageTable.create(this.kernel, { levels, memoryTypes: iommu.memoryTypes }, GFP_KERNEL);
    if (typeof table !== 'number') return new RiscvPagingDomain(table, pscid, this.pscids, iommu);
    this.pscids.free(pscid);
    return table;
  }

  /** The IOMMUs that are in operation, by their nodes. */
  readonly iommus = new Map<unknown, RiscvIommu>();
}

/** The number that a device's node gives its group; null for a group of its own. */
const groupNumber = ({ of_node }: StructDevice): number | null => {
  const number = out(0);
  const error = of_node === null ? -EINVAL : of_property_read_u32(of_node, 'dmalab,iommu-group', number);
  return error === 0 ? number.value : null;
};

/** Whether a device is in the group that another one wants to join: behind the same IOMMU, with the same number. */
const sharesGroup = (member: StructDevice, dev: StructDevice): boolean => {
  const number = groupNumber(dev);
  if (number === null || groupNumber(member) !== number) return false;
  return member.iommu?.group?.devices.includes(member) === true && member.iommu.iommuNode === dev.iommu?.iommuNode;
};

const attachStatic = (dev: StructDevice, setting: ContextSetting): number => {
  const info = deviceInfo(dev);
  updateDeviceContexts(info.iommu, dev, setting);
  info.domain?.unlink(info.iommu);
  info.domain = null;
  return 0;
};

/** Makes room for a context in the directory, not valid yet. */
const prepareContext = (iommu: RiscvIommu, dev: StructDevice, id: number): boolean => {
  const dc = iommu.directory.context(id);
  if (dc < 0) return false;
  const { cpu } = iommu.kernel;
  const tc = u64();
  cpu.load64(physAddr(dc + DC_TC), tc);
  if ((tc.lo & DC_TC_V) !== 0) iommu.warn(`${dev.name}: stands in the device directory already`);
  cpu.store64(physAddr(dc + DC_TC), 0, 0);
  return true;
};
