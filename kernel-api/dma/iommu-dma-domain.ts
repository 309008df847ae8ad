import type { IotlbGather } from '../iommu/iotlb-gather';
import type { Kernel } from '../kernel';
import type { PageRuns } from '../iommu/page-runs';

/**
 * What the IOMMU back end needs of an I/O address space, in page numbers. `IommuDomain` implements it.
 *
 * Mapping and unmapping change the tables in memory; `iotlbSync` returns when the IOMMU can no longer use what the
 * gathered pages were mapped to.
 */
export interface IommuDmaDomain {
  readonly kernel: Kernel;
  /** The first and the last page that the tables can map. */
  readonly aperturePageStart: number;
  readonly aperturePageEnd: number;
  /** The leaf sizes, one bit each. */
  readonly pgsize_bitmap: bigint;
  mapPages(iovaPage: number, physPage: number, count: number, prot: number): number;
  mapRuns(iovaPage: number, runs: PageRuns, prot: number): number;
  unmapPages(iovaPage: number, count: number, gather: IotlbGather): number;
  iotlbSync(gather: IotlbGather): void;
  /** Returns when the IOMMU has forgotten everything about the domain. */
  flushIotlbAll(): void;
  /** -1 where nothing is mapped. */
  iovaToPhysPage(iovaPage: number): number;
}
