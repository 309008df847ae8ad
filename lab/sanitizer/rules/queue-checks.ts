import { dmaOffsetOf, dmaPageOf, type DmaAddr } from '../../../base/address';
import {
  addressesIn,
  dumpEntry,
  type DataPiece,
  type Finding,
  type FindingKind,
  type Walk,
  type WalkChecks,
  type WalkedEntry,
} from '../../../base/descriptor';
import { hex } from '../../../base/u64';
import type { ReportId } from '../catalogue';
import { directionName, type Lease } from '../lease';
import { placeOf, type QueueWatch } from '../queue-watch';
import type { Finding as Mistake, Kept, Moment } from '../recorder';
import type { SanitizerState } from '../state';
import type { WatchedDevice } from '../watched-device';
import { explainOutside } from './outside';

/** Entries, headers and elements that one doorbell has looked at, at most. */
const MOST_AT_ONCE = 4096;
/** Mistakes of one doorbell that are told. */
const MOST_TOLD = 16;

/** What each finding of a walk is told as, the one that says most first: of those about one field, that one is told. */
const IDS: readonly (readonly [FindingKind, ReportId])[] = [
  ['too-early', 'DMA-DESC-EARLY'],
  ['loop', 'DMA-DESC-LOOP'],
  ['unterminated', 'DMA-DESC-UNTERMINATED'],
  ['index', 'DMA-DESC-INVALID'],
  ['indirect', 'DMA-DESC-INVALID'],
  ['frame', 'DMA-DESC-INVALID'],
  ['order', 'DMA-DESC-INVALID'],
  ['stale', 'DMA-DESC-INVALID'],
  ['unknown-opcode', 'DMA-DESC-INVALID'],
  ['unknown-value', 'DMA-DESC-INVALID'],
  ['reserved', 'DMA-DESC-INVALID'],
  ['too-long', 'DMA-DESC-LENGTH'],
  ['too-short', 'DMA-DESC-LENGTH'],
  ['misaligned', 'DMA-DESC-ALIGN'],
  ['boundary', 'DMA-DESC-ALIGN'],
  ['unmapped', 'DMA-DESC-UNMAPPED'],
  ['overlap', 'DMA-DESC-OVERLAP'],
];

const rankOf = (kind: FindingKind): number => IDS.findIndex(([each]) => each === kind);

/** Checks what devices are given, against what is mapped for them. */
export class QueueChecks {
  private readonly state: SanitizerState;

  constructor(state: SanitizerState) {
    this.state = state;
  }

  /** What a walk may ask of the world. */
  of(device: WatchedDevice): WalkChecks {
    return {
      limit: MOST_AT_ONCE,
      live: (address, length) => strayIn(device, address, length) === null,
      visible: (address, length) => this.isVisible(device, address, length),
    };
  }

  /** Whether a device sees what the CPU stored in coherent memory last. Of what is mapped, the rules of syncs tell. */
  private isVisible(device: WatchedDevice, address: bigint, length: number): boolean {
    const place = placeOf(device, address);
    if (place?.lease.isShared !== true) return true;
    const { lease, at } = place;
    const stores = this.state.machine.hardware.memory?.stores;
    let isWaiting = false;
    if (stores !== undefined)
      lease.eachMemory(at, length, (start, bytes) => (isWaiting ||= stores.holds(start, bytes)));
    return !isWaiting && !this.state.isDirty(lease, at, at + length);
  }

  /** Reports what is wrong with what a device has just been given. */
  report(watch: QueueWatch, { entries, findings }: Walk): void {
    let told = 0;
    for (const finding of chosen(findings)) {
      if (told++ === MOST_TOLD) return;
      const entry = entries.find(({ where, address }) => where === finding.where && address === finding.address);
      if (entry === undefined && finding.kind === 'unmapped' && this.reportLink(watch, finding, entries)) continue;
      this.reportOne(watch, finding, entry);
    }
    for (const entry of entries) if (entry.owned) this.checkDirections(watch, entry);
  }

  private reportOne(watch: QueueWatch, finding: Finding, entry: WalkedEntry | undefined): void {
    const piece = entry?.pieces.find(({ field }) => field === finding.field);
    if (finding.kind === 'too-early' && this.reportWaiting(watch, finding, entry, piece)) return;
    if (finding.kind === 'unmapped' && this.reportUnmapped(watch, finding, entry, piece)) return;
    const id = IDS[rankOf(finding.kind)]![1];
    this.tell(watch, {
      id,
      finding,
      entry,
      message: `${finding.where} at ${hex(finding.address)}: ${finding.message}`,
      places: this.earlierPlaces(watch, finding),
    });
  }

