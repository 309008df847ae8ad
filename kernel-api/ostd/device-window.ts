import { dmaAddr, PAGE_SIZE, physAddr, type DmaAddr, type PhysAddr } from '../../base/address';
import { hex } from '../../base/u64';
import type { StructDevice } from '../base/struct-device';
import { dma_set_master } from '../dma/admission';
import { directToDma } from '../dma/direct-address';
import type { DmaDataDirection } from '../dma/direction';
import type { DmaLimit } from '../dma/dma-limit';
import { DMA_MAPPING_ERROR } from '../dma/dma-address';
import { traceMap, traceSync, traceUnmap } from '../dma/dma-trace';
import { KernelOops } from '../oops';
import { OstdError } from './error';
import { IoRange } from './io-range';

/** Page frames that a device is to reach. */
export interface Reach {
  readonly pfn: number;
  readonly pages: number;
  readonly dir: DmaDataDirection;
  /** The highest address that the device can emit for this. */
  readonly limit: DmaLimit;
}

/** Whether the device's bus shows page frames to it, below its limit. Behind an IOMMU that makes no difference. */
export const isReachable = (dev: StructDevice, pfn: number, pages: number, limit: DmaLimit): boolean => {
  if (dev.dma.iommu !== null) return true;
  const map = dev.dma.dma_range_map;
  const page = map === null ? pfn : map.toDmaPage(physAddr(pfn * PAGE_SIZE));
  return page >= 0 && limit.covers(page, map === null ? 0 : map.offset, pages * PAGE_SIZE);
};

/** Throws unless memory can be prepared for the device now. */
export const checkDevice = (dev: StructDevice, where: string): void => {
  dev.kernel.sched.mightSleep(where);
  if (dev.driver === null) throw new OstdError('AccessDenied', `no driver is bound to ${dev.name}`);
  if (dev.dma.dma_mask === null) throw new OstdError('AccessDenied', `${dev.name} does no DMA`);
};

/**
 * The device's side of a `DmaStream` or `DmaCoherent`: where it reaches page frames (`prepare_dma`, `unprepare_dma`). It is
 * closed when its owner is dropped, or before that when the device loses its driver.
 */
export class DeviceWindow {
  readonly dev: StructDevice;
  readonly pfn: number;
  readonly pages: number;
  private readonly dir: DmaDataDirection;
  private readonly start: DmaAddr;
  /** Null without an IOMMU: the device reaches the frames where its bus shows them. */
  private readonly range: IoRange | null;
  private isOpen = true;

  private constructor(
    dev: StructDevice,
    reach: Pick<Reach, 'pfn' | 'pages' | 'dir'>,
    start: DmaAddr,
    range: IoRange | null,
  ) {
    this.dev = dev;
    this.pfn = reach.pfn;
    this.pages = reach.pages;
    this.dir = reach.dir;
    this.start = start;
    this.range = range;
  }

  /**
   * Lets a device reach page frames. A frame that it reaches already stops the kernel, as in a debug build of the source.
   * @throws OstdError `InvalidArgs`: the device cannot emit their addresses; `NotEnoughResources`, `NoMemory`
   */
  static open(dev: StructDevice, reach: Reach): DeviceWindow {
    const { pfn, pages, dir, limit } = reach;
    const shown = dev.dma.ostdWindows.firstShown(pfn, pages);
    if (shown >= 0) throw new KernelOops(`page frame ${hex(shown)} is mapped for ${dev.name} already`);
    if (!isReachable(dev, pfn, pages, limit)) {
      throw new OstdError('InvalidArgs', `${dev.name} does not reach ${hex(pfn * PAGE_SIZE)}+${pages * PAGE_SIZE}`);
    }
    const phys = physAddr(pfn * PAGE_SIZE);
    const range = dev.dma.iommu === null ? null : IoRange.map(dev, pfn, pages, dir, limit);
    const window = new DeviceWindow(dev, reach, range?.address ?? directToDma(dev, phys), range);
    dev.dma.ostdWindows.add(window);
    dma_set_master(dev);
    if (dev.kernel.trace.active) traceMap(dev, 'stream', phys, window.start, pages * PAGE_SIZE, dir, 0);
    return window;
  }

  /** Where the device finds the first frame. @throws OstdError `AccessDenied` once the window is closed */
  get address(): DmaAddr {
    if (!this.isOpen)
      throw new OstdError('AccessDenied', `${this.dev.name} has lost its driver, and with it its mappings`);
    return this.start;
  }

  /** Where the first frame is. */
  get paddr(): PhysAddr {
    return physAddr(this.pfn * PAGE_SIZE);
  }

  /** Tells the trace of a sync. */
  traceSync(type: 'dma-sync-for-cpu' | 'dma-sync-for-device', offset: number, length: number): void {
    const { dev } = this;
    const address = this.isOpen ? dmaAddr(this.start + BigInt(offset)) : DMA_MAPPING_ERROR;
    if (dev.kernel.trace.active) traceSync(dev, type, address, length, this.dir);
  }

  /** Makes two windows of this one, at a page of it. */
  split(page: number): [DeviceWindow, DeviceWindow] {
    const { dev, pfn, pages, dir, start, range } = this;
    const address = dmaAddr(start + BigInt(page * PAGE_SIZE));
    const low = new DeviceWindow(dev, { pfn, pages: page, dir }, start, range);
    const high = new DeviceWindow(dev, { pfn: pfn + page, pages: pages - page, dir }, address, range);
    if (this.isOpen) dev.dma.ostdWindows.replace(this, low, high);
    else low.isOpen = high.isOpen = false;
    this.isOpen = false;
    return [low, high];
  }

  /** The device reaches the frames no longer, once this returns. Closing again is harmless. */
  close(): void {
    if (!this.isOpen) return;
    const { dev, start, pages, range } = this;
    if (dev.kernel.trace.active) traceUnmap(dev, 'stream', start, pages * PAGE_SIZE, this.dir, 0);
    range?.unmap(start, pages);
    dev.dma.ostdWindows.delete(this);
    this.isOpen = false;
  }
}
