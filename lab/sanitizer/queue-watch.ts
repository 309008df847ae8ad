import { PAGE_SIZE, dmaOffsetOf, dmaPageOf, type DmaAddr } from '../../base/address';
import {
  EntryRoles,
  GivenCursor,
  type Walk,
  type WalkChecks,
  type WalkedEntry,
  type WalkStart,
  type WordReader,
} from '../../base/descriptor';
import type { DescribedQueue, QueuePlace } from '../../emulator/described-queue';
import type { FlightUnit, InFlight } from './in-flight';
import type { LeasePlace } from './lease-table';
import { PAGE_QUEUED } from './page-bits';
import type { SanitizerState } from './state';
import type { WatchedDevice } from './watched-device';

/** Pages of a ring that are watched for entries that are given away too early. */
const MOST_PAGES = 1024;

/** What queues have in common. */
export interface WatchParts {
  readonly state: SanitizerState;
  readonly device: WatchedDevice;
  /** Memory as the device sees it. */
  readonly memory: WordReader;
  readonly inFlight: InFlight<QueueWatch>;
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
  /** What `look` found last, and how many units were before that. */
  private latest: { readonly walk: Pick<Walk, 'entries' | 'units'>; readonly first: number } = NOTHING;
  private readonly pages: number[] = [];

  constructor(queue: DescribedQueue, parts: WatchParts) {
    this.queue = queue;
    this.device = parts.device;
    this.parts = parts;
    this.roles = new EntryRoles(queue.format.entry);
  }

  /** The last entry of a list, to which others may be linked while the device has it. */
  get listEnd(): bigint | undefined {
    return this.queue.format.doorbell.value === 'notify' ? this.cursor?.last : undefined;
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

  private restart({ session, begin }: QueuePlace): void {
    this.clear();
    this.session = session;
    this.retired = 0;
    this.cursor = new GivenCursor(this.queue.format, begin);
    this.roles = new EntryRoles(this.queue.format.entry, { parameters: begin.parameters });
    this.watchRing(begin);
  }

  private clear(): void {
    for (const unit of this.units.splice(0)) this.land(unit);
    for (const page of this.pages.splice(0)) this.parts.inFlight.removeRing(page, this);
    this.device.told.forget(this, Infinity);
    this.latest = NOTHING;
    this.session = -1;
  }

  private land(unit: FlightUnit<QueueWatch>): void {
    for (const entry of unit.entries) this.parts.inFlight.remove(entry);
  }

  private retire(done: number): void {
    const count = Math.min(done - this.retired, this.units.length);
    if (count > 0) for (const unit of this.units.splice(0, count)) this.land(unit);
    this.retired = Math.max(this.retired, done);
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

  /** Entries that give themselves away are watched though nobody has rung for them. */
  private watchRing({ at, entries = 0 }: WalkStart): void {
    const { format } = this.queue;
    // Where a ring in pieces lies, only its jumps know.
    if (format.follow.kind !== 'ring' || format.jumps || format.ownership.kind === 'indices') return;
    const bytes = entries * format.entry.size;
    for (let done = 0; done < bytes && this.pages.length < MOST_PAGES;) {
      const address = at + BigInt(done);
      const offset = Number(address & 0xfffn);
      const piece = Math.min(PAGE_SIZE - offset, bytes - done);
      this.watchPage(address, offset, piece);
      done += piece;
    }
  }

  private watchPage(address: bigint, offset: number, length: number): void {
    const { inFlight, state } = this.parts;
    const physical = this.physicalOf(address, length);
    if (physical < 0 || physical % PAGE_SIZE !== offset) return;
    const page = Math.floor(physical / PAGE_SIZE);
    this.pages.push(page);
    inFlight.addRing(page, { queue: this, address: address - BigInt(offset) });
    state.flag(physical, length, PAGE_QUEUED);
  }

  /**
   * Walks over what has become the device's since the last time, and forgets what was told of what it has done. Undefined if it
   * was not told of this queue, or of nothing new.
   */
  look(checks: WalkChecks): Walk | undefined {
    const { queue, parts } = this;
    const place = this.refresh();
    if (place === undefined) return undefined;
    this.device.told.forget(this, place.done);
    if (this.rings === queue.rings) return undefined;
    this.rings = queue.rings;
    const known = (address: bigint): boolean => this.isInFlight(address);
    const isList = queue.format.follow.kind === 'linked';
    const found = this.cursor?.look(parts.memory, place, isList ? { ...checks, known } : checks);
    if (found === undefined) return undefined;
    const fresh = withoutDone(found.walk, place.done - found.first);
    const first = Math.max(found.first, place.done);
    this.launch(fresh, first);
    this.latest = { walk: fresh, first };
    return fresh;
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
    return physical >= 0 && this.parts.inFlight.find(physical, 4)?.physical === physical;
  }

  private launch({ entries, units, open }: Walk, first: number): void {
    // Units count from what is retired on.
    if (this.units.length === 0) this.retired = first;
    for (let i = 0; i < units.length - open; i++) {
      const unit: FlightUnit<QueueWatch> = { queue: this, entries: [], started: this.device.started, told: false };
      for (const entry of entries.slice(units[i], units[i + 1])) this.addTo(unit, entry);
      this.units.push(unit);
    }
  }

  private addTo(unit: FlightUnit<QueueWatch>, entry: WalkedEntry): void {
    const { inFlight, state } = this.parts;
    const { size } = entry.descriptor;
    const physical = this.physicalOf(entry.address, size);
    if (physical < 0) return;
    const flying = { unit, entry, physical };
    unit.entries.push(flying);
    inFlight.add(flying);
    state.flag(physical, size, PAGE_QUEUED);
  }

  /** The entry of the ring at an address of the device's: its index, and where it begins there; undefined if there is none, or in pieces. */
  entryAt(address: bigint): { readonly index: number; readonly at: bigint } | undefined {
    const begin = this.queue.format.jumps ? undefined : this.refresh()?.begin;
    if (begin === undefined || address < begin.at) return undefined;
    const size = BigInt(this.queue.format.entry.size);
    const index = (address - begin.at) / size;
    return index < BigInt(begin.entries ?? 0) ? { index: Number(index), at: begin.at + index * size } : undefined;
  }

  /** Whether an entry's owner or phase bit says that it is the device's now. */
  isGiven(lanes: Int32Array, index: number): boolean {
    const { roles } = this;
    if (this.queue.format.ownership.kind === 'bit') return roles.marked('owner', lanes);
    const { from = 0, phase = 1 } = this.queue.place()?.pending ?? {};
    const now = index >= from === (phase === 1);
    if (roles.marked('phase', lanes) !== now) return false;
    return roles.markField('used-phase') === undefined || roles.marked('used-phase', lanes) !== now;
  }

  /** Where in an entry the bit is that gives it away. */
  get ownerOffset(): number {
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
  return {
    ...walk,
    entries: walk.entries.slice(from),
    units: walk.units.slice(done).map((unit) => unit - from),
    // Buffers are used again: what overlaps may be one of those that are done.
    findings: walk.findings.filter(
      ({ kind, where, address }) => kind !== 'overlap' && !over.has(`${where} ${address}`),
    ),
  };
};
