import { EADDRINUSE, ENOMEM } from '../../base/errno';
import type { StructDevice } from '../../kernel-api/base/struct-device';
import { IOMMU_DOMAIN_DMA, IommuDomain } from '../../kernel-api/iommu/iommu-domain';
import type { IotlbGather } from '../../kernel-api/iommu/iotlb-gather';
import type { Kernel } from '../../kernel-api/kernel';

/** One page of a fake domain. */
export interface FakeMapping {
  readonly physPage: number;
  readonly prot: number;
}

/**
 * An IOMMU domain that is nothing but a map of pages, for tests of the DMA API. Unmapped pages stay in `stale` until the
 * IOTLB is synchronised, as real hardware would still translate them; mapping may be made to fail.
 */
export class FakeIommuDomain extends IommuDomain {
  readonly pages = new Map<number, FakeMapping>();
  readonly stale = new Set<number>();
  /** How many calls of `mapPages` there were, and after how many more the next one fails (0: never). */
  mapCalls = 0;
  failMapAfter = 0;
  /** How many calls of `iotlbSync` there were. */
  syncs = 0;
  /** Called at each synchronisation, before it takes effect. */
  onSync: () => void = () => undefined;

  constructor(kernel: Kernel, apertureEnd = 2 ** 26 - 1, pgsizeBitmap = 0x4020_1000n) {
    super(kernel, IOMMU_DOMAIN_DMA, pgsizeBitmap, apertureEnd);
  }

  attach_dev(_dev: StructDevice, _old: IommuDomain | null): number {
    return 0;
  }

  mapPages(iovaPage: number, physPage: number, count: number, prot: number): number {
    this.mapCalls++;
    if (this.failMapAfter > 0 && --this.failMapAfter === 0) return -ENOMEM;
    for (let i = 0; i < count; i++) if (this.pages.has(iovaPage + i)) return -EADDRINUSE;
    for (let i = 0; i < count; i++) {
      if (this.stale.has(iovaPage + i))
        throw new Error(`I/O page ${iovaPage + i} is handed out while it is still cached`);
      this.pages.set(iovaPage + i, { physPage: physPage + i, prot });
    }
    return 0;
  }

  unmapPages(iovaPage: number, count: number, gather: IotlbGather): number {
    for (let i = 0; i < count; i++) {
      if (!this.pages.delete(iovaPage + i)) return i;
      this.stale.add(iovaPage + i);
      gather.addRange(iovaPage + i, 1);
    }
    return count;
  }

  iotlbSync(gather: IotlbGather): void {
    this.onSync();
    this.syncs++;
    for (const page of this.stale) if (page >= gather.start && page <= gather.end) this.stale.delete(page);
    gather.init();
  }

  flushIotlbAll(): void {
    this.stale.clear();
  }

  iovaToPhysPage(iovaPage: number): number {
    return this.pages.get(iovaPage)?.physPage ?? -1;
  }

  free(): void {
    this.pages.clear();
  }
}
