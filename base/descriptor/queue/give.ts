import type { WalkStart } from '../findings';
import type { Format } from '../format';
import { put, setMark } from '../put';
import { EntryRoles } from '../roles';
import { runPublisher, type PublishRun } from '../publish';
import type { EntryWriter } from './entry-writer';
import type { QueueLayout } from './layout';
import type { SharedMemory } from './request';
import { RingSlots, TableSlots, type Slots } from './slots';

/**
 * How entries get to the device: stored in their places and given away, in the order that keeps the device from seeing
 * anything half done. What rings is its `doorbell`.
 */
export abstract class Giver {
  abstract readonly slots: Slots;
  /** Where the entries of the first request lie: `Q_BASE`, in most devices. */
  readonly base: bigint;
  protected readonly format: Format;
  protected readonly layout: QueueLayout;
  protected readonly shared: SharedMemory;
  protected readonly roles: EntryRoles;
  private readonly publish: PublishRun | undefined;

  constructor(format: Format, layout: QueueLayout, shared: SharedMemory, { roles }: EntryWriter) {
    this.format = format;
    this.layout = layout;
    this.shared = shared;
    this.roles = roles;
    this.base = shared.device;
    if (format.ownership.kind !== 'indices') this.publish = runPublisher(format.entry);
  }

  /** Finishes entries with what their places ask for, and gives them away as one. */
  abstract give(entries: readonly Int32Array[], slots: readonly number[]): void;

  /** What is to be written to the doorbell for everything given since the last time; undefined: nothing. */
  abstract doorbell(): bigint | undefined;

  /** Units that were told to be done, in order: lists that ended. */
  finished(_slots: readonly number[]): void {
    // Only lists of their own are counted.
  }

  /** Where a walk finds these places, which were given and have not come back, or those after `from` of all. */
  abstract pending(places: readonly (readonly number[])[], from: number | undefined): WalkStart;

  protected cpuAddress(slot: number): number {
    return this.shared.cpu + slot * this.layout.stride;
  }

  deviceAddress(slot: number): bigint {
    return this.base + BigInt(slot * this.layout.stride);
  }

  /** Stores entries; those with an owner or phase change hands with it. */
  protected store(entries: readonly Int32Array[], slots: readonly number[]): void {
    const { memory, wmb } = this.shared;
    const addresses = slots.map((slot) => this.cpuAddress(slot));
    if (this.publish !== undefined) this.publish(memory, addresses, entries, wmb);
    else addresses.forEach((address, i) => this.format.entry.save(memory, address, entries[i]!));
  }

  protected own(lanes: Int32Array): void {
    setMark(this.roles.markField('owner'), lanes, true);
  }
}

/** Entries one after the other. */
export class RingGiver extends Giver {
  readonly slots: RingSlots;
  protected rung = 0;

  /** @param places entries that are for data */
  constructor(format: Format, layout: QueueLayout, shared: SharedMemory, writer: EntryWriter, places = layout.entries) {
    super(format, layout, shared, writer);
    // By an index alone a full ring looks like an empty one.
    const byIndex = format.ownership.kind === 'indices' || format.completion.kind === 'queue';
    this.slots = new RingSlots(places, byIndex ? places - 1 : places);
  }

  give(entries: readonly Int32Array[], slots: readonly number[]): void {
    const { roles, layout } = this;
    const first = this.slots.taken - slots.length;
    entries.forEach((lanes, i) => {
      this.own(lanes);
      if (this.format.ownership.kind !== 'phase') return;
      const phase = Math.floor((first + i) / layout.entries) % 2 === 0;
      setMark(roles.markField('phase'), lanes, phase);
      setMark(roles.markField('used-phase'), lanes, !phase);
    });
    this.store(entries, slots);
  }

  doorbell(): bigint | undefined {
    const { taken } = this.slots;
    if (this.rung === taken) return undefined;
    this.rung = taken;
    return this.format.doorbell.value === 'tail-index' ? BigInt(taken % this.layout.entries) : 0n;
  }

  pending(places: readonly (readonly number[])[], from: number | undefined): WalkStart {
    const { entries } = this.layout;
    const first = from ?? this.slots.taken - places.reduce((sum, slots) => sum + slots.length, 0);
    const count = this.slots.taken - first;
    const start = { at: this.base, entries, from: first % entries };
    if (this.format.ownership.kind === 'indices') return { ...start, count };
    return { ...start, phase: Math.floor(first / entries) % 2 === 0 ? 1 : 0 };
  }
}

/** Where lists have their links, in a ring of entries each of which leads to the one after it. */
export class LinkedGiver extends Giver {
  readonly slots: RingSlots;
  private rung = 0;
  /** How lists end, where they do: at each doorbell; with each request, which is then linked to the one before; never. */
  private readonly ends: 'rung' | 'linked' | 'never';
  /** Of lists that are rung by themselves: entries up to and with the last one, of those that have not ended. */
  private readonly lists: number[] = [];
  private static readonly MOST_LISTS = 32;

  constructor(format: Format, layout: QueueLayout, shared: SharedMemory, writer: EntryWriter) {
    super(format, layout, shared, writer);
    // The link of the last entry that was posted is still to be followed: its place is not free.
    this.slots = new RingSlots(layout.entries, layout.entries - 1);
    const { follow, ownership, doorbell } = format;
    const circle = follow.kind === 'linked' && (follow.end === 'tail' || (follow.cyclic && ownership.kind === 'bit'));
    this.ends = doorbell.value === 'head-address' ? 'rung' : circle ? 'never' : 'linked';
  }