  /** The story of what was given before, if it is that which something overlaps. */
  private earlierPlaces(watch: QueueWatch, finding: Finding): Mistake['places'] {
    const earlier = watch.earlierOf(finding);
    if (earlier === undefined) return [];
    const { unit, range } = earlier;
    const written = this.writtenAt(watch.device, range.entry.address, range.field, range.entry);
    return [
      ['other descriptor written', written],
      ['other descriptor given to the device', unit.started],
    ];
  }

  private tell(
    watch: QueueWatch,
    {
      id,
      finding,
      entry,
      message,
      places = [],
      lease,
      fault,
    }: {
      readonly id: ReportId;
      readonly finding: Finding;
      readonly entry: WalkedEntry | undefined;
      readonly message: string;
      readonly places?: Mistake['places'];
      readonly lease?: Lease | undefined;
      readonly fault?: string;
    },
  ): Kept | null {
    const { device, queue } = watch;
    const place = placeOf(device, finding.address);
    const written = this.writtenAt(device, finding.address, finding.field, entry);
    const kept = this.state.recorder.report({
      id,
      device: device.name,
      severity: 'error',
      harm: 'possible',
      message: `${device.name} was given ${queue.name}, ${message}`,
      places: [
        lease === undefined ? ['allocated', place?.lease.mapped ?? null] : ['mapped', lease.mapped],
        ...places,
        ['descriptor written', written],
        ['DMA started', device.started],
      ],
      fault: fault ?? (written === null ? 'DMA started' : 'descriptor written'),
      picture: entry === undefined ? [] : dumpEntry(entry, [{ field: finding.field, text: finding.message }]),
      shape: `${queue.name} ${finding.kind} ${finding.field ?? ''}`,
    });
    if (kept === null) return null;
    const told = { kept, queue: watch, until: watch.doneWith(entry) };
    device.told.addRefusal(finding.address, place?.lease ?? null, told);
    // Whatever else the entry leads to, where nothing is mapped, is a part of the same mistake.
    for (const { address } of entry === undefined ? [] : addressesIn(entry)) {
      if (placeOf(device, address) === null) device.told.addStray(address, entry!.descriptor.size, told);
    }
    return kept;
  }

  /** When the field, or the entry, was stored last. */
  private writtenAt(
    device: WatchedDevice,
    address: bigint,
    field: string | undefined,
    entry: WalkedEntry | undefined,
  ): Moment | null {
    if (entry === undefined) return this.latest(device, address, 4);
    const { descriptor } = entry;
    const placed = field === undefined ? undefined : fieldOf(entry, field);
    if (placed === undefined) return this.latest(device, address, descriptor.size);
    const lanes = placed.pieces.map(({ lane }) => lane);
    const first = 4 * Math.min(...lanes);
    return this.latest(device, address + BigInt(first), 4 * Math.max(...lanes) + 4 - first);
  }

  private latest(device: WatchedDevice, address: bigint, length: number): Moment | null {
    const place = placeOf(device, address);
    if (place === null) return null;
    if (!place.lease.isShared) return place.lease.cpuWrote;
    let latest: Moment | null = null;
    place.lease.eachMemory(place.at, length, (physical, bytes) => {
      const moment = this.state.stores.latest(physical, bytes);
      if (moment !== null && (latest === null || moment.tick > latest.tick)) latest = moment;
    });
    return latest;
  }

  /** Stores that still wait are told as when the device misses them. @returns whether there are any */
  private reportWaiting(
    watch: QueueWatch,
    finding: Finding,
    entry: WalkedEntry | undefined,
    piece: DataPiece | undefined,
  ): boolean {
    const { order, recorder } = this.state;
    const { device } = watch;
    const [address, length] =
      piece === undefined ? [finding.address, entry?.descriptor.size ?? 4] : [piece.address, piece.length];
    const place = placeOf(device, address);
    if (order === undefined || place === null) return false;
    let missed: Moment | null = null;
    place.lease.eachMemory(place.at, length, (physical, bytes) => {
      missed ??= order.read(physical, bytes, device.seenTick).missed;
    });
    const store = missed as Moment | null;
    if (store === null) return false;
    const kept = recorder.report({
      id: 'DMA-BARRIER',
      device: device.name,
      severity: 'error',
      harm: 'possible',
      message: `${device.name} was told of ${finding.where} at ${hex(finding.address)}, a store to which still waited in the CPU`,
      places: [
        ['stored by the CPU', store],
        ['DMA started', device.started],
      ],
      fault: 'stored by the CPU',
      picture: entry === undefined ? [] : dumpEntry(entry, [{ text: 'not all of this is what the CPU stored last' }]),
    });
    if (kept !== null) device.told.addMiss(store, { kept, queue: watch, until: watch.doneWith(entry) });
    return true;
  }

