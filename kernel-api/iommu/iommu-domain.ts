import type { DmaAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { IommuDmaCookie } from '../dma/iommu-dma-cookie';
import type { Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import type { IommuOps } from './iommu-ops';
import { IotlbGather } from './iotlb-gather';
import type { PageRuns } from './page-runs';

/** What a mapping allows and is (`include/linux/iommu.h`). */
export const IOMMU_READ = 1 << 0;
export const IOMMU_WRITE = 1 << 1;
/** The device's accesses are coherent with the CPU's caches. */
export const IOMMU_CACHE = 1 << 2;
export const IOMMU_NOEXEC = 1 << 3;
/** The target is a register block. */
export const IOMMU_MMIO = 1 << 4;
/** Only privileged accesses. RISC-V first-stage tables have no such pages for devices: it makes no difference. */
export const IOMMU_PRIV = 1 << 5;

/** All DMA is refused. */
export const IOMMU_DOMAIN_BLOCKED = 'blocked';
/** The device uses physical addresses. */
export const IOMMU_DOMAIN_IDENTITY = 'identity';
/** A translating domain that belongs to whoever allocated it. */
export const IOMMU_DOMAIN_UNMANAGED = 'unmanaged';
/** A translating domain that belongs to the DMA API, where every unmap waits until the IOMMU has forgotten the pages. */
export const IOMMU_DOMAIN_DMA = 'dma';
/** The same, but invalidations are put off and done for many unmaps at a time. */
export const IOMMU_DOMAIN_DMA_FQ = 'dma-fq';

/** One of the `IOMMU_DOMAIN_*` types. */
export type IommuDomainType =
  | typeof IOMMU_DOMAIN_BLOCKED
  | typeof IOMMU_DOMAIN_IDENTITY
  | typeof IOMMU_DOMAIN_UNMANAGED
  | typeof IOMMU_DOMAIN_DMA
  | typeof IOMMU_DOMAIN_DMA_FQ;

/** Told about a fault in the domain; the result is an errno, `-ENOSYS` to have it reported as usual. */
export type IommuFaultHandler = (
  domain: IommuDomain,
  dev: StructDevice,
  iova: DmaAddr,
  flags: number,
  token: unknown,
) => number;

/**
 * `struct iommu_domain`: an I/O address space, of which devices can be members.
 *
 * Addresses are page numbers of 4 KiB here: of the I/O virtual address (up to 52 bits) and of the physical one (up to 44).
 * These methods are the hot path under `dma_map_*`; `iommu_map` and its siblings stand on them.
 */
export abstract class IommuDomain {
  readonly kernel: Kernel;
  type: IommuDomainType;
  /** The driver that made it; null for the static domains. */
  owner: IommuOps | null = null;
  /** A set bit for each size of leaf that the tables can hold. 0 if the domain does not translate. */
  readonly pgsize_bitmap: bigint;
  /** The first page number that can be mapped. */
  readonly aperturePageStart: number;
  /** The last page number that can be mapped. */
  readonly aperturePageEnd: number;
  /** The DMA API's allocator of addresses, in domains of type `dma`. */
  cookie: IommuDmaCookie | null = null;
  handler: IommuFaultHandler | null = null;
  handler_token: unknown = null;

  constructor(kernel: Kernel, type: IommuDomainType, pgsizeBitmap = 0n, apertureEnd = 2 ** 52 - 1) {
    this.kernel = kernel;
    this.type = type;
    this.pgsize_bitmap = pgsizeBitmap;
    this.aperturePageStart = 0;
    this.aperturePageEnd = apertureEnd;
  }

  /** Whether `iommu_map` works on it (`__IOMMU_DOMAIN_PAGING`). */
  get paging(): boolean {
    return this.pgsize_bitmap !== 0n;
  }

  /** Makes a device a member, instead of `old`. 0 or an errno, and then nothing has changed. */
  abstract attach_dev(dev: StructDevice, old: IommuDomain | null): number;

  /**
   * Maps `count` pages. All or nothing: 0, or an errno with nothing mapped (`-EADDRINUSE`: a page is mapped already;
   * `-ERANGE`: an address that the tables cannot hold; `-ENOMEM`; `-EINVAL`, `-EOPNOTSUPP`: the protection).
   */
  abstract mapPages(iovaPage: number, physPage: number, count: number, prot: number, gfp?: Gfp): number;

  /** `mapPages` of runs of pages that follow one another in the I/O address space. All or nothing as well. */
  mapRuns(iovaPage: number, runs: PageRuns, prot: number, gfp?: Gfp): number {
    let mapped = 0;
    for (let run = 0; run < runs.count; run++) {
      const error = this.mapPages(iovaPage + mapped, runs.start[run]!, runs.pages[run]!, prot, gfp);
      if (error < 0) {
        this.undoMap(iovaPage, mapped);
        return error;
      }
      mapped += runs.pages[run]!;
    }
    return 0;
  }

  private undoMap(iovaPage: number, count: number): void {
    if (count === 0) return;
    const gather = new IotlbGather();
    this.unmapPages(iovaPage, count, gather);
    this.iotlbSync(gather);
  }

  /**
   * Takes `count` pages out of the tables and adds them to `gather`; the IOMMU may use the old translations until
   * `iotlbSync`. Stops at the first page that is not mapped. A large leaf goes whole if its start is in the range, so
   * that the result can be more than was asked for; if the range starts inside one, nothing happens.
   * @returns how many pages were taken out.
   */
  abstract unmapPages(iovaPage: number, count: number, gather: IotlbGather): number;

  /** Invalidates what was gathered, waits until the IOMMU has done so, and frees the tables that became empty. */
  abstract iotlbSync(gather: IotlbGather): void;

  /** Invalidates everything that the IOMMU knows of this domain, and waits. */
  abstract flushIotlbAll(): void;

  /** The physical page number behind a page, -1 if it is not mapped. */
  abstract iovaToPhysPage(iovaPage: number): number;

  /** Frees the tables. No device may be a member any more. */
  abstract free(): void;
}

/** Whether a domain belongs to the DMA API (`iommu_is_dma_domain`). */
export const iommu_is_dma_domain = ({ type }: IommuDomain): boolean =>
  type === IOMMU_DOMAIN_DMA || type === IOMMU_DOMAIN_DMA_FQ;
