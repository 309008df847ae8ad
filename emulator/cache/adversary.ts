import type { Prng } from '../../base/prng';
import type { Clock } from '../clock';
import type { Ram } from '../memory/ram';
import { lineOf, type CpuCache } from './cpu-cache';
import { LINE_SIZE } from './options';
import type { StoreBuffer } from './store-buffer';

/** Lines that are remembered, of each kind. */
const REMEMBERED = 64;
const REMEMBERED_MASK = REMEMBERED - 1;
const NO_LINE = -1;
/** Lines on either side of an access that may be prefetched with it, within its page. */
const PREFETCH_REACH = 4;
const LINES_PER_PAGE = 64;
/** A store waits no longer than this, in nanoseconds. */
const LONGEST_WAIT_NS = 1000;
/** Steps that one access counts at the most, however long it is. */
const MOST_STEPS = 4;
const BYTES_PER_STEP = 1024;
/** The same of time passing. */
const NS_PER_STEP = 50;
/** Places in the cache that are looked at for a line. */
const LOOKS = 16;
/** Lines of a range that a cache operation works on which are remembered. */
const SAMPLES = 4;

/** A few lines, of which the newest push out the oldest. */
class LineRing {
  private readonly lines = new Float64Array(REMEMBERED).fill(NO_LINE);
  private added = 0;

  add(line: number): void {
    this.lines[this.added++ & REMEMBERED_MASK] = line;
  }

  /** One of them; -1 if there is none. */
  pick(rng: Prng): number {
    return this.added === 0 ? NO_LINE : this.lines[rng.below(Math.min(this.added, REMEMBERED))]!;
  }
}

/**
 * What a real cache may do at any time and rarely does where one can see it: write dirty lines back, evict lines, prefetch
 * lines that somebody may want, and let stores linger in the CPU. It happens between steps, as often as asked for, by the
 * seed; each act is small, so that it costs little. A program that does what the architecture asks of it sees no
 * difference.
 */
export class CacheAdversary {
  private readonly cache: CpuCache;
  private readonly ram: Ram;
  private readonly rng: Prng;
  private readonly interval: number;
  private readonly stores: StoreBuffer;
  private readonly clock: Clock;
  private countdown: number;
  /** Lines that the CPU used, and those that it handed over with cache operations: the ones that bugs are about. */
  private readonly touched = new LineRing();
  private readonly handedOver = new LineRing();
  private lastLine = NO_LINE;
  /** When the oldest store that waits was first seen to. */
  private waitingSince = -1;

  constructor(cache: CpuCache, ram: Ram, clock: Clock, stores: StoreBuffer, rng: Prng, interval: number) {
    this.cache = cache;
    this.ram = ram;
    this.rng = rng;
    this.interval = interval;
    this.stores = stores;
    this.clock = clock;
    this.countdown = this.draw();
  }

  private draw(): number {
    return 1 + this.rng.below(2 * this.interval - 1);
  }

  /** The CPU is about to access memory. */
  cpuAccess(address: number, length: number): void {
    const line = lineOf(address);
    if (line !== this.lastLine) {
      this.lastLine = line;
      this.touched.add(line);
      if (length > LINE_SIZE) this.remember(this.touched, address, length);
    }
    this.step();
  }

  /** A bus master is about to access memory. */
  deviceAccess(length: number): void {
    this.steps(1 + length / BYTES_PER_STEP);
    this.ageStores();
  }

  /** The CPU is about to work on lines. */
  operation(address: number, length: number): void {
    this.remember(this.handedOver, address, length);
    this.step();
  }

  /** Time is about to pass. */
  timePasses(nanoseconds: number): void {
    this.steps(1 + nanoseconds / NS_PER_STEP);
    this.ageStores();
  }

  private steps(wanted: number): void {
    for (let count = Math.min(MOST_STEPS, wanted); count >= 1; count--) this.step();
  }

  /** Stores leave in the end, however the seed falls. */
  private ageStores(): void {
    const { stores } = this;
    const { now } = this.clock;
    if (stores.size === 0) this.waitingSince = -1;
    else if (this.waitingSince < 0) this.waitingSince = now;
    else if (now - this.waitingSince > LONGEST_WAIT_NS) {
      stores.drain();
      this.waitingSince = -1;
    }
  }

  private remember(ring: LineRing, address: number, length: number): void {
    const first = lineOf(address);
    const count = lineOf(address + length - 1) - first + 1;
    if (!(count > 0 && count <= 0xffff_ffff)) return;
    ring.add(first);
    if (count === 1) return;
    ring.add(first + count - 1);
    for (let sample = 0; sample < SAMPLES; sample++) ring.add(first + this.rng.below(count));
  }

  private step(): void {
    if (--this.countdown > 0) return;
    this.countdown = this.draw();
    this.act();
  }

  private act(): void {
    switch (this.rng.below(6)) {
      case 0:
      case 1:
        this.stores.leaveOne();
        return;
      case 2:
        this.writeBack(false);
        return;
      case 3:
        this.writeBack(true);
        return;
      case 4:
        this.prefetchNear();
        return;
      default:
        this.prefetch(this.someLine());
    }
  }

  private someLine(): number {
    return (this.rng.oneIn(2) ? this.touched : this.handedOver).pick(this.rng);
  }

  /** A line goes: one that was used lately, or one from a place picked at random. */
  private writeBack(leaves: boolean): void {
    const { cache, rng } = this;
    const slot = rng.oneIn(2) ? this.someDirtySlot() : this.slotOf(this.someLine());
    if (slot < 0) return;
    if (leaves) cache.evict(slot, 'whim');
    else cache.clean(slot, 'whim');
  }

  /** The slot of a line; -1 if the cache does not hold it. Empty slots hold no line, but have its number. */
  private slotOf(line: number): number {
    return line === NO_LINE ? -1 : this.cache.search(line);
  }

  /** The first dirty line among a few places from a random one on; -1 if there is none. */
  private someDirtySlot(): number {
    const { cache } = this;
    const first = this.rng.below(cache.slots);
    for (let look = 0; look < LOOKS; look++) {
      const slot = (first + look) % cache.slots;
      if (cache.isDirty(slot)) return slot;
    }
    return -1;
  }

  private prefetchNear(): void {
    const distance = this.rng.between(-PREFETCH_REACH, PREFETCH_REACH);
    const line = this.lastLine + distance;
    const page = Math.floor(this.lastLine / LINES_PER_PAGE);
    if (this.lastLine >= 0 && Math.floor(line / LINES_PER_PAGE) === page) this.prefetch(line);
  }

  private prefetch(line: number): void {
    const { cache } = this;
    if (line < 0 || cache.search(line) >= 0 || !this.ram.isPlain(line * LINE_SIZE, LINE_SIZE)) return;
    cache.fill(line, 'whim');
  }
}
