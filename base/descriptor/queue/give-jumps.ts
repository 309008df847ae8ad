import type { WalkStart } from '../findings';
import type { Format } from '../format';
import { clearEntry, put, setMark } from '../put';
import type { EntryWriter } from './entry-writer';
import { RingGiver } from './give';
import type { QueueLayout } from './layout';
import type { SharedMemory } from './request';

/**
 * A ring in one piece, whose last entry jumps to its beginning. The jump is given with the first entry of the next lap, and not
 * before: the device has passed it then when its place is wanted again.
 */
export class JumpRingGiver extends RingGiver {
  /** Entries for data. The jump lies behind them. */
  private readonly places: number;

  constructor(format: Format, layout: QueueLayout, shared: SharedMemory, writer: EntryWriter) {
    super(format, layout, shared, writer, layout.entries - 1);
    this.places = layout.entries - 1;
  }

  override give(entries: readonly Int32Array[], slots: readonly number[]): void {
    const first = this.slots.taken - slots.length;
    const all: Int32Array[] = [];
    const places: number[] = [];
    entries.forEach((lanes, i) => {
      const lap = Math.floor((first + i) / this.places);
      if (slots[i] === 0 && lap > 0) {
        all.push(this.jump(lap - 1));
        places.push(this.places);
      }
      all.push(this.inLap(lanes, lap));
      places.push(slots[i]!);
    });
    this.store(all, places);
  }

  private inLap(lanes: Int32Array, lap: number): Int32Array {
    this.own(lanes);
    if (this.format.ownership.kind !== 'phase') return lanes;
    setMark(this.roles.markField('phase'), lanes, lap % 2 === 0);
    setMark(this.roles.markField('used-phase'), lanes, lap % 2 === 1);
    return lanes;
  }

  private jump(lap: number): Int32Array {
    const { roles, format } = this;
    const lanes = new Int32Array(format.entry.lanes);
    clearEntry(format.entry, lanes);
    setMark(roles.markField('jump'), lanes, true);
    setMark(roles.markField('toggle'), lanes, true);
    put(roles.addressField('next', lanes)!, lanes, this.base);
    return this.inLap(lanes, lap);
  }

  /** Entries of the ring up to and with this one for data, or before it; jumps that were given count. */
  private through(data: number): number {
    return data === 0 ? 0 : data + Math.floor((data - 1) / this.places);
  }

  override doorbell(): bigint | undefined {
    const { taken } = this.slots;
    if (this.rung === taken) return undefined;
    this.rung = taken;
    return this.format.doorbell.value === 'tail-index' ? BigInt(this.through(taken) % this.layout.entries) : 0n;
  }

  override pending(places: readonly (readonly number[])[], from: number | undefined): WalkStart {
    const { entries } = this.layout;
    const oldest = this.slots.taken - places.reduce((sum, slots) => sum + slots.length, 0);
    const end = this.through(this.slots.taken);
    // The jump before the oldest entry has been passed, or will be: nobody waits for it.
    const first = from ?? (oldest === this.slots.taken ? end : oldest + Math.floor(oldest / this.places));
    const start = { at: this.deviceAddress(first % entries), entries, from: first % entries };
    if (this.format.ownership.kind === 'indices') return { ...start, count: end - first };
    return { ...start, phase: Math.floor(first / entries) % 2 === 0 ? 1 : 0 };
  }
}
