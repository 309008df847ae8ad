import type { CacheGeometry } from '../options';
import type { RecentTranslations } from './recent';

/** `DeviceContext.space` if the first stage is Bare: there is no address space. */
export const NO_SPACE = -1;

const NO_DEVICE = -1;

/** What translation needs of a device context. */
export class DeviceContext {
  /** `device_id`; -1 while the object holds no context. */
  device = NO_DEVICE;
  /** `PSCID`, or `NO_SPACE` if the first stage is Bare. */
  space = NO_SPACE;
  /** Levels of the first-stage page table; 0 if Bare. */
  levels = 0;
  /** Page number of its root. */
  root = 0;
  /** `tc.SADE`: A and D bits are set in memory rather than faulted on. */
  updatesAccessedDirty = false;
  /** `tc.DTF`: most translation faults are not reported. */
  disablesFaults = false;
}

/**
 * Device contexts by `device_id`. An entry stays, whatever happens in memory, until it is invalidated or replaced.
 *
 * Invalid contexts are never put in ("Caching in-memory data structures"). Replacement goes round in each set, free
 * entries or not.
 */
export class ContextCache {
  private readonly entries: readonly DeviceContext[];
  /** The way of each set that is replaced next. */
  private readonly victims: Uint8Array;
  private readonly setMask: number;
  private readonly ways: number;
  private readonly recent: RecentTranslations;

  /** @param recent is cleared at every invalidation */
  constructor({ sets, ways }: CacheGeometry, recent: RecentTranslations) {
    this.recent = recent;
    this.ways = ways;
    this.setMask = sets - 1;
    this.entries = Array.from({ length: sets * ways }, () => new DeviceContext());
    this.victims = new Uint8Array(sets);
  }

  /** A device's context. It is the cache's own: good until the next call that changes the cache. */
  find(deviceId: number): DeviceContext | undefined {
    const { entries, ways } = this;
    const first = (deviceId & this.setMask) * ways;
    for (let at = first; at < first + ways; at++) {
      const entry = entries[at]!;
      if (entry.device === deviceId) return entry;
    }
    return undefined;
  }

  /** Makes room for a device that is not in the cache, for the caller to fill in. */
  place(deviceId: number): DeviceContext {
    const set = deviceId & this.setMask;
    const way = this.victims[set]!;
    this.victims[set] = (way + 1) & (this.ways - 1);
    const entry = this.entries[set * this.ways + way]!;
    entry.device = deviceId;
    return entry;
  }

  /** `IODIR.INVAL_DDT` with DV=1. */
  invalidate(deviceId: number): void {
    this.recent.clear();
    const entry = this.find(deviceId);
    if (entry !== undefined) entry.device = NO_DEVICE;
  }

  /** `IODIR.INVAL_DDT` with DV=0, and reset. */
  invalidateAll(): void {
    this.recent.clear();
    for (const entry of this.entries) entry.device = NO_DEVICE;
    this.victims.fill(0);
  }
}
