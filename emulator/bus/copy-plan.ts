import { PAGE_SIZE } from '../../base/address';
import { BUS_OK } from '../../base/bus-outcome';
import { COPY_WRITE_SIDE } from './device-port';
import type { MemoryPath } from './physical-bus';

const START_CAPACITY = 64;

/**
 * The pieces of a copy that crosses pages: where each goes physically. Kept by a port and reused, so that only a copy
 * longer than any before it allocates.
 */
export class CopyPlan {
  count = 0;
  /** Bytes that have been written. */
  moved = 0;
  from = new Float64Array(START_CAPACITY);
  to = new Float64Array(START_CAPACITY);
  length = new Float64Array(START_CAPACITY);
  /** Hash set of source pages: a slot is taken if its epoch is the current one. */
  private keys = new Float64Array(4 * START_CAPACITY);
  private epochs = new Uint32Array(4 * START_CAPACITY);
  private epoch = 0;

  /** Forgets all pieces. */
  clear(): void {
    this.count = 0;
    this.moved = 0;
  }

  /** Adds a piece, which crosses a page at neither end. The last may have an outcome in place of its target. */
  add(from: number, to: number, length: number): void {
    if (this.count === this.from.length) this.grow();
    this.from[this.count] = from;
    this.to[this.count] = to;
    this.length[this.count] = length;
    this.count++;
  }

  private grow(): void {
    const larger = (old: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> => {
      const grown = new Float64Array(2 * old.length);
      grown.set(old);
      return grown;
    };
    this.from = larger(this.from);
    this.to = larger(this.to);
    this.length = larger(this.length);
    this.keys = new Float64Array(4 * this.from.length);
    this.epochs = new Uint32Array(4 * this.from.length);
    this.epoch = 0;
  }

  /**
   * Whether any page is both read and written. Only then can a piece overwrite what a later one has yet to read; aliases
   * in the IOMMU's tables mean that nothing less than the physical pages can tell.
   */
  get sharesPages(): boolean {
    return this.boundsMeet() && this.pagesMeet();
  }

  private boundsMeet(): boolean {
    const { from, to } = this;
    let [fromLow, fromHigh, toLow, toHigh] = [Infinity, 0, Infinity, 0];
    for (let i = 0; i < this.count; i++) {
      fromLow = Math.min(fromLow, from[i]!);
      fromHigh = Math.max(fromHigh, from[i]!);
      toLow = Math.min(toLow, to[i]!);
      toHigh = Math.max(toHigh, to[i]!);
    }
    return fromLow < toHigh + PAGE_SIZE && toLow < fromHigh + PAGE_SIZE;
  }

  private pagesMeet(): boolean {
    this.nextEpoch();
    for (let i = 0; i < this.count; i++) this.insert(Math.floor(this.from[i]! / PAGE_SIZE));
    for (let i = 0; i < this.count; i++) {
      if (this.has(Math.floor(this.to[i]! / PAGE_SIZE))) return true;
    }
    return false;
  }

  private nextEpoch(): void {
    this.epoch = (this.epoch + 1) >>> 0;
    if (this.epoch !== 0) return;
    this.epochs.fill(0);
    this.epoch = 1;
  }

  private insert(page: number): void {
    const slot = this.slotOf(page);
    this.keys[slot] = page;
    this.epochs[slot] = this.epoch;
  }

  private has(page: number): boolean {
    return this.epochs[this.slotOf(page)] === this.epoch;
  }

  /** The slot that holds a page, or the free one where it would go. A quarter full at most, so probes are short. */
  private slotOf(page: number): number {
    const { keys, epochs, epoch } = this;
    const mask = keys.length - 1;
    let slot = (Math.imul(page | 0, 0x9e37_79b1) >>> 12) & mask;
    while (epochs[slot] === epoch && keys[slot] !== page) slot = (slot + 1) & mask;
    return slot;
  }
}

/** A copy whose target is an outcome: the data is read all the same, since reading comes first. */
export const readForNothing = (bus: MemoryPath, from: number, target: number, length: number): number => {
  const reading = bus.read(from, new Uint8Array(length), 0, length);
  return reading === BUS_OK ? target + COPY_WRITE_SIDE : reading;
};

/** Carries out a plan piece by piece, up to the first that fails. The result is as for `DevicePort.copy`. */
export const movePieces = (bus: MemoryPath, plan: CopyPlan): number => {
  let moved = 0;
  let result: number = BUS_OK;
  for (let i = 0; i < plan.count; i++) {
    const next = bus.copyRun(plan.from, plan.to, plan.length, i, plan.count);
    for (; i < next; i++) moved += plan.length[i]!;
    if (i === plan.count) break;
    const [from, to, length] = [plan.from[i]!, plan.to[i]!, plan.length[i]!];
    result = to < 0 ? readForNothing(bus, from, to, length) : bus.copy(from, to, length);
    if (result !== BUS_OK) break;
    moved += length;
  }
  plan.moved = moved;
  return result;
};

/** Carries out a plan whose pieces overlap: reads everything, then writes it. */
export const moveThroughBuffer = (bus: MemoryPath, plan: CopyPlan): number => {
  let total = 0;
  for (let i = 0; i < plan.count; i++) total += plan.length[i]!;
  const buffer = new Uint8Array(total);
  let reading: number = BUS_OK;
  let readable = 0;
  for (let at = 0; readable < plan.count; readable++) {
    reading = bus.read(plan.from[readable]!, buffer, at, plan.length[readable]!);
    if (reading !== BUS_OK) break;
    at += plan.length[readable]!;
  }
  for (let i = 0; i < readable; i++) {
    const [to, length] = [plan.to[i]!, plan.length[i]!];
    const writing = to < 0 ? to : bus.write(to, buffer, plan.moved, length);
    if (writing !== BUS_OK) return writing + COPY_WRITE_SIDE;
    plan.moved += length;
  }
  return reading;
};
