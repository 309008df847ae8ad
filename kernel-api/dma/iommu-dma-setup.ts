import { EFAULT } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import { IOMMU_DOMAIN_DMA_FQ, iommu_is_dma_domain, type IommuDomain } from '../iommu/iommu-domain';
import { iommu_get_resv_regions } from '../iommu/reserved-regions';
import { directOps } from './direct';
import { IommuDmaCookie } from './iommu-dma-cookie';
import { PER_CPU_FLUSH_QUEUE, SINGLE_FLUSH_QUEUE } from './iommu-flush-queue';
import { iommuOps } from './iommu-ops';

/** Choosing the back end of a device behind an IOMMU (`drivers/iommu/dma-iommu.c`). */

/** `iommu_dma_init_domain`: the first device of a domain decides which addresses are kept free. 0 or `-EFAULT`. */
const initDomain = (domain: IommuDomain, dev: StructDevice): number => {
  const map = dev.dma.dma_range_map;
  const first = BigInt(domain.aperturePageStart) << 12n;
  const last = (BigInt(domain.aperturePageEnd) << 12n) | 0xfffn;
  if (map !== null && (map.min > last || map.max < first)) {
    dev.kernel.log.warn({ device: dev.name }, 'the bus leads to no address that the IOMMU translates');
    return -EFAULT;
  }
  if (domain.cookie !== null) return 0;
  const reserved = iommu_get_resv_regions(dev).map(({ startPage, pageCount }) => ({
    firstPage: startPage,
    lastPage: startPage + pageCount - 1,
  }));
  domain.cookie = new IommuDmaCookie(domain, reserved);
  if (domain.type === IOMMU_DOMAIN_DMA_FQ) iommu_dma_init_fq(domain, dev);
  return 0;
};

/** Invalidation in the domain of a device is lazy from now on. */
export const iommu_dma_init_fq = (domain: IommuDomain, dev: StructDevice): void => {
  const options = dev.iommu?.shadow_on_flush === true ? SINGLE_FLUSH_QUEUE : PER_CPU_FLUSH_QUEUE;
  domain.cookie?.useFlushQueue(options);
};

/**
 * Maps the device's buffers through the default domain of its group if that translates, else directly
 * (`iommu_setup_dma_ops`).
 */
export const iommu_setup_dma_ops = (dev: StructDevice): void => {
  const { dma } = dev;
  const domain = dev.iommu?.group?.default_domain ?? null;
  dma.ops = directOps;
  dma.iommu = null;
  if (dev.kernel.commandLine.getBoolean('iommu.forcedac') === true) dma.pci_32bit_workaround = false;
  if (domain === null || !iommu_is_dma_domain(domain)) return;
  if (initDomain(domain, dev) !== 0) {
    const message = `there is no I/O address space for ${dev.name}: it goes on without one`;
    dev.kernel.log.warn({ device: dev.name }, message);
    return;
  }
  dma.iommu = domain.cookie;
  dma.ops = iommuOps;
};
