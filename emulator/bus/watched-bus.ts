import { ObservedBus } from '../cache/observed-bus';
import type { MemoryWatch } from './memory-watch';
import type { PageFlags } from './page-flags';
import type { PhysicalBus } from './physical-bus';

/** The CPU's way to memory on a machine that is watched. */
export class WatchedCpuBus extends ObservedBus {
  private readonly watch: MemoryWatch;
  private readonly pages: PageFlags;
  private readonly uncached: boolean;

  /** @param uncached whether it goes past the cache */
  constructor(bus: PhysicalBus, watch: MemoryWatch, uncached: boolean) {
    super(bus);
    this.watch = watch;
    this.pages = watch.pages;
    this.uncached = uncached;
  }

  protected beforeRead(address: number, length: number): void {
    if (length > 0 && this.pages.anyIn(address, length)) this.watch.cpuRead(address, length, this.uncached);
  }

  protected beforeWrite(address: number, length: number): void {
    if (length > 0 && this.pages.anyIn(address, length)) this.watch.cpuWrite(address, length, this.uncached);
  }

  override copy(from: number, to: number, length: number): number {
    const isWatched = length > 0 && (this.pages.anyIn(from, length) || this.pages.anyIn(to, length));
    if (isWatched) this.watch.cpuCopy(from, to, length, this.uncached);
    return this.bus.copy(from, to, length);
  }
}

/** A bus master's way to memory on a machine that is watched. */
export class WatchedDeviceBus extends ObservedBus {
  private readonly watch: MemoryWatch;
  private readonly requester: number;

  constructor(bus: PhysicalBus, watch: MemoryWatch, requester: number) {
    super(bus);
    this.watch = watch;
    this.requester = requester;
  }

  protected beforeRead(address: number, length: number): void {
    this.watch.deviceRead(this.requester, address, length);
  }

  protected beforeWrite(address: number, length: number): void {
    this.watch.deviceWrite(this.requester, address, length);
  }
}
