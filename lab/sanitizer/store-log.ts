import type { Moment } from './recorder';

/** Bytes whose last store is remembered together. */
const GRANULE = 4;

/** Who stored what to coherent memory last: descriptors, above all, which tell devices where to go. */
export class StoreLog {
  private readonly last = new Map<number, Moment>();

  /** The CPU stores to a range. */
  stored(address: number, length: number, when: Moment): void {
    const end = Math.floor((address + length - 1) / GRANULE);
    for (let granule = Math.floor(address / GRANULE); granule <= end; granule++) this.last.set(granule, when);
  }

  /** The latest store to a range; null if there was none. */
  latest(address: number, length: number): Moment | null {
    let latest: Moment | null = null;
    const end = Math.floor((address + length - 1) / GRANULE);
    for (let granule = Math.floor(address / GRANULE); granule <= end; granule++) {
      const moment = this.last.get(granule);
      if (moment !== undefined && (latest === null || moment.tick > latest.tick)) latest = moment;
    }
    return latest;
  }
}
