import type { Moment } from './recorder';
import { STORE_WORD, type StoreBuffer } from '../../emulator/cache/store-buffer';

/**
 * In which order the CPU stored the words of coherent memory, on a machine whose stores may arrive in another. A device that
 * reads a word whose store still waits, after it has seen the effect of a later one, has seen them in the wrong order.
 */
export class StoreOrder {
  private readonly stores: StoreBuffer;
  /** The last store to each word. */
  private readonly last = new Map<number, Moment>();

  constructor(stores: StoreBuffer) {
    this.stores = stores;
  }

  /** The CPU stores to a range. */
  stored(address: number, length: number, when: Moment): void {
    const end = Math.floor((address + length - 1) / STORE_WORD);
    for (let word = Math.floor(address / STORE_WORD); word <= end; word++) this.last.set(word, when);
  }

  /**
   * A device reads a range.
   * @param seen the tick of the latest store whose effect it has seen before
   * @returns the oldest store that it misses though it has seen a later one, or null; and the tick of the latest that it sees
   */
  read(address: number, length: number, seen: number): { missed: Moment | null; seen: number } {
    let missed: Moment | null = null;
    let latest = seen;
    const waiting: Moment[] = [];
    const end = Math.floor((address + length - 1) / STORE_WORD);
    for (let word = Math.floor(address / STORE_WORD); word <= end; word++) {
      const store = this.last.get(word);
      if (store === undefined) continue;
      if (this.stores.holds(word * STORE_WORD, STORE_WORD)) waiting.push(store);
      else latest = Math.max(latest, store.tick);
    }
    for (const store of waiting) {
      if (store.tick < latest && (missed === null || store.tick < missed.tick)) missed = store;
    }
    return { missed, seen: latest };
  }
}
