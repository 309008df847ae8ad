import { dmaAddr, dmaOffsetOf, dmaPageOf, PAGE_SIZE, type DmaAddr, type PhysAddr } from '../../base/address';

/** One window of a bus onto memory: an entry of `dma-ranges` (`struct bus_dma_region`). */
export interface BusDmaRegion {
  readonly cpu_start: PhysAddr;
  readonly dma_start: DmaAddr;
  /** Bytes. */
  readonly size: number;
}

interface Window {
  readonly cpuStart: number;
  readonly size: number;
  readonly dmaStart: bigint;
  readonly dmaPage: number;
  readonly dmaOffset: number;
}

/** How the addresses of a bus differ from physical ones (`dev->dma_range_map`). */
export class DmaRangeMap {
  readonly regions: readonly BusDmaRegion[];
  /** The second half of what `toDmaPage` found: the offset in the page. */
  offset = 0;
  private readonly windows: readonly Window[];

  /** @param regions at least one; the first that contains an address decides. */
  constructor(regions: readonly BusDmaRegion[]) {
    this.regions = regions;
    this.windows = regions.map(({ cpu_start, dma_start, size }) => ({
      cpuStart: cpu_start,
      size,
      dmaStart: dma_start,
      dmaPage: dmaPageOf(dma_start),
      dmaOffset: dmaOffsetOf(dma_start),
    }));
  }

  /** The lowest address of the bus (`dma_range_map_min`). */
  get min(): bigint {
    return this.regions.reduce((least, { dma_start }) => (dma_start < least ? dma_start : least), (1n << 64n) - 1n);
  }

  /** The highest address of the bus (`dma_range_map_max`). */
  get max(): bigint {
    return this.regions.reduce((most, { dma_start, size }) => {
      const last = dma_start + BigInt(size) - 1n;
      return last > most ? last : most;
    }, 0n);
  }

  /** The page at which the bus shows a physical address, its offset in `offset`; -1 if no window has it. */
  toDmaPage(physical: number): number {
    for (const window of this.windows) {
      const distance = physical - window.cpuStart;
      if (distance < 0 || distance >= window.size) continue;
      const low = window.dmaOffset + distance;
      this.offset = low & (PAGE_SIZE - 1);
      return window.dmaPage + Math.floor(low / PAGE_SIZE);
    }
    return -1;
  }

  /** The physical address behind a page number and an offset on the bus; -1 if no window has it. */
  physicalOf(page: number, offset: number): number {
    for (const window of this.windows) {
      const distance = (page - window.dmaPage) * PAGE_SIZE + offset - window.dmaOffset;
      if (distance >= 0 && distance < window.size) return window.cpuStart + distance;
    }
    return -1;
  }

  /** The physical address behind a bus address; -1 if no window has it. Not for hot paths (bigint). */
  toPhysical(address: DmaAddr): number {
    for (const window of this.windows) {
      const distance = address - window.dmaStart;
      if (distance >= 0n && distance < BigInt(window.size)) return window.cpuStart + Number(distance);
    }
    return -1;
  }

  /** The address at which the bus shows a physical address, all ones if no window has it. Not for hot paths. */
  toDma(physical: number): DmaAddr {
    for (const window of this.windows) {
      const distance = physical - window.cpuStart;
      if (distance >= 0 && distance < window.size) return dmaAddr(window.dmaStart + BigInt(distance));
    }
    return dmaAddr(-1n);
  }
}
