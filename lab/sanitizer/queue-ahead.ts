import type { AheadCursor, AnyDescriptor, WalkedEntry } from '../../base/descriptor';
import type { FlightUnit, InFlight } from './in-flight';
import type { Moment } from './recorder';

/** Entries that a device may find by itself, of one queue: there may be more, which are not followed. */
const MOST_AHEAD = 4096;

/** What a queue has to offer. */
export interface AheadParts<Q> {
  readonly queue: Q;
  /** Of its entries. */
  readonly descriptor: AnyDescriptor;
  readonly inFlight: InFlight<Q>;
  /** Where an entry at an address of the device's is in coherent memory, which is watched from then on; -1 if it is not there. */
  readonly placeOf: (address: bigint) => number;
  /** An entry as the CPU has stored it. */
  readonly read: (physical: number) => Int32Array | undefined;
  /** When an entry was given, for all that its bits tell. */
  readonly givenAt: (physical: number) => Moment | null;
}

/**
 * What the device of a queue may have read though nobody has rung for it: it has been given by the entries themselves. Goes on
 * whenever the CPU stores to the one entry that decides.
 */
export class QueueAhead<Q> {
  /** Each of one entry, the oldest first. */
  private units: FlightUnit<Q>[] = [];
  private readonly parts: AheadParts<Q>;
  private cursor: AheadCursor | undefined;
  private awaited = -1;

  constructor(parts: AheadParts<Q>) {
    this.parts = parts;
  }

  get count(): number {
    return this.units.length;
  }

  /** Whether it goes on by the link of an entry, which was the last one until now. */
  awaitsLink(address: bigint): boolean {
    return this.cursor?.awaitsLink === true && this.cursor.at === address;
  }

  /** Forgets all. Returns when each was given, by where it is. */
  clear(): Map<number, Moment | null> {
    const given = new Map(this.units.map(({ entries: [flying], started }) => [flying!.physical, started]));
    this.retire(this.units.length);
    this.cursor = undefined;
    this.stopAwaiting();
    return given;
  }

  /** The device is done with the oldest ones. Returns them. */
  retire(count: number): WalkedEntry[] {
    return this.units.splice(0, count).map(({ entries: [flying] }) => {
      this.parts.inFlight.remove(flying!);
      return flying!.entry;
    });
  }

  /** Goes on from where a cursor stands. @param given when entries were given that have been seen before */
  begin(cursor: AheadCursor | undefined, given: ReadonlyMap<number, Moment | null>): void {
    this.cursor = cursor;
    this.goOn((physical) => given.get(physical) ?? this.parts.givenAt(physical));
  }

  /** Whether the entry that decides leads on by now. */
  get leadsOn(): boolean {
    const lanes = this.awaited < 0 ? undefined : this.parts.read(this.awaited);
    return lanes !== undefined && this.cursor?.leadsOn(lanes) === true;
  }

  /** Looks again, as the CPU has stored to the entry that decides. */
  advance(when: Moment): void {
    this.goOn(() => when);
  }

  private goOn(when: (physical: number) => Moment | null): void {
    const { cursor } = this;
    if (cursor === undefined) return;
    this.stopAwaiting();
    while (!cursor.over && this.units.length < MOST_AHEAD) {
      const physical = this.parts.placeOf(cursor.at);
      if (physical < 0) return;
      if (!this.step(cursor, physical, when)) {
        this.startAwaiting(physical);
        return;
      }
    }
  }

  /** Whether the entry leads on. */
  private step(cursor: AheadCursor, physical: number, when: (physical: number) => Moment | null): boolean {
    const { inFlight, read, placeOf } = this.parts;
    // What is still in flight is where a ring or list comes round.
    if (!cursor.awaitsLink && inFlight.find(physical, 1) !== undefined) return false;
    const lanes = read(physical);
    if (lanes === undefined) return false;
    if (cursor.awaitsLink) return cursor.followLink(lanes, (address) => placeOf(address) >= 0);
    const { at, index } = cursor;
    if (!cursor.take(lanes)) return false;
    this.add(physical, this.entryOf(at, index, lanes), when(physical));
    return true;
  }

  private entryOf(address: bigint, index: number | undefined, lanes: Int32Array): WalkedEntry {
    const { descriptor } = this.parts;
    return { where: `entry ${index ?? this.units.length}`, descriptor, address, lanes, owned: true, pieces: [] };
  }

  private add(physical: number, entry: WalkedEntry, started: Moment | null): void {
    const { queue, inFlight } = this.parts;
    const unit: FlightUnit<Q> = { queue, entries: [], started, rung: false, held: [], told: false };
    const flying = { unit, entry, physical };
    unit.entries.push(flying);
    this.units.push(unit);
    inFlight.add(flying);
  }

  private startAwaiting(physical: number): void {
    const { inFlight, queue, descriptor } = this.parts;
    this.awaited = physical;
    inFlight.await(physical, descriptor.size, queue);
  }

  private stopAwaiting(): void {
    if (this.awaited < 0) return;
    const { inFlight, queue, descriptor } = this.parts;
    inFlight.awaitNoMore(this.awaited, descriptor.size, queue);
    this.awaited = -1;
  }
}
