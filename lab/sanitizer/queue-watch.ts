import { dmaOffsetOf, dmaPageOf, type DmaAddr } from '../../base/address';
import {
  EntryRoles,
  GivenCursor,
  overlaps,
  overlapWithEarlier,
  rangesOf,
  type EntryRange,
  type Finding,
  type Walk,
  type WalkChecks,
  type WalkedEntry,
  type WordReader,
} from '../../base/descriptor';
import type { DescribedQueue, QueuePlace } from '../../emulator/described-queue';
import type { FlightUnit, InFlight } from './in-flight';
import type { LeasePlace } from './lease-table';
import type { Held, Outstanding } from './outstanding';
import { PAGE_QUEUED } from './page-bits';
import { QueueAhead } from './queue-ahead';
import type { Moment } from './recorder';
import type { SanitizerState } from './state';
import type { WatchedDevice } from './watched-device';

/** What queues have in common. */
export interface WatchParts {
  readonly state: SanitizerState;
  readonly device: WatchedDevice;
  /** Memory as the device sees it. */
  readonly memory: WordReader;
  readonly inFlight: InFlight<QueueWatch>;
  /** Of all queues of the device. */
  readonly outstanding: Outstanding<FlightUnit<QueueWatch>>;
}

const NOTHING = { walk: { entries: [], units: [] }, first: 0 };

/** A queue of a device: what the device has been given, since the queue began. */
export class QueueWatch {
  readonly queue: DescribedQueue;
  readonly device: WatchedDevice;
  private readonly parts: WatchParts;
  private session = -1;
  private rings = 0;
  private cursor: GivenCursor | undefined;
  private roles: EntryRoles;
  /** What is in flight, the oldest first, and how many were before that. */
  private units: FlightUnit<QueueWatch>[] = [];
  private retired = 0;
  /** What comes after that, for which nobody has rung. */
  private readonly ahead: QueueAhead<QueueWatch>;
  /** What `look` found last, and how many units were before that. */
  private latest: { readonly walk: Pick<Walk, 'entries' | 'units'>; readonly first: number } = NOTHING;
  /** With what that was given before the new ones among it overlap. */
  private earlier = new Map<Finding, Held<FlightUnit<QueueWatch>>>();

  constructor(queue: DescribedQueue, parts: WatchParts) {
    this.queue = queue;
    this.device = parts.device;
    this.parts = parts;
    this.roles = new EntryRoles(queue.format.entry);
    const { state, inFlight, device } = parts;
    const { entry } = queue.format;
    this.ahead = new QueueAhead({
      queue: this,
      descriptor: entry,
      inFlight,
      placeOf: (address) => this.watchedPlaceOf(address, entry.size),
      read: (physical) => state.readAsCpu(physical, entry, !device.dev.dma.dma_coherent),
      givenAt: (physical) => state.stores.latest(physical + this.ownerOffset, 4),
    });
  }

  /** Whether others may be linked to an entry while the device has it: the last of a list. */
  isListEnd(address: bigint): boolean {
    if (this.ahead.awaitsLink(address)) return true;
    return this.queue.format.doorbell.value === 'notify' && this.cursor?.last === address;
  }

  /** Brings what is in flight up to date. Undefined if the queue does not run. */
  refresh(): QueuePlace | undefined {
    const place = this.queue.place();
    if (place === undefined) {
      this.clear();
      return undefined;
    }
    if (place.session !== this.session) this.restart(place);
    this.retire(place.done);
    return place;
  }

  private restart({ session, begin, rung }: QueuePlace): void {
    this.clear();
    this.session = session;
    this.retired = 0;
    this.cursor = new GivenCursor(this.queue.format, begin);
    this.roles = new EntryRoles(this.queue.format.entry, { parameters: begin.parameters });
    this.ahead.begin(this.cursor.ahead(rung), new Map());
  }

