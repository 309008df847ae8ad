import { EINVAL } from '../../base/errno';
import { hex } from '../../base/u64';
import { dev_err } from '../base/dev-printk';
import type { StructDevice } from '../base/struct-device';
import type { Kernel } from '../kernel';
import { of_property_read_bool } from '../of/property';
import {
  IOMMU_DOMAIN_BLOCKED,
  IOMMU_DOMAIN_DMA,
  IOMMU_DOMAIN_DMA_FQ,
  IOMMU_DOMAIN_IDENTITY,
  IOMMU_DOMAIN_UNMANAGED,
  type IommuDomain,
} from './iommu-domain';
import type { IommuGroup } from './iommu-group';
import { iommu_get_resv_regions } from './reserved-regions';

/** What domain the DMA API gets for a group of devices (`drivers/iommu/iommu.c`). */

/** The types that a default domain can have. */
export type DefaultDomainType = typeof IOMMU_DOMAIN_DMA | typeof IOMMU_DOMAIN_DMA_FQ | typeof IOMMU_DOMAIN_IDENTITY;

/** How sysfs and the log call the types. */
export const DOMAIN_TYPE_NAMES = {
  [IOMMU_DOMAIN_BLOCKED]: 'blocked',
  [IOMMU_DOMAIN_IDENTITY]: 'identity',
  [IOMMU_DOMAIN_UNMANAGED]: 'unmanaged',
  [IOMMU_DOMAIN_DMA]: 'DMA',
  [IOMMU_DOMAIN_DMA_FQ]: 'DMA-FQ',
} as const;

/**
 * The type for devices that nothing speaks for or against (`iommu_subsys_init`): `iommu.passthrough=1` makes it identity;
 * else `iommu.strict=0` makes invalidation lazy, which is strict unless told otherwise, as the kernel's configuration for
 * everything but x86 and s390 has it.
 */
export const bootDomainType = ({ commandLine }: Kernel): DefaultDomainType => {
  if (commandLine.getBoolean('iommu.passthrough') === true) return IOMMU_DOMAIN_IDENTITY;
  return commandLine.getBoolean('iommu.strict') === false ? IOMMU_DOMAIN_DMA_FQ : IOMMU_DOMAIN_DMA;
};

/** Whether a device may attack. Asked before it is set up for DMA, when only its node says so. */
const isUntrusted = (dev: StructDevice): boolean =>
  dev.dma.untrusted || (dev.of_node !== null && of_property_read_bool(dev.of_node, 'dmalab,untrusted'));

/** `iommu_get_default_domain_type`: an untrusted device has its group translated, and invalidated at once. */
const requiredType = (group: IommuGroup, wanted: DefaultDomainType | null): DefaultDomainType | null | number => {
  const forced = group.devices.some(isUntrusted) ? IOMMU_DOMAIN_DMA : null;
  if (wanted === null) return forced;
  return forced !== null && forced !== wanted ? -EINVAL : wanted;
};

const allocOfType = (dev: StructDevice, type: DefaultDomainType): IommuDomain | number => {
  const ops = dev.iommu!.iommu!.ops;
  if (type === IOMMU_DOMAIN_IDENTITY) return ops.identity_domain;
  const domain = ops.domain_alloc_paging(dev);
  if (typeof domain === 'number') return domain;
  domain.type = type;
  domain.owner = ops;
  return domain;
};

/**
 * A default domain for a group, which is not attached yet; or an errno.
 * @param wanted null for the type that the kernel was booted with, or that the group's devices need
 */
export const allocDefaultDomain = (
  group: IommuGroup,
  fallback: DefaultDomainType,
  wanted: DefaultDomainType | null,
): IommuDomain | number => {
  const type = requiredType(group, wanted);
  if (typeof type === 'number') return type;
  return allocOfType(group.devices[0]!, type ?? fallback);
};

/** `iommu_create_device_direct_mappings`: what firmware wants mapped is mapped before the device is attached. */
export const mapReserved = (domain: IommuDomain, dev: StructDevice): void => {
  for (const region of iommu_get_resv_regions(dev)) {
    if (region.type !== 'direct') continue;
    dev.iommu!.require_direct = true;
    if (!domain.paging) continue;
    const error = domain.mapPages(region.startPage, region.startPage, region.pageCount, region.prot);
    if (error !== 0) dev_err(dev, `cannot map page ${hex(region.startPage)}, which firmware wants mapped: ${error}`);
  }
};

/** Frees a default domain that no device is a member of any more; static ones stay. */
export const freeDomain = (domain: IommuDomain): void => {
  domain.cookie?.destroy();
  domain.cookie = null;
  domain.free();
};
