import type { WalkedEntry } from '../../base/descriptor';
import type { Held } from './outstanding';
import type { Moment } from './recorder';

/** Bytes by which entries are looked up. */
const GRANULE = 8;

/** An entry of a ring or list that the device has been given, with all that it leads to. */
export interface FlightUnit<Q> {
  readonly queue: Q;
  readonly entries: FlightEntry<Q>[];
  /** When the device was told, or if nobody has told it yet, when it could first find it. */
  readonly started: Moment | null;
  /** Somebody has rung for it. */
  readonly rung: boolean;
  /** Memory that is its own until it is done. */
  readonly held: Held<FlightUnit<Q>>[];
  /** Somebody changed it, which was told. */
  told: boolean;
}

/** An entry in flight, in memory. */
export interface FlightEntry<Q> {
  readonly unit: FlightUnit<Q>;
  readonly entry: WalkedEntry;
  readonly physical: number;
}

const eachGranule = (physical: number, length: number, visit: (granule: number) => void): void => {
  const end = Math.floor((physical + length - 1) / GRANULE);
  for (let granule = Math.floor(physical / GRANULE); granule <= end; granule++) visit(granule);
};

/**
 * The descriptors that devices have been given and are not done with, by where they are in memory; and of each queue the place that
 * decides how its device goes on.
 */
export class InFlight<Q> {
  private readonly entries = new Map<number, FlightEntry<Q>>();
  private readonly awaited = new Map<number, Q>();

  add(flying: FlightEntry<Q>): void {
    eachGranule(flying.physical, flying.entry.descriptor.size, (granule) => this.entries.set(granule, flying));
  }

  remove(flying: FlightEntry<Q>): void {
    eachGranule(flying.physical, flying.entry.descriptor.size, (granule) => {
      if (this.entries.get(granule) === flying) this.entries.delete(granule);
    });
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

  /** A queue goes on by what stands in a range. */
  await(physical: number, length: number, queue: Q): void {
    eachGranule(physical, length, (granule) => this.awaited.set(granule, queue));
  }

  awaitNoMore(physical: number, length: number, queue: Q): void {
    eachGranule(physical, length, (granule) => {
      if (this.awaited.get(granule) === queue) this.awaited.delete(granule);
    });
  }

  /** The queue that goes on by what stands in a range, or near it. */
  awaiting(address: number, length: number): Q | undefined {
    const end = Math.floor((address + length - 1) / GRANULE);
    for (let granule = Math.floor(address / GRANULE); granule <= end; granule++) {
      const queue = this.awaited.get(granule);
      if (queue !== undefined) return queue;
    }
    return undefined;
  }
}
