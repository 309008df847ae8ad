import { PAGE_SIZE } from '../../base/address';
import type { WalkedEntry } from '../../base/descriptor';
import type { Moment } from './recorder';

/** Bytes by which entries are looked up. */
const GRANULE = 8;
const NONE: readonly never[] = [];

/** An entry of a ring or list that the device has been given, with all that it leads to. */
export interface FlightUnit<Q> {
  readonly queue: Q;
  readonly entries: FlightEntry<Q>[];
  /** When the device was told. */
  readonly started: Moment | null;
  /** Somebody changed it, which was told. */
  told: boolean;
}

/** An entry in flight, in memory. */
export interface FlightEntry<Q> {
  readonly unit: FlightUnit<Q>;
  readonly entry: WalkedEntry;
  readonly physical: number;
}

/** A page of memory with entries of a ring that give themselves away. */
export interface RingPage<Q> {
  readonly queue: Q;
  /** Where the page begins for the device. */
  readonly address: bigint;
}

/** The descriptors that devices have been given and are not done with, by where they are in memory. */
export class InFlight<Q> {
  private readonly entries = new Map<number, FlightEntry<Q>>();
  private readonly rings = new Map<number, readonly RingPage<Q>[]>();

  private each({ physical, entry }: FlightEntry<Q>, visit: (granule: number) => void): void {
    const end = Math.floor((physical + entry.descriptor.size - 1) / GRANULE);
    for (let granule = Math.floor(physical / GRANULE); granule <= end; granule++) visit(granule);
  }

  add(entry: FlightEntry<Q>): void {
    this.each(entry, (granule) => this.entries.set(granule, entry));
  }

  remove(entry: FlightEntry<Q>): void {
    this.each(entry, (granule) => {
      if (this.entries.get(granule) === entry) this.entries.delete(granule);
    });
  }

  /** A page of memory has entries of a ring. */
  addRing(page: number, ring: RingPage<Q>): void {
    this.rings.set(page, [...this.ringsOn(page * PAGE_SIZE), ring]);
  }

  removeRing(page: number, queue: Q): void {
    const left = this.ringsOn(page * PAGE_SIZE).filter((ring) => ring.queue !== queue);
    if (left.length > 0) this.rings.set(page, left);
    else this.rings.delete(page);
  }

  /** The rings on the page of an address. */
  ringsOn(address: number): readonly RingPage<Q>[] {
    return this.rings.get(Math.floor(address / PAGE_SIZE)) ?? NONE;
  }

  /** An entry that a range touches. */
  find(address: number, length: number): FlightEntry<Q> | undefined {
    const end = Math.floor((address + length - 1) / GRANULE);
    for (let granule = Math.floor(address / GRANULE); granule <= end; granule++) {
      const found = this.entries.get(granule);
      if (found === undefined) continue;
      if (address < found.physical + found.entry.descriptor.size && found.physical < address + length) return found;
    }
    return undefined;
  }
}