  give(entries: readonly Int32Array[], slots: readonly number[]): void {
    const { roles, ends } = this;
    entries.forEach((lanes, i) => {
      this.own(lanes);
      put(roles.addressField('next')!, lanes, this.deviceAddress((slots[i]! + 1) % this.layout.entries));
      if (ends === 'linked' && i + 1 === entries.length) this.end(lanes, true);
    });
    this.store(entries, slots);
    if (ends === 'linked' && this.slots.taken > slots.length) this.linkFrom(slots[0]!);
  }

  /** Makes an entry the last of its list, or not. */
  private end(lanes: Int32Array, last: boolean): void {
    const { follow } = this.format;
    if (follow.kind !== 'linked') return;
    if (follow.end === 'last') setMark(this.roles.markField('last'), lanes, last);
    else if (follow.end === 'null' && last) put(this.roles.addressField('next')!, lanes, 0n);
  }

  /** The entry before a place leads there from now on. */
  private linkFrom(slot: number): void {
    const before = (slot + this.layout.entries - 1) % this.layout.entries;
    this.shared.wmb();
    this.change(before, (lanes) => put(this.roles.addressField('next')!, lanes, this.deviceAddress(slot)));
    const { follow } = this.format;
    if (follow.kind !== 'linked' || follow.end !== 'last') return;
    // The link is followed as soon as the mark is gone.
    this.shared.wmb();
    this.change(before, (lanes) => this.end(lanes, false));
  }

  /**
   * Changes words of an entry that lies in memory already; words that stay the same are not stored. Two that make one of 64 bits are
   * stored as one: a device that follows a list must not see half a link.
   */
  private change(slot: number, change: (lanes: Int32Array) => void): void {
    const { entry } = this.format;
    const { memory } = this.shared;
    const lanes = new Int32Array(entry.lanes);
    const address = this.cpuAddress(slot);
    entry.load(memory, address, lanes);
    const before = lanes.slice();
    change(lanes);
    const isNew = (i: number): boolean => i < lanes.length && lanes[i] !== before[i];
    for (let i = 0; i < lanes.length; i++) {
      if (!isNew(i)) continue;
      if ((address + 4 * i) % 8 === 0 && isNew(i + 1)) {
        memory.store64(address + 4 * i, lanes[i]! >>> 0, lanes[i + 1]! >>> 0);
        i++;
      } else memory.store32(address + 4 * i, lanes[i]! >>> 0);
    }
  }

  doorbell(): bigint | undefined {
    const { taken } = this.slots;
    if (this.rung === taken || this.lists.length === LinkedGiver.MOST_LISTS) return undefined;
    const first = this.rung % this.layout.entries;
    const last = (taken - 1) % this.layout.entries;
    this.rung = taken;
    if (this.ends !== 'rung') return this.format.doorbell.value === 'tail-address' ? this.deviceAddress(last) : 0n;
    this.change(last, (lanes) => this.end(lanes, true));
    this.lists.push(last);
    return this.deviceAddress(first);
  }

  override finished(slots: readonly number[]): void {
    if (this.lists[0] !== undefined && slots.includes(this.lists[0])) this.lists.shift();
  }

  pending(places: readonly (readonly number[])[]): WalkStart {
    const last = this.deviceAddress((this.slots.taken + this.layout.entries - 1) % this.layout.entries);
    const first = places[0]?.[0];
    return { at: first === undefined ? last : this.deviceAddress(first), tail: last };
  }
}

/** A table of entries, and a ring of heads. */
export class HeadsGiver extends Giver {
  readonly slots: TableSlots;
  private readonly elementRoles: EntryRoles;
  private readonly headerRoles: EntryRoles;
  private readonly elementLanes: Int32Array;
  private readonly headerLanes: Int32Array;
  private readonly follow: Extract<Format['follow'], { kind: 'heads' }>;
  /** Heads ever added. */
  private added = 0;
  private rung = 0;

  constructor(format: Format, layout: QueueLayout, shared: SharedMemory, writer: EntryWriter) {
    super(format, layout, shared, writer);
    const { follow, pieces } = format;
    if (follow.kind !== 'heads') throw new TypeError('not a ring of heads');
    this.follow = follow;
    this.slots = new TableSlots(layout.entries, pieces.kind === 'chain' && pieces.next === 'consecutive');
    this.elementRoles = new EntryRoles(follow.element);
    this.headerRoles = new EntryRoles(follow.header);
    this.elementLanes = new Int32Array(follow.element.lanes);
    this.headerLanes = new Int32Array(follow.header.lanes);
  }

  give(entries: readonly Int32Array[], slots: readonly number[]): void {
    const next = this.roles.countField('next-index');
    entries.forEach((lanes, i) => {
      this.own(lanes);
      if (next !== undefined && i + 1 < slots.length) put(next, lanes, slots[i + 1]!);
    });
    this.store(entries, slots);
    this.addHead(slots[0]!);
  }

  private addHead(head: number): void {
    const { element, header } = this.follow;
    const { memory, cpu, wmb } = this.shared;
    const at = cpu + this.layout.headsAt;
    put(this.elementRoles.countField('id')!, this.elementLanes, head);
    const slot = this.added % this.layout.entries;
    element.save(memory, at + header.size + slot * element.size, this.elementLanes);
    this.added++;
    const field = this.headerRoles.countField('index')!;
    put(field, this.headerLanes, this.added % 2 ** Math.min(field.bits, 32));
    wmb();
    header.save(memory, at, this.headerLanes);
  }

  doorbell(): bigint | undefined {
    if (this.rung === this.added) return undefined;
    this.rung = this.added;
    return 0n;
  }

  pending(places: readonly (readonly number[])[], from: number | undefined): WalkStart {
    const heads = this.base + BigInt(this.layout.headsAt);
    return { at: this.base, entries: this.layout.entries, heads, from: from ?? this.added - places.length };
  }
}
