import { dmaPageOf, PAGE_SIZE, physAddr, type DmaAddr, type PhysAddr } from '../../base/address';
import { EINVAL, ENODEV } from '../../base/errno';
import { hex } from '../../base/u64';
import type { StructDevice } from '../base/struct-device';
import { dma_set_master } from '../dma/admission';
import { GFP_KERNEL, type Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { nextEntry, entryLength, entryOffset, entryPfn } from '../scatterlist/raw';
import type { Scatterlist } from '../scatterlist/scatterlist';
import { freeDomain } from './default-domain';
import { IOMMU_DOMAIN_BLOCKED, IOMMU_DOMAIN_IDENTITY, IOMMU_DOMAIN_UNMANAGED, type IommuDomain } from './iommu-domain';
import type { IommuGroup } from './iommu-group';
import type { IommuDevice, IommuOps } from './iommu-ops';
import { IotlbGather } from './iotlb-gather';

/**
 * The API of `include/linux/iommu.h`, with byte addresses. It checks its arguments and turns them into page numbers; the
 * DMA API uses the domains' own methods.
 */

/** Makes an IOMMU known under its device; devices that were waiting for it are taken in. 0 or an errno. */
export const iommu_device_register = (kernel: Kernel, iommu: IommuDevice, ops: IommuOps, dev: StructDevice): number =>
  iommu.ops === ops && iommu.dev === dev ? kernel.iommu.register(iommu) : -EINVAL;

/** Lets go of all devices behind an IOMMU, and forgets it. */
export const iommu_device_unregister = (iommu: IommuDevice): void => iommu.dev.kernel.iommu.unregister(iommu);

/** A translating domain of one's own, which the device can join; or an errno. */
export const iommu_paging_domain_alloc = (dev: StructDevice): IommuDomain | number => {
  const ops = dev.iommu?.iommu?.ops;
  if (ops === undefined) return -ENODEV;
  const domain = ops.domain_alloc_paging(dev);
  if (typeof domain === 'number') return domain;
  domain.type = IOMMU_DOMAIN_UNMANAGED;
  domain.owner = ops;
  return domain;
};

/** Frees a domain. No device may be a member. */
export const iommu_domain_free = (domain: IommuDomain): void => freeDomain(domain);

/** Whether a domain can be attached to a device: made by its IOMMU's driver, or one of that driver's static ones. */
const compatible = (dev: StructDevice, domain: IommuDomain): boolean => {
  const ops = dev.iommu?.iommu?.ops;
  if (ops === undefined) return false;
  return domain.owner === ops || domain === ops.blocked_domain || domain === ops.identity_domain;
};

/**
 * Moves a device from the DMA API's domain to another. `-ENODEV` without an IOMMU, `-EINVAL` if it shares its group or
 * the domain is another driver's, `-EBUSY` while yet another domain is attached.
 */
export const iommu_attach_device = (domain: IommuDomain, dev: StructDevice): number => {
  const group = dev.iommu?.group;
  if (group === undefined || group === null) return -ENODEV;
  if (group.devices.length !== 1 || !compatible(dev, domain)) return -EINVAL;
  return attach(group, domain);
};

/** A driver that attaches a domain of its own maps there, and means its devices to reach that. */
const attach = (group: IommuGroup, domain: IommuDomain): number => {
  const error = group.attachOwned(domain);
  if (error === 0) group.devices.forEach(dma_set_master);
  return error;
};

/** Moves a device back to the DMA API's domain. */
export const iommu_detach_device = (domain: IommuDomain, dev: StructDevice): void => {
  const group = dev.iommu?.group;
  if (group === undefined || group === null) return;
  if (group.domain !== domain || group.devices.length !== 1 || group.default_domain === null) {
    dev.kernel.warn('iommu_detach_device', `${dev.name} is not attached to this domain`);
    return;
  }
  group.setDomainNofail(group.default_domain);
};

/** The group that a device belongs to; null if it is behind no IOMMU (`iommu_group_get`, without a reference to put). */
export const iommu_group_get = (dev: StructDevice): IommuGroup | null => dev.iommu?.group ?? null;

/** Moves all devices of a group to a domain: `-EINVAL` if it is another driver's, `-EBUSY` while yet another is attached. */
export const iommu_attach_group = (domain: IommuDomain, group: IommuGroup): number => {
  if (!group.devices.every((dev) => compatible(dev, domain))) return -EINVAL;
  return attach(group, domain);
};

/** Moves all devices of a group back to the DMA API's domain. */
export const iommu_detach_group = (_domain: IommuDomain, group: IommuGroup): void => {
  if (group.default_domain !== null) group.setDomainNofail(group.default_domain);
};

/** The domain that a device is a member of; null if it is behind no IOMMU. */
export const iommu_get_domain_for_dev = (dev: StructDevice): IommuDomain | null => dev.iommu?.domain ?? null;

/** The domain of the DMA API, whatever is attached at the moment; null if the device is behind no IOMMU. */
export const iommu_get_dma_domain = (dev: StructDevice): IommuDomain | null => dev.iommu?.group?.default_domain ?? null;

const misaligned = (iova: DmaAddr, size: number): boolean => (Number(iova & 0xfffn) | (size % PAGE_SIZE)) !== 0;

/**
 * Maps a range of `iova` to physical memory. 0, or an errno with nothing mapped: `-EINVAL` (a domain that does not
 * translate, an address or size that is not whole pages), otherwise see `IommuDomain.mapPages`.
 */
export const iommu_map = (
  domain: IommuDomain,
  iova: DmaAddr,
  paddr: PhysAddr,
  size: number,
  prot: number,
  gfp: Gfp = GFP_KERNEL,
): number => {
  if (!domain.paging) {
    domain.kernel.warn('iommu_map', `a domain of type ${domain.type} has no mappings`);
    return -EINVAL;
  }
  if (misaligned(iova, size) || paddr % PAGE_SIZE !== 0) {
    domain.kernel.log.error({ iova: hex(iova), paddr: hex(paddr), size }, 'iommu_map: unaligned');
    return -EINVAL;
  }
  return domain.mapPages(dmaPageOf(iova), paddr / PAGE_SIZE, size / PAGE_SIZE, prot, gfp);
};

/** Unmaps without invalidating: `iommu_iotlb_sync` is the caller's duty. @returns the bytes that were unmapped. */
export const iommu_unmap_fast = (domain: IommuDomain, iova: DmaAddr, size: number, gather: IotlbGather): number => {
  if (!domain.paging) {
    domain.kernel.warn('iommu_unmap', `a domain of type ${domain.type} has no mappings`);
    return 0;
  }
  if (misaligned(iova, size)) {
    domain.kernel.log.error({ iova: hex(iova), size }, 'iommu_unmap: unaligned');
    return 0;
  }
  return domain.unmapPages(dmaPageOf(iova), size / PAGE_SIZE, gather) * PAGE_SIZE;
};

/** Invalidates what was gathered, and empties the gather. */
export const iommu_iotlb_sync = (domain: IommuDomain, gather: IotlbGather): void => {
  if (!gather.empty) domain.iotlbSync(gather);
  gather.init();
};

/** Unmaps a range and waits until no device can use it. @returns the bytes that were unmapped. */
export const iommu_unmap = (domain: IommuDomain, iova: DmaAddr, size: number): number => {
  const gather = new IotlbGather();
  const unmapped = iommu_unmap_fast(domain, iova, size, gather);
  iommu_iotlb_sync(domain, gather);
  return unmapped;
};

/**
 * Maps the memory of a list, one entry after the other, from `iova` on. Entries that follow one another in physical memory
 * are mapped as one, so that only the ends of such a run have to be page boundaries.
 * @returns the bytes that were mapped; or an errno, and then nothing is.
 */
export const iommu_map_sg = (
  domain: IommuDomain,
  iova: DmaAddr,
  sg: Scatterlist,
  nents: number,
  prot: number,
  gfp: Gfp = GFP_KERNEL,
): number => {
  const { kernel } = sg;
  let mapped = 0;
  let entry = sg.address;
  let start = 0;
  let length = 0;
  for (let i = 0; i <= nents; i++) {
    const phys = i < nents ? entryPfn(kernel, entry) * PAGE_SIZE + entryOffset(kernel, entry) : -1;
    if (length > 0 && phys !== start + length) {
      const error = iommu_map(domain, (iova + BigInt(mapped)) as DmaAddr, physAddr(start), length, prot, gfp);
      if (error < 0) {
        iommu_unmap(domain, iova, mapped);
        return error;
      }
      mapped += length;
      length = 0;
    }
    if (i === nents) break;
    if (length === 0) start = phys;
    length += entryLength(kernel, entry);
    if (i + 1 < nents) entry = nextEntry(kernel, entry);
  }
  return mapped;
};

/** The physical address behind an address of a domain; 0 if nothing is mapped there. */
export const iommu_iova_to_phys = (domain: IommuDomain, iova: DmaAddr): PhysAddr => {
  if (domain.type === IOMMU_DOMAIN_IDENTITY) return physAddr(Number(iova));
  if (domain.type === IOMMU_DOMAIN_BLOCKED) return physAddr(0);
  const page = domain.iovaToPhysPage(dmaPageOf(iova));
  return physAddr(page < 0 ? 0 : page * PAGE_SIZE + Number(iova & 0xfffn));
};
