import { dmaAddrOf, type DmaAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { DmaLimit } from '../dma/dma-limit';
import type { DmaDataDirection } from '../dma/direction';
import { allocIova, protectionOf } from '../dma/iommu-dma';
import type { IommuDmaCookie } from '../dma/iommu-dma-cookie';
import type { IommuDmaDomain } from '../dma/iommu-dma-domain';
import { IotlbGather } from '../iommu/iotlb-gather';
import { OstdError } from './error';

/** Unmaps pages and waits until the IOMMU has forgotten them, also where the DMA API would put that off. */
const unmapRange = (domain: IommuDmaDomain, first: number, pages: number): void => {
  const gather = new IotlbGather();
  domain.unmapPages(first, pages, gather);
  domain.iotlbSync(gather);
};

/**
 * A range of I/O addresses that page frames are mapped at. It may be unmapped piece by piece; the addresses are free for
 * others once all of it is unmapped and the IOMMU has forgotten it.
 */
export class IoRange {
  private readonly cookie: IommuDmaCookie;
  private readonly first: number;
  private readonly pages: number;
  private mapped: number;

  private constructor(cookie: IommuDmaCookie, first: number, pages: number) {
    this.cookie = cookie;
    this.first = first;
    this.pages = pages;
    this.mapped = pages;
  }

  /**
   * Maps page frames for a device. Each has a page-table entry of its own, so that the range can be split anywhere.
   * @throws OstdError `NotEnoughResources`: no addresses; `NoMemory`: no page tables
   */
  static map(dev: StructDevice, pfn: number, pages: number, dir: DmaDataDirection, limit: DmaLimit): IoRange {
    const cookie = dev.dma.iommu!;
    const first = allocIova(dev, pages, limit);
    if (first === 0) throw new OstdError('NotEnoughResources', `no ${pages} pages of I/O addresses for ${dev.name}`);
    const prot = protectionOf(dev, dir, 0);
    for (let page = 0; page < pages; page++) {
      if (cookie.domain.mapPages(first + page, pfn + page, 1, prot) >= 0) continue;
      if (page > 0) unmapRange(cookie.domain, first, page);
      cookie.iovad.freeFast(first, pages);
      throw new OstdError('NoMemory', `no page tables for ${dev.name}`);
    }
    return new IoRange(cookie, first, pages);
  }

  /** Where the range begins. */
  get address(): DmaAddr {
    return dmaAddrOf(this.first, 0);
  }

  /** Unmaps a piece, and waits until the IOMMU has forgotten it. */
  unmap(address: DmaAddr, pages: number): void {
    const page = this.first + Number((address - this.address) >> 12n);
    unmapRange(this.cookie.domain, page, pages);
    this.mapped -= pages;
    if (this.mapped === 0) this.cookie.iovad.freeFast(this.first, this.pages);
  }
}
