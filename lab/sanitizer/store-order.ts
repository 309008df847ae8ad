import { STORE_WORD, type StoreBuffer } from '../../emulator/cache/store-buffer';

/**
 * In which order the CPU stored the words of coherent memory, on a machine whose stores may arrive in another. A device that
 * reads a word whose store still waits, after it has seen the effect of a later one, has seen them in the wrong order.
 */
export class StoreOrder {
  private readonly stores: StoreBuffer;
  /** The tick of the last store to each word. */
  private readonly ticks = new Map<number, number>();

  constructor(stores: StoreBuffer) {
    this.stores = stores;
  }

  /** The CPU stores to a range. */
  stored(address: number, length: number, tick: number): void {
    const last = Math.floor((address + length - 1) / STORE_WORD);
    for (let word = Math.floor(address / STORE_WORD); word <= last; word++) this.ticks.set(word, tick);
  }

  /**
   * A device reads a range.
   * @param seen the latest store whose effect it has seen before
   * @returns the tick of the oldest store that it misses though it has seen a later one, or -1; and the latest that it sees
   */
  read(address: number, length: number, seen: number): { missed: number; seen: number } {
    let missed = -1;
    let latest = seen;
    const waiting: number[] = [];
    const last = Math.floor((address + length - 1) / STORE_WORD);
    for (let word = Math.floor(address / STORE_WORD); word <= last; word++) {
      const tick = this.ticks.get(word);
      if (tick === undefined) continue;
      if (this.stores.holds(word * STORE_WORD, STORE_WORD)) waiting.push(tick);
      else latest = Math.max(latest, tick);
    }
    for (const tick of waiting) if (tick < latest && (missed < 0 || tick < missed)) missed = tick;
    return { missed, seen: latest };
  }
}
