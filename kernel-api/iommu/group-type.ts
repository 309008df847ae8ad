import { EINVAL, EPERM } from '../../base/errno';
import { iommu_dma_init_fq, iommu_setup_dma_ops } from '../dma/iommu-dma-setup';
import {
  allocDefaultDomain,
  DOMAIN_TYPE_NAMES,
  freeDomain,
  mapReserved,
  type DefaultDomainType,
} from './default-domain';
import { IOMMU_DOMAIN_DMA, IOMMU_DOMAIN_DMA_FQ, IOMMU_DOMAIN_IDENTITY } from './iommu-domain';
import type { IommuGroup } from './iommu-group';

/** `/sys/kernel/iommu_groups/<n>/type`. */

const TYPES: ReadonlyMap<string, DefaultDomainType | null> = new Map<string, DefaultDomainType | null>([
  ['identity', IOMMU_DOMAIN_IDENTITY],
  ['DMA', IOMMU_DOMAIN_DMA],
  ['DMA-FQ', IOMMU_DOMAIN_DMA_FQ],
  ['auto', null],
]);

/** The type of a group's default domain, as sysfs shows it: `identity`, `DMA`, `DMA-FQ`; `unknown` without one. */
export const iommu_group_show_type = ({ default_domain }: IommuGroup): string =>
  default_domain === null ? 'unknown' : DOMAIN_TYPE_NAMES[default_domain.type];

/** Gives the group another default domain; the old one is gone then. */
const replace = (group: IommuGroup, wanted: DefaultDomainType | null): number => {
  const old = group.default_domain!;
  const domain = allocDefaultDomain(group, group.kernel.iommu.defaultDomainType, wanted);
  if (typeof domain === 'number') return domain;
  if (domain === old) return 0;
  for (const dev of group.devices) mapReserved(domain, dev);
  group.default_domain = domain;
  const error = group.setDomain(domain);
  if (error !== 0) group.default_domain = old;
  freeDomain(error === 0 ? old : domain);
  return error;
};

/**
 * Changes the type of a group's default domain: `identity`, `DMA`, `DMA-FQ`, or `auto` for what it would be at boot.
 * @returns 0; `-EINVAL` (no such type, or not for an untrusted device); `-EPERM` while a driver is bound to one of its
 *   devices, except for the step from `DMA` to `DMA-FQ`
 */
export const iommu_group_store_type = (group: IommuGroup, text: string): number => {
  const wanted = TYPES.get(text.trim());
  const { default_domain: current } = group;
  if (wanted === undefined || current === null) return -EINVAL;
  const [first] = group.devices;
  if (first !== undefined && wanted === IOMMU_DOMAIN_DMA_FQ && current.type === IOMMU_DOMAIN_DMA) {
    iommu_dma_init_fq(current, first);
    current.type = IOMMU_DOMAIN_DMA_FQ;
    return 0;
  }
  if (first === undefined || group.devices.some(({ driver }) => driver !== null)) return -EPERM;
  const error = replace(group, wanted);
  if (error === 0) for (const dev of group.devices) iommu_setup_dma_ops(dev);
  return error;
};