  private clear(): void {
    for (const unit of this.units.splice(0)) this.land(unit);
    this.ahead.clear();
    this.device.told.forget(this, Infinity);
    this.latest = NOTHING;
    this.earlier.clear();
    this.session = -1;
  }

  private land({ entries, held }: FlightUnit<QueueWatch>): void {
    for (const entry of entries) this.parts.inFlight.remove(entry);
    for (const range of held) this.parts.outstanding.release(range);
  }

  private retire(done: number): void {
    const count = done - this.retired;
    if (count <= 0) return;
    const rung = Math.min(count, this.units.length);
    for (const unit of this.units.splice(0, rung)) this.land(unit);
    for (const entry of this.ahead.retire(count - rung)) this.cursor!.pass(entry);
    this.retired = done;
  }

  /** Where a range of the device's addresses is in coherent memory; -1 if it is not there in one piece. */
  private physicalOf(address: bigint, length: number): number {
    const place = placeOf(this.device, address);
    if (place?.lease.isShared !== true || place.room < length) return -1;
    let [physical, bytes] = [-1, 0];
    place.lease.eachMemory(place.at, length, (at, size) => {
      if (bytes === 0) physical = at;
      if (at === physical + bytes) bytes += size;
    });
    return bytes === length ? physical : -1;
  }

  /** The same; the CPU's stores there are of interest from now on. */
  private watchedPlaceOf(address: bigint, length: number): number {
    const physical = this.physicalOf(address, length);
    if (physical >= 0) this.parts.state.flag(physical, length, PAGE_QUEUED);
    return physical;
  }

  /**
   * Walks over what has become the device's since the last time, and forgets what was told of what it has done. Undefined if it
   * was not told of this queue, or of nothing new.
   */
  look(checks: WalkChecks): Walk | undefined {
    const { queue, cursor } = this;
    const place = this.refresh();
    if (place === undefined || cursor === undefined) return undefined;
    this.device.told.forget(this, place.done);
    if (this.rings === queue.rings) return undefined;
    this.rings = queue.rings;
    const given = this.ahead.clear();
    const fresh = this.walkOn(cursor, place, checks);
    this.ahead.begin(cursor.ahead(place.rung), given);
    return fresh;
  }

  private walkOn(cursor: GivenCursor, place: QueuePlace, checks: WalkChecks): Walk | undefined {
    const known = (address: bigint): boolean => this.isInFlight(address);
    const { follow, jumps, ownership } = this.queue.format;
    // Nobody counts how many entries these have.
    const comesRound = follow.kind === 'linked' || (jumps && ownership.kind !== 'indices');
    const found = cursor.look(this.parts.memory, place, comesRound ? { ...checks, known } : checks);
    if (found === undefined) return undefined;
    const fresh = withoutDone(found.walk, place.done - found.first);
    const first = Math.max(found.first, place.done);
    const { entries, units, open } = fresh;
    const whole = entries.slice(0, units.length > open ? units[units.length - open] : 0);
    const findings = [...fresh.findings, ...this.overlapsWithEarlier(whole)];
    this.launch(fresh, first);
    this.latest = { walk: fresh, first };
    return { ...fresh, findings };
  }

  /** What of new entries overlaps what the device was given before, by whatever queue, and is not done with. */
  private overlapsWithEarlier(entries: readonly WalkedEntry[]): Finding[] {
    this.earlier.clear();
    for (const entry of entries) {
      for (const range of entry.owned ? rangesOf(entry) : []) {
        const held = this.heldBefore(range);
        const other = held?.unit.queue === this ? undefined : held?.unit.queue.queue.name;
        const finding = held === undefined ? undefined : overlapWithEarlier(range, held.range, other);
        if (finding !== undefined) this.earlier.set(finding, held!);
      }
    }
    return [...this.earlier.keys()];
  }

