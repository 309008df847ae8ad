import type { IommuDmaDomain } from './iommu-dma-domain';
import { IovaDomain } from './iova';

/** A range of I/O virtual pages that a domain keeps free: both ends included. */
export interface ReservedIova {
  readonly firstPage: number;
  readonly lastPage: number;
}

/**
 * What makes an IOMMU domain usable by the DMA API (`struct iommu_dma_cookie`): the allocator of its addresses. All devices
 * of a group share it, as they share the domain.
 */
export class IommuDmaCookie {
  readonly domain: IommuDmaDomain;
  readonly iovad: IovaDomain;

  /** @param reserved ranges that mean something else to the device or its bus. */
  constructor(domain: IommuDmaDomain, reserved: readonly ReservedIova[]) {
    this.domain = domain;
    this.iovad = new IovaDomain(domain.aperturePageStart);
    for (const { firstPage, lastPage } of reserved) this.iovad.reserve(firstPage, lastPage);
  }
}