  /** An entry that cannot be read is the fault of the one that leads there. @returns whether there is one */
  private reportLink(watch: QueueWatch, finding: Finding, entries: readonly WalkedEntry[]): boolean {
    const { address, where } = finding;
    const leads = entries.filter(({ owned }) => owned).flatMap((by) => addressesIn(by).map((one) => ({ ...one, by })));
    const lead = leads.find((one) => one.address === address);
    if (lead === undefined) return false;
    const { by } = lead;
    const field = lead.field.path;
    const { size } = by.descriptor;
    const piece = { of: 'next', field, address, length: size, moves: 'from-memory', fixed: false } as const;
    const message = `leads to ${where}, ${finding.message}`;
    return this.reportUnmapped(watch, { ...finding, where: by.where, address: by.address, field, message }, by, piece);
  }

  /** @returns whether it is known what is there instead */
  private reportUnmapped(
    watch: QueueWatch,
    finding: Finding,
    entry: WalkedEntry | undefined,
    piece: DataPiece | undefined,
  ): boolean {
    const { device } = watch;
    const length = piece?.length ?? entry?.descriptor.size ?? watch.queue.format.entry.size;
    const address = piece?.address ?? finding.address;
    const stray = strayIn(device, address, length);
    if (stray === null || stray >= 1n << 64n) return false;
    const write = piece?.moves === 'to-memory';
    const left = length - Number(stray - address);
    const access = {
      page: dmaPageOf(stray as DmaAddr),
      offset: dmaOffsetOf(stray as DmaAddr),
      length: left,
      write,
      done: false,
    };
    const { clue, lease, places = [] } = explainOutside(this.state, device, access);
    const range = `${length} bytes at ${hex(address)}`;
    const from = stray === address ? range : `${range}, which from ${hex(stray)} on lie`;
    const message =
      piece === undefined
        ? `${finding.where} at ${hex(address)}, ${clue}`
        : `${finding.where} at ${hex(finding.address)}, whose ${piece.field} leads it to ${from}${stray === address ? ',' : ''} ${clue}`;
    const kept = this.tell(watch, { id: 'DMA-DESC-UNMAPPED', finding, entry, message, places, lease });
    if (kept !== null) device.told.addStray(stray, left, { kept, queue: watch, until: watch.doneWith(entry) });
    return true;
  }

  /** Data that goes the other way than its mapping says. */
  private checkDirections(watch: QueueWatch, entry: WalkedEntry): void {
    const { device } = watch;
    for (const piece of entry.pieces) {
      const lease = placeOf(device, piece.address)?.lease;
      if (lease === undefined || piece.moves === 'unknown') continue;
      const write = piece.moves === 'to-memory';
      if (write ? lease.deviceWrites : lease.deviceReads) continue;
      const message = `${entry.where} at ${hex(entry.address)}, by which it is to ${write ? 'write to' : 'read from'} ${lease.name}: it was mapped ${directionName(lease.terms.direction)}`;
      const finding = {
        kind: 'unmapped',
        where: entry.where,
        address: entry.address,
        message: `mapped ${directionName(lease.terms.direction)}`,
        field: piece.field,
      } as const;
      const kept = this.tell(watch, { id: 'DMA-DIRECTION', finding, entry, message, lease, fault: 'mapped' });
      if (kept !== null) device.told.addWrongWay(lease, { kept, queue: watch, until: watch.doneWith(entry) });
    }
  }
}

/** The field of a path, in whatever shape the entry has. */
const fieldOf = ({ descriptor }: WalkedEntry, path: string) =>
  [...descriptor.placedFields, ...descriptor.variantFields].find((field) => field.path === path);

/** The first address of a range at which nothing is mapped for a device; null if all of it is. */
const strayIn = (device: WatchedDevice, address: bigint, length: number): bigint | null => {
  let at = address;
  for (let left = length; left > 0;) {
    const place = placeOf(device, at);
    if (place === null) return at;
    const step = Math.min(place.room, left);
    left -= step;
    at += BigInt(step);
  }
  return null;
};

/** Of all that is wrong with one field of an entry, what says most; if a device does not see the entry yet, only that. */
const chosen = (findings: readonly Finding[]): Finding[] => {
  const header = findings.find(({ where }) => where === 'header');
  if (header !== undefined) return [header];
  const best = new Map<string, Finding>();
  const unseen = new Set<string>();
  for (const finding of findings) {
    if (rankOf(finding.kind) < 0) continue;
    const entry = `${finding.address}|${finding.where}`;
    if (finding.kind === 'too-early' && finding.field === undefined) unseen.add(entry);
    const key = `${entry}|${finding.field ?? ''}`;
    const known = best.get(key);
    if (known === undefined || rankOf(finding.kind) < rankOf(known.kind)) best.set(key, finding);
  }
  return [...best.values()].filter(
    ({ kind, field, address, where }) =>
      !unseen.has(`${address}|${where}`) || (kind === 'too-early' && field === undefined),
  );
};
