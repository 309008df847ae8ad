import type { SgTable } from '../scatterlist/sg-table';
import type { IommuDmaDomain } from './iommu-dma-domain';
import { FlushQueue, type FlushQueueOptions } from './iommu-flush-queue';
import { IovaDomain } from './iova';

/** A range of I/O virtual pages that a domain keeps free: both ends included. */
export interface ReservedIova {
  readonly firstPage: number;
  readonly lastPage: number;
}

/**
 * What makes an IOMMU domain usable by the DMA API (`struct iommu_dma_cookie`): the allocator of its addresses, and, where
 * invalidation is lazy, the queue of what waits for it. All devices of a group share it, as they share the domain.
 */
export class IommuDmaCookie {
  readonly domain: IommuDmaDomain;
  readonly iovad: IovaDomain;
  /** Null while every unmap invalidates at once. */
  queue: FlushQueue | null = null;
  /** It has been said once that there are no bounce buffers. */
  toldNoBounce = false;
  /** The pages of memory that was allocated scattered, by the table that describes it. */
  readonly noncontiguous = new Map<SgTable, readonly number[]>();

  /** @param reserved ranges that mean something else to the device or its bus. */
  constructor(domain: IommuDmaDomain, reserved: readonly ReservedIova[]) {
    this.domain = domain;
    this.iovad = new IovaDomain(domain.aperturePageStart, domain.kernel);
    for (const { firstPage, lastPage } of reserved) this.iovad.reserve(firstPage, lastPage);
  }

  /** From now on unmaps are put off (`iommu_dma_init_fq`). Once; there is no way back. */
  useFlushQueue(options: FlushQueueOptions): void {
    this.queue ??= new FlushQueue(this.domain.kernel, this.domain, this.iovad, options);
  }

  /** The domain is at its end (`iommu_put_dma_cookie`). */
  destroy(): void {
    this.queue?.destroy();
    this.iovad.destroy();
  }
}
