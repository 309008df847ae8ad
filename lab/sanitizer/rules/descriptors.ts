import { PAGE_SIZE } from '../../../base/address';
import { BUS_OK } from '../../../base/bus-outcome';
import { changedFields, dumpEntry, type PlacedField, type WalkedEntry } from '../../../base/descriptor';
import { bytesOfWords, hex } from '../../../base/u64';
import { describesQueues, type DescribesQueues } from '../../../emulator/described-queue';
import { InFlight, type FlightEntry, type FlightUnit, type RingPage } from '../in-flight';
import { QueueWatch } from '../queue-watch';
import type { Moment } from '../recorder';
import type { SanitizerState } from '../state';
import type { WatchedDevice } from '../watched-device';
import { isForeign } from './device';
import { QueueChecks } from './queue-checks';

/** A device that knows its queues. */
interface Source {
  readonly label: string;
  readonly device: DescribesQueues;
  /** Once the kernel knows the device. */
  queues: readonly QueueWatch[] | undefined;
  changes: number;
}

/** A store to an entry that is the device's: what it changes is known once it is done. */
interface Doubt {
  readonly queue: QueueWatch;
  /** As it was before. */
  readonly entry: WalkedEntry;
  readonly physical: number;
  readonly uncached: boolean;
  readonly when: Moment;
  /** Undefined: nobody has rung yet, its owner or phase bit gave it away. */
  readonly unit: FlightUnit<QueueWatch> | undefined;
}

/** Descriptors of queues that devices know: what is wrong with them when the device is told, and who changes them afterwards. */
export class DescriptorRules {
  private readonly state: SanitizerState;
  private readonly checks: QueueChecks;
  private readonly sources = new Map<number, Source>();
  private readonly inFlight = new InFlight<QueueWatch>();
  /** A device whose registers were written; whether that was a doorbell shows afterwards. */
  private due: { readonly device: WatchedDevice; readonly source: Source } | null = null;
  private readonly doubts: Doubt[] = [];
  /** Entries that were given away too early, which was told, until somebody rings. */
  private readonly early = new Set<number>();

  constructor(state: SanitizerState) {
    this.state = state;
    this.checks = new QueueChecks(state);
    for (const { device, node, requesterId } of state.machine.nodes) {
      if (requesterId === undefined || !describesQueues(device)) continue;
      this.sources.set(requesterId, { label: node.label, device, queues: undefined, changes: 0 });
    }
  }

  /** A register of a bus master is about to be written. */
  started(device: WatchedDevice): void {
    const source = this.sources.get(device.requester);
    if (source !== undefined) this.due = { device, source };
  }

  /**
   * Something happens: what was about to happen before has happened.
   * @param surely false if this may be a part of it
   */
  settle(surely: boolean): void {
    if (surely && this.doubts.length > 0) for (const doubt of this.doubts.splice(0)) this.resolve(doubt);
    if (this.due !== null) this.lookAtDue(this.due.device, this.due.source, surely);
  }

  private lookAtDue(device: WatchedDevice, source: Source, surely: boolean): void {
    const { queueChanges } = source.device;
    if (queueChanges === source.changes) {
      if (surely) this.due = null;
      return;
    }
    this.due = null;
    source.changes = queueChanges;
    if (device.dev.driver === null || isForeign(device)) return;
    source.queues ??= this.watchesOf(device, source);
    for (const watch of source.queues) {
      const found = watch.look(this.checks.of(device));
      if (found === undefined) continue;
      this.early.clear();
      this.checks.report(watch, found);
    }
  }

  private watchesOf(device: WatchedDevice, { label, device: described }: Source): QueueWatch[] {
    const { state, inFlight } = this;
    const parts = { state, device, inFlight, memory: state.machine.hardware.seenBy(label) };
    return described.describedQueues.map((queue) => new QueueWatch(queue, parts));
  }

  /** The CPU is about to store to a page with descriptors. */
  stored(address: number, length: number, uncached: boolean): void {
    const flying = this.flyingAt(address, length);
    if (flying !== undefined) {
      if (!flying.unit.told) this.doubt(flying.unit.queue, flying.entry, flying.physical, uncached, flying.unit);
      return;
    }
    for (const ring of this.inFlight.ringsOn(address)) this.storedToRing(ring, address, uncached);
  }

  /** An entry in flight that a range touches, once all is forgotten that has landed. */
  private flyingAt(address: number, length: number): FlightEntry<QueueWatch> | undefined {
    for (let flying = this.inFlight.find(address, length); flying !== undefined;) {
      flying.unit.queue.refresh();
      const still = this.inFlight.find(address, length);
      if (still === flying) return flying;
      flying = still;
    }
    return undefined;
  }

