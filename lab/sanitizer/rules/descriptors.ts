import { changedFields, dumpEntry, type PlacedField, type WalkedEntry } from '../../../base/descriptor';
import { hex } from '../../../base/u64';
import { describesQueues, type DescribesQueues } from '../../../emulator/described-queue';
import { InFlight, type FlightEntry, type FlightUnit } from '../in-flight';
import { Outstanding } from '../outstanding';
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
  readonly unit: FlightUnit<QueueWatch>;
  /** As it was before. */
  readonly entry: WalkedEntry;
  readonly physical: number;
  readonly uncached: boolean;
  readonly when: Moment;
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
  /** Queues whose devices may go on by themselves, by a store that is known once it is done. */
  private readonly touched: { readonly queue: QueueWatch; readonly when: Moment }[] = [];

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
    if (surely) this.settleStores();
    if (this.due !== null) this.lookAtDue(this.due.device, this.due.source, surely);
  }

  private settleStores(): void {
    const { doubts, touched } = this;
    if (doubts.length > 0) for (const doubt of doubts.splice(0)) this.resolve(doubt);
    if (touched.length > 0) for (const { queue, when } of touched.splice(0)) queue.advance(when);
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
      if (found !== undefined) this.checks.report(watch, found);
    }
  }

  private watchesOf(device: WatchedDevice, { label, device: described }: Source): QueueWatch[] {
    const { state, inFlight } = this;
    const memory = state.machine.hardware.seenBy(label);
    const parts = { state, device, inFlight, memory, outstanding: new Outstanding<FlightUnit<QueueWatch>>() };
    return described.describedQueues.map((queue) => new QueueWatch(queue, parts));
  }

  /** The CPU is about to store to a page with descriptors. */
  stored(address: number, length: number, uncached: boolean): void {
    const flying = this.flyingAt(address, length);
    if (flying?.unit.told === false) this.doubt(flying, uncached);
    const queue = this.inFlight.awaiting(address, length);
    if (queue !== undefined) this.touched.push({ queue, when: this.state.recorder.now });
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

  private doubt({ unit, entry: walked, physical }: FlightEntry<QueueWatch>, uncached: boolean): void {
    const lanes = this.state.readAsCpu(physical, walked.descriptor, uncached);
    if (lanes === undefined) return;
    this.doubts.push({ unit, entry: { ...walked, lanes }, physical, uncached, when: this.state.recorder.now });
  }

  /** The store is done: what did it change? */
  private resolve(doubt: Doubt): void {
    const { unit, entry, physical, uncached } = doubt;
    const { descriptor, lanes } = entry;
    const after = this.state.readAsCpu(physical, descriptor, uncached);
    if (after === undefined || unit.told) return;
    const isEnd = unit.queue.isListEnd(entry.address);
    const changed = changedFields(descriptor, lanes, after).filter((field) => !(isEnd && isLink(field)));
    if (changed.length === 0) return;
    unit.told = true;
    if (unit.rung) this.reportOwned(doubt, changed, after);
    else this.reportEarly(doubt, changed, after);
  }

  private reportOwned(
    { unit: { queue, started }, entry, when }: Doubt,
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
    { unit: { queue, started }, entry, when }: Doubt,
    changed: readonly PlacedField[],
    after: Int32Array,
  ): void {
    const { name } = queue.device;
    const isEarlier = started !== null && started.tick < when.tick;
    this.state.recorder.report({
      id: 'DMA-DESC-EARLY',
      device: name,
      severity: 'error',
      harm: 'possible',
      message: `${entry.where} at ${hex(entry.address)} of ${queue.queue.name} was given to ${name} before ${pathsOf(changed)} had been written: it may have been read by then`,
      places: [
        ['given to the device', isEarlier ? started : null],
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