  /** What a range overlaps, once all is forgotten that is done. */
  private heldBefore(range: EntryRange): Held<FlightUnit<QueueWatch>> | undefined {
    const { outstanding } = this.parts;
    for (let held = outstanding.overlapped(range); held !== undefined;) {
      held.unit.queue.refresh();
      const still = outstanding.overlapped(range);
      if (still === held) return held;
      held = still;
    }
    return undefined;
  }

  /** What was given before, of an overlap that `look` found last. */
  earlierOf(finding: Finding): Held<FlightUnit<QueueWatch>> | undefined {
    return this.earlier.get(finding);
  }

  /**
   * How many units have to be completed until the device is done with an entry that `look` found last; undefined: with all that
   * it found.
   */
  doneWith(entry: WalkedEntry | undefined): number {
    const { walk, first } = this.latest;
    const at = entry === undefined ? -1 : walk.entries.indexOf(entry);
    const units = at < 0 ? walk.units.length : walk.units.filter((begin) => begin <= at).length;
    return first + Math.max(units, 1);
  }

  private isInFlight(address: bigint): boolean {
    const physical = this.physicalOf(address, 4);
    const flying = physical < 0 ? undefined : this.parts.inFlight.find(physical, 4);
    return flying?.physical === physical && flying.unit.rung;
  }

  private launch({ entries, units, open }: Walk, first: number): void {
    // Units count from what is retired on.
    if (this.units.length === 0) this.retired = first;
    const { started } = this.device;
    for (let i = 0; i < units.length - open; i++) {
      const unit: FlightUnit<QueueWatch> = { queue: this, entries: [], started, rung: true, held: [], told: false };
      for (const entry of entries.slice(units[i], units[i + 1])) this.addTo(unit, entry);
      this.units.push(unit);
    }
  }

  private addTo(unit: FlightUnit<QueueWatch>, entry: WalkedEntry): void {
    const { inFlight, outstanding } = this.parts;
    for (const range of entry.owned ? rangesOf(entry) : []) {
      const held = outstanding.hold(range, unit);
      if (held !== undefined) unit.held.push(held);
    }
    const physical = this.watchedPlaceOf(entry.address, entry.descriptor.size);
    if (physical < 0) return;
    const flying = { unit, entry, physical };
    unit.entries.push(flying);
    inFlight.add(flying);
  }

  /** The CPU has stored to the entry that decides how the device goes on by itself. */
  advance(when: Moment): void {
    // Most stores to an entry do not give it away.
    if (!this.ahead.leadsOn || this.refresh() === undefined) return;
    // A device that needs to be told where a list begins rests when it is done with all.
    const rests = this.queue.format.doorbell.value === 'head-address' && this.units.length + this.ahead.count === 0;
    if (rests) this.ahead.clear();
    else this.ahead.advance(when);
  }

  /** Where in an entry the bit is that gives it away. */
  private get ownerOffset(): number {
    const field = this.roles.markField('owner') ?? this.roles.markField('phase');
    return field?.offset ?? 0;
  }
}

/** Where an address of a device's is in what is mapped for it. */
export const placeOf = (device: WatchedDevice, address: bigint): LeasePlace | null =>
  address < 0n || address >= 1n << 64n
    ? null
    : device.find(dmaPageOf(address as DmaAddr), dmaOffsetOf(address as DmaAddr));

/** A walk without its first units, which have been completed: what is wrong with them is over. */
const withoutDone = (walk: Walk, done: number): Walk => {
  if (done <= 0) return walk;
  const from = walk.units[done] ?? walk.entries.length;
  const over = new Set(walk.entries.slice(0, from).map(({ where, address }) => `${where} ${address}`));
  const entries = walk.entries.slice(from);
  const about = walk.findings.filter(
    ({ kind, where, address }) => kind !== 'overlap' && !over.has(`${where} ${address}`),
  );
  return {
    ...walk,
    entries,
    units: walk.units.slice(done).map((unit) => unit - from),
    // Buffers are used again: what overlapped may have been one of those that are done.
    findings: [...about, ...overlaps(entries)],
  };
};