  private storedToRing({ queue, address }: RingPage<QueueWatch>, physical: number, uncached: boolean): void {
    const place = queue.entryAt(address + BigInt(physical % PAGE_SIZE));
    if (place === undefined) return;
    const at = physical - (physical % PAGE_SIZE) + Number(place.at - address);
    const { entry: descriptor } = queue.queue.format;
    const isWhole = place.at >= address && Math.floor((at + descriptor.size - 1) / PAGE_SIZE) * PAGE_SIZE <= physical;
    if (!isWhole || this.early.has(at)) return;
    const lanes = this.read(at, descriptor.lanes, descriptor.size, uncached);
    if (lanes === undefined || !queue.isGiven(lanes, place.index)) return;
    const where = `entry ${place.index}`;
    const entry = { where, descriptor, address: place.at, lanes, owned: true, pieces: [] };
    this.doubts.push({ queue, entry, physical: at, uncached, when: this.state.recorder.now, unit: undefined });
  }

  private doubt(
    queue: QueueWatch,
    walked: WalkedEntry,
    physical: number,
    uncached: boolean,
    unit: FlightUnit<QueueWatch>,
  ): void {
    const { lanes: count, size } = walked.descriptor;
    const lanes = this.read(physical, count, size, uncached);
    if (lanes === undefined) return;
    const entry = { ...walked, lanes };
    this.doubts.push({ queue, entry, physical, uncached, when: this.state.recorder.now, unit });
  }

  /** An entry as the CPU sees it, whose stores need not have left it. */
  private read(physical: number, count: number, size: number, uncached: boolean): Int32Array | undefined {
    const { memory, bus } = this.state.machine.hardware;
    const way = memory === undefined ? bus : uncached ? memory.uncached : memory.cpu;
    const lanes = new Int32Array(count);
    return way.peek(physical, bytesOfWords(lanes), 0, size) === BUS_OK ? lanes : undefined;
  }

  /** The store is done: what did it change? */
  private resolve(doubt: Doubt): void {
    const { queue, entry, physical, uncached, unit } = doubt;
    const { descriptor, lanes } = entry;
    const after = this.read(physical, descriptor.lanes, descriptor.size, uncached);
    if (after === undefined || unit?.told === true) return;
    const isEnd = entry.address === queue.listEnd;
    const changed = changedFields(descriptor, lanes, after).filter((field) => !(isEnd && isLink(field)));
    if (changed.length === 0) return;
    if (unit === undefined) this.reportEarly(doubt, changed, after);
    else {
      unit.told = true;
      this.reportOwned(doubt, unit, changed, after);
    }
  }

  private reportOwned(
    { queue, entry, when }: Doubt,
    { started }: FlightUnit<QueueWatch>,
    changed: readonly PlacedField[],
    after: Int32Array,
  ): void {
    const { name } = queue.device;
    this.state.recorder.report({
      id: 'DMA-DESC-OWNED',
      device: name,
      severity: 'error',
      harm: 'possible',
      message: `the CPU changed ${pathsOf(changed)} of ${entry.where} at ${hex(entry.address)} of ${queue.queue.name} after it had given it to ${name}, which is not done with it`,
      places: [
        ['given to the device', started],
        ['changed by the CPU', when],
      ],
      picture: pictureOf(entry, changed, after),
      shape: `${queue.queue.name} ${pathsOf(changed)}`,
    });
  }

  private reportEarly(
    { queue, entry, physical, when }: Doubt,
    changed: readonly PlacedField[],
    after: Int32Array,
  ): void {
    this.early.add(physical);
    const { name } = queue.device;
    const given = this.state.stores.latest(physical + queue.ownerOffset, 4);
    const isEarlier = given !== null && given.tick < when.tick;
    this.state.recorder.report({
      id: 'DMA-DESC-EARLY',
      device: name,
      severity: 'error',
      harm: 'possible',
      message: `${entry.where} at ${hex(entry.address)} of ${queue.queue.name} was given to ${name} before ${pathsOf(changed)} had been written: it may have been read by then`,
      places: [
        ['given to the device', isEarlier ? given : null],
        ['changed by the CPU', when],
      ],
      fault: isEarlier ? 'given to the device' : 'changed by the CPU',
      picture: pictureOf(entry, changed, after),
      shape: queue.queue.name,
    });
  }
}

/** What links one entry of a list to the next, or ends it there. */
const isLink = ({ meaning }: PlacedField): boolean =>
  (meaning?.kind === 'address' && meaning.of === 'next') || (meaning?.kind === 'mark' && meaning.role === 'last');

const pathsOf = (fields: readonly PlacedField[]): string => fields.map(({ path }) => path).join(', ');

/** The entry as it is now. */
const pictureOf = (entry: WalkedEntry, changed: readonly PlacedField[], after: Int32Array): string[] =>
  dumpEntry(
    { ...entry, lanes: after },
    changed.map(({ path }) => ({ field: path, text: 'changed by the CPU' })),
  );
