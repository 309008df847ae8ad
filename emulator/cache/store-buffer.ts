import type { PhysicalBus } from '../bus/physical-bus';
import type { Prng } from '../../base/prng';

/** Bytes of an entry. */
export const STORE_WORD = 8;

/** A word with stores that have not left the CPU yet. */
interface PendingWord {
  word: number;
  uncached: boolean;
  /** Which of its bytes were stored, a bit each. */
  mask: number;
  /** Stores of a lower group leave first. */
  group: number;
  readonly bytes: Uint8Array;
}

/**
 * The stores of the CPU that nobody else sees yet, as words of eight bytes: cached ones on their way to the cache,
 * uncached ones on their way to memory. Words leave in any order; stores to the same word stay in order, and so do the
 * groups that `separate` parts.
 */
export class StoreBuffer {
  private readonly cached: PhysicalBus;
  private readonly memory: PhysicalBus;
  private readonly rng: Prng;
  private readonly capacity: number;
  /** In the order in which their first byte was stored; so groups ascend. */
  private readonly pending: PendingWord[] = [];
  private readonly spare: PendingWord[] = [];
  private group = 0;

  /** @param cached where cached stores go; @param memory where uncached ones go */
  constructor(cached: PhysicalBus, memory: PhysicalBus, rng: Prng, capacity: number) {
    this.cached = cached;
    this.memory = memory;
    this.rng = rng;
    this.capacity = capacity;
  }

  /** Words that wait. */
  get size(): number {
    return this.pending.length;
  }

  /** Bytes that fit. */
  get room(): number {
    return this.capacity * STORE_WORD;
  }

  /** Takes stores in; others leave if there is no room. */
  put(address: number, from: Uint8Array, at: number, length: number, uncached: boolean): void {
    for (let done = 0; done < length;) {
      const offset = (address + done) & (STORE_WORD - 1);
      const piece = Math.min(STORE_WORD - offset, length - done);
      const entry = this.entryFor((address + done - offset) / STORE_WORD, uncached);
      for (let i = 0; i < piece; i++) entry.bytes[offset + i] = from[at + done + i]!;
      entry.mask |= ((1 << piece) - 1) << offset;
      done += piece;
    }
  }

  /** The entry to put bytes of a word into. What was stored to the word by the other way, or in another group, leaves. */
  private entryFor(word: number, uncached: boolean): PendingWord {
    const { pending } = this;
    for (let index = pending.length - 1; index >= 0; index--) {
      const entry = pending[index]!;
      if (entry.word !== word) continue;
      if (entry.uncached === uncached && entry.group === this.group) return entry;
      this.leaveWithEarlier(entry);
      break;
    }
    while (pending.length >= this.capacity) this.leaveOne();
    const entry = this.spare.pop() ?? { word, uncached, mask: 0, group: 0, bytes: new Uint8Array(STORE_WORD) };
    entry.word = word;
    entry.uncached = uncached;
    entry.mask = 0;
    entry.group = this.group;
    pending.push(entry);
    return entry;
  }

  /** Whether stores to a range wait. */
  holds(address: number, length: number): boolean {
    const { pending } = this;
    for (let index = 0; index < pending.length; index++) {
      const start = pending[index]!.word * STORE_WORD;
      if (start < address + length && address < start + STORE_WORD) return true;
    }
    return false;
  }

  /** Puts the bytes that wait over those that were read (store forwarding). */
  overlay(address: number, into: Uint8Array, at: number, length: number, uncached: boolean): void {
    for (const { word, mask, bytes, uncached: kind } of this.pending) {
      const start = word * STORE_WORD - address;
      if (kind !== uncached || start >= length || start <= -STORE_WORD) continue;
      for (let i = 0; i < STORE_WORD; i++) {
        if ((mask & (1 << i)) !== 0 && start + i >= 0 && start + i < length) into[at + start + i] = bytes[i]!;
      }
    }
  }

  /** One word leaves, any that may. */
  leaveOne(): void {
    const { pending } = this;
    if (pending.length === 0) return;
    const first = pending[0]!.group;
    let count = 1;
    while (count < pending.length && pending[count]!.group === first) count++;
    this.leave(this.rng.below(count));
  }

  /** Everything leaves. */
  drain(): void {
    while (this.pending.length > 0) this.leave(0);
  }

  /** What was stored so far leaves before what is stored from now on. */
  separate(): void {
    if (this.pending.length > 0) this.group++;
  }

  /** What was stored in earlier groups leaves: a store may then go past the buffer. */
  drainEarlier(): void {
    while (this.pending.length > 0 && this.pending[0]!.group < this.group) this.leave(0);
  }

  /** What was stored to a range leaves, and what has to leave before it. */
  drainRange(address: number, length: number): void {
    const { pending } = this;
    for (let index = 0; index < pending.length;) {
      const entry = pending[index]!;
      const start = entry.word * STORE_WORD;
      if (start < address + length && address < start + STORE_WORD) {
        this.leaveWithEarlier(entry);
        index = 0;
      } else index++;
    }
  }

  private leaveWithEarlier(entry: PendingWord): void {
    const { group } = entry;
    while (this.pending[0]!.group < group) this.leave(0);
    const index = this.pending.indexOf(entry);
    if (index >= 0) this.leave(index);
  }

  private leave(index: number): void {
    const entry = this.pending[index]!;
    this.pending.splice(index, 1);
    const { word, mask, bytes } = entry;
    const bus = entry.uncached ? this.memory : this.cached;
    for (let start = 0; start < STORE_WORD;) {
      if ((mask & (1 << start)) === 0) {
        start++;
        continue;
      }
      let end = start + 1;
      while (end < STORE_WORD && (mask & (1 << end)) !== 0) end++;
      bus.write(word * STORE_WORD + start, bytes, start, end - start);
      start = end;
    }
    this.spare.push(entry);
  }
}
