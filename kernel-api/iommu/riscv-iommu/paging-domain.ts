import type { StructDevice } from '../../base/struct-device';
import { GFP_ATOMIC, type Gfp } from '../../gfp';
import { ENODEV } from '../../../base/errno';
import { IOMMU_DOMAIN_UNMANAGED, IommuDomain } from '../iommu-domain';
import { IotlbGather } from '../iotlb-gather';
import type { PageRuns } from '../page-runs';
import type { PageTable } from '../page-table';
import { leafSizes } from '../page-table-format';
import { updateDeviceContexts } from './device-context';
import { deviceInfo } from './device-info';
import type { IdAllocator } from './id-allocator';
import { invalidateGathered } from './invalidation';
import type { RiscvIommu } from './riscv-iommu';

/** An IOMMU through which devices are members of a domain, and how many. */
interface Bond {
  readonly iommu: RiscvIommu;
  devices: number;
}

/** An address space with first-stage page tables, which a soft-context id stands for in the IOMMUs' caches. */
export class RiscvPagingDomain extends IommuDomain {
  readonly table: PageTable;
  readonly pscid: number;
  private readonly pscids: IdAllocator;
  private readonly bonds: Bond[] = [];
  /** For the tables that a mapping replaces by a large leaf. */
  private readonly replaced = new IotlbGather();

  constructor(table: PageTable, pscid: number, pscids: IdAllocator, iommu: RiscvIommu) {
    super(iommu.kernel, IOMMU_DOMAIN_UNMANAGED, leafSizes(table.format.levels), table.lowerHalfEnd - 1);
    this.table = table;
    this.pscid = pscid;
    this.pscids = pscids;
  }

  override attach_dev(dev: StructDevice): number {
    const info = deviceInfo(dev);
    const { levels } = this.table.format;
    if (!info.iommu.supportsLevels(levels)) return -ENODEV;
    this.link(info.iommu);
    const setting = { valid: true, rootPfn: this.table.rootPfn, levels, pscid: this.pscid };
    updateDeviceContexts(info.iommu, dev, setting);
    info.domain?.unlink(info.iommu);
    info.domain = this;
    return 0;
  }

  private link(iommu: RiscvIommu): void {
    const bond = this.bonds.find((candidate) => candidate.iommu === iommu);
    if (bond === undefined) this.bonds.push({ iommu, devices: 1 });
    else bond.devices++;
  }

  /** A device has left: the last one behind an IOMMU takes everything with it that this has cached. */
  unlink(iommu: RiscvIommu): void {
    const index = this.bonds.findIndex((candidate) => candidate.iommu === iommu);
    const bond = this.bonds[index];
    if (bond === undefined || --bond.devices > 0) return;
    this.bonds.splice(index, 1);
    iommu.commands.invalidateSpace(this.pscid);
    iommu.commands.sync();
  }

  override mapPages(iovaPage: number, physPage: number, count: number, prot: number, gfp: Gfp = GFP_ATOMIC): number {
    return this.finishMap(iovaPage, this.table.map(iovaPage, physPage, count, prot, this.replaced, gfp));
  }

  override mapRuns(iovaPage: number, runs: PageRuns, prot: number, gfp: Gfp = GFP_ATOMIC): number {
    return this.finishMap(iovaPage, this.table.mapRuns(iovaPage, runs, prot, this.replaced, gfp));
  }

  private finishMap(iovaPage: number, error: number): number {
    const { replaced } = this;
    const mapped = this.table.lastMapped;
    if (replaced.freelist.length > 0) this.iotlbSync(replaced);
    if (error !== 0) this.undo(iovaPage, mapped);
    return error;
  }

  private undo(iovaPage: number, count: number): void {
    if (count === 0) return;
    this.table.unmap(iovaPage, count, this.replaced);
    this.iotlbSync(this.replaced);
  }

  override unmapPages(iovaPage: number, count: number, gather: IotlbGather): number {
    return this.table.unmap(iovaPage, count, gather);
  }

  override iotlbSync(gather: IotlbGather): void {
    if (!gather.empty) {
      for (const bond of this.bonds) invalidateGathered(bond.iommu, this.pscid, gather);
      for (const bond of this.bonds) bond.iommu.commands.sync();
    }
    this.table.freeGathered(gather);
    gather.init();
  }

  override flushIotlbAll(): void {
    for (const bond of this.bonds) bond.iommu.commands.invalidateSpace(this.pscid);
    for (const bond of this.bonds) bond.iommu.commands.sync();
  }

  override iovaToPhysPage(iovaPage: number): number {
    const page = this.table.lookup(iovaPage);
    return page < 0 ? -1 : page;
  }

  override free(): void {
    if (this.bonds.length > 0) this.kernel.warn('iommu_domain_free', 'devices are still attached to the domain');
    this.pscids.free(this.pscid);
    this.table.destroy();
  }
}
