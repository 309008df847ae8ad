import { PAGE_SIZE } from '../../../base/address';
import { hex } from '../../../base/u64';
import { LINE_SIZE } from '../../../emulator/cache/options';
import type { ReportId } from '../catalogue';
import { AWAITED, KNOWN, OUTDATED } from '../byte-origins';
import type { Lease, MemoryPiece } from '../lease';
import { PAGE_LENT, PAGE_QUEUED, PAGE_SHARED, PAGE_ORIGINS, PAGE_REGISTERS, PAGE_STALE } from '../page-bits';
import { drawBytes } from '../picture';
import type { Harm } from '../report';
import type { SanitizerState } from '../state';
import type { DescriptorRules } from './descriptors';

/** The CPU's loads and stores to memory that the sanitizer follows. */
export class CpuRules {
  private readonly state: SanitizerState;
  private readonly descriptors: DescriptorRules;

  constructor(state: SanitizerState, descriptors: DescriptorRules) {
    this.state = state;
    this.descriptors = descriptors;
  }

  /** The CPU is about to load. */
  read(address: number, length: number, uncached: boolean): void {
    this.state.recorder.step();
    this.eachPage(address, length, (start, bytes, flags) => {
      if ((flags & PAGE_LENT) !== 0 && this.readLent(start, bytes)) return;
      if ((flags & PAGE_STALE) !== 0 && !uncached && this.readOld(start, bytes)) return;
      if ((flags & PAGE_ORIGINS) !== 0) this.readUnwritten(start, bytes);
    });
  }

  /** The CPU is about to store. */
  write(address: number, length: number, uncached: boolean): void {
    const { recorder, order, lines, origins, stores } = this.state;
    recorder.step();
    this.eachPage(address, length, (start, bytes, flags) => {
      if ((flags & PAGE_REGISTERS) !== 0) this.start(start);
      if ((flags & PAGE_QUEUED) !== 0) this.descriptors.stored(start, bytes, uncached);
      if ((flags & PAGE_ORIGINS) !== 0) origins.fill(start, bytes, KNOWN);
      if ((flags & PAGE_SHARED) !== 0) {
        stores.stored(start, bytes, recorder.now);
        order?.stored(start, bytes, recorder.now);
      }
      if ((flags & (PAGE_LENT | PAGE_ORIGINS)) !== 0 && !uncached) lines?.stored(start, bytes, recorder.now);
      if ((flags & PAGE_LENT) !== 0) this.writeLent(start, bytes);
    });
  }

  /** The CPU is about to move memory. Bounce buffers are the kernel's own affair. */
  copy(from: number, to: number, length: number, uncached: boolean): void {
    if (this.state.isBounceBuffer(from) || this.state.isBounceBuffer(to)) return;
    this.read(from, length, uncached);
    this.write(to, length, uncached);
  }

  private eachPage(
    address: number,
    length: number,
    visit: (start: number, bytes: number, flags: number) => void,
  ): void {
    for (let done = 0; done < length;) {
      const start = address + done;
      const page = Math.floor(start / PAGE_SIZE);
      const bytes = Math.min(PAGE_SIZE - (start - page * PAGE_SIZE), length - done);
      const flags = this.state.flagsOf(page);
      if (flags !== 0) visit(start, bytes, flags);
      done += bytes;
    }
  }

  /** A register of a bus master is written: whatever it does next was started here. */
  private start(address: number): void {
    const { devices, recorder } = this.state;
    const device = devices.withRegistersOn(Math.floor(address / PAGE_SIZE));
    if (device === undefined) return;
    device.started = recorder.now;
    device.seenTick = Math.max(device.seenTick, recorder.tick);
    this.descriptors.started(device);
  }

  /** The leases of a page, with the part of each that a range touches, by its bytes. */
  private eachLease(
    address: number,
    length: number,
    visit: (lease: Lease, at: number, bytes: number) => boolean,
  ): boolean {
    const leases = this.state.lent.on(Math.floor(address / PAGE_SIZE)) ?? [];
    for (const lease of leases) {
      if (lease.isShared) continue;
      for (const { physical, length: size, at } of lease.terms.memoryPieces) {
        const start = Math.max(address, physical);
        const end = Math.min(address + length, physical + size);
        if (start < end && visit(lease, at + start - physical, end - start)) return true;
      }
    }
    return false;
  }

  /** @returns whether something was said about it */
  private readLent(address: number, length: number): boolean {
    return this.eachLease(address, length, (lease, at, bytes) => {
      if (!lease.deviceWrites || lease.cpuOwned.contains(at, at + bytes)) return false;
      const unsynced = lease.deviceWrote.firstWithin(at, at + bytes);
      if (unsynced === null || lease.cpuOwned.contains(unsynced[0], unsynced[1])) return false;
      this.reportUnsynced(lease, at, bytes);
      return true;
    });
  }

  private reportUnsynced(lease: Lease, at: number, bytes: number): void {
    const { recorder } = this.state;
    const { name, device, deviceUsed, forDevice } = lease;
    const id = unsyncedKind(lease, at, bytes);
    recorder.report({
      id,
      device: device.name,
      harm: this.harmOfReading(lease, at, bytes),
      message: `the CPU read bytes ${at} to ${at + bytes - 1} of ${name}, which ${device.name} owns and has written${CLUES[id] ?? ''}`,
      places: [
        ['mapped', lease.mapped],
        ['DMA started', lease.started],
        [`written by the device`, deviceUsed],
        ['synced for the device', id === 'DMA-SYNC-WRONG-CALL' ? forDevice : null],
        ['synced in part', id === 'DMA-SYNC-PARTIAL' ? lease.forCpu : null],
        ['read by the CPU', recorder.now],
      ],
      fault: FAULTS[id] ?? 'read by the CPU',
      picture: drawBytes(lease.length, [
        { name: 'device wrote', mark: 'D', ranges: lease.deviceWrote.ranges() },
        { name: 'CPU owns', mark: '=', ranges: lease.cpuOwned.ranges() },
        { name: 'CPU read', mark: '^', ranges: [[at, at + bytes]] },
      ]),
      shape: lease.shape,
    });
  }

  private harmOfReading(lease: Lease, at: number, bytes: number): Harm {
    if (lease.terms.bounced) return 'happened';
    if (!lease.needsSync) return 'none';
    const { lines } = this.state;
    let isOld = false;
    lease.eachMemory(at, bytes, (physical, length) => {
      isOld ||= lines !== undefined && lines.firstOld(physical, length) >= 0;
    });
    return isOld ? 'happened' : 'possible';
  }

  /** A line that a device has written under is still there though the CPU may read it. */
  private readOld(address: number, length: number): boolean {
    const { lines, recorder } = this.state;
    const at = lines?.firstOld(address, length) ?? -1;
    if (at < 0) return false;
    const { lease } = lines!.story(Math.floor((address + at) / LINE_SIZE))!;
    const { device, mapped, started, shape } = lease!;
    recorder.report({
      id: 'DMA-STALE-READ',
      device: device.name,
      harm: 'happened',
      message: `the CPU read an old byte at physical ${hex(address + at)} from its cache: ${device.name} has written it since the line was filled`,
      places: [
        ['mapped', mapped],
        ['DMA started', started],
        ['read by the CPU', recorder.now],
      ],
      shape,
    });
    return true;
  }

  /** Bytes that a device was to write, and has not. */
  private readUnwritten(address: number, length: number): void {
    const { origins, recorder, devices } = this.state;
    const awaited = origins.find(address, length, AWAITED);
    const at = awaited >= 0 ? awaited : origins.find(address, length, OUTDATED);
    if (at < 0) return;
    const lease = latestOver(devices.all, address + at);
    const what = awaited >= 0 ? 'nobody has ever written it' : 'it is left over from an earlier transfer';
    recorder.report({
      id: 'DMA-SHORT-WRITE',
      device: lease?.device.name ?? '',
      severity: 'error',
      harm: 'happened',
      message: `the CPU read a byte at physical ${hex(address + at)} that ${lease?.device.name ?? 'the device'} was to write and has not: ${what}`,
      places: [
        ['mapped', lease?.mapped ?? null],
        ['written by the device', lease?.deviceUsed ?? null],
        ['read by the CPU', recorder.now],
      ],
      shape: lease?.shape ?? '',
    });
    // Said once for each byte.
    origins.fill(address, length, KNOWN);
  }

  private writeLent(address: number, length: number): void {
    const { recorder } = this.state;
    this.eachLease(address, length, (lease, at, bytes) => {
      lease.pending.add(at, at + bytes);
      lease.cpuWrote = recorder.now;
      return false;
    });
    for (const lease of this.state.lent.on(Math.floor(address / PAGE_SIZE)) ?? [])
      this.writeBeside(lease, address, length);
  }

  /** A store next to memory that a device is to write, into the same line. */
  private writeBeside(lease: Lease, address: number, length: number): void {
    if (!lease.deviceWrites || lease.isShared || lease.isCoherent || lease.terms.bounced) return;
    for (const piece of lease.terms.memoryPieces) {
      const edge = sharedEdge(piece, address, length);
      if (edge === null || lease.cpuOwned.contains(edge, edge + 1)) continue;
      const { recorder } = this.state;
      recorder.report({
        id: 'DMA-LINE-SHARED',
        device: lease.device.name,
        harm: 'possible',
        message: `the CPU wrote at physical ${hex(address)}, into a cache line that ${lease.name} shares, while ${lease.device.name} owns that`,
        places: [
          ['mapped', lease.mapped],
          ['written by the CPU', recorder.now],
        ],
        shape: lease.shape,
      });
      return;
    }
  }
}

const CLUES: Partial<Record<ReportId, string>> = {
  'DMA-SYNC-WRONG-CALL': ': what was called is dma_sync_*_for_device',
  'DMA-SYNC-PARTIAL': ': only a part of it was synced for the CPU',
};

/** Where the mistake is not where the bytes are read. */
const FAULTS: Partial<Record<ReportId, string>> = {
  'DMA-SYNC-WRONG-CALL': 'synced for the device',
  'DMA-SYNC-PARTIAL': 'synced in part',
};

const unsyncedKind = (lease: Lease, at: number, bytes: number): ReportId => {
  if (lease.forDevice !== null && lease.deviceUsed !== null && lease.forDevice.tick > lease.deviceUsed.tick) {
    return 'DMA-SYNC-WRONG-CALL';
  }
  const isPartly = lease.cpuOwned.intersects(at - LINE_SIZE, at + bytes + LINE_SIZE);
  return isPartly ? 'DMA-SYNC-PARTIAL' : 'DMA-SYNC-MISSING-CPU';
};

/** The byte of the lease whose line a store outside of a piece falls into; null if none. */
const sharedEdge = ({ physical, length, at }: MemoryPiece, address: number, bytes: number): number | null => {
  const end = physical + length;
  const line = (place: number): number => Math.floor(place / LINE_SIZE);
  if (address < physical && line(address + bytes - 1) >= line(physical)) return at;
  if (address + bytes > end && line(address) <= line(end - 1)) return at + length - 1;
  return null;
};

/** The lease, live or over, that had a byte of memory last. */
const latestOver = (
  devices: Iterable<{ leases: Set<Lease>; past: readonly Lease[] }>,
  address: number,
): Lease | null => {
  let latest: Lease | null = null;
  for (const { leases, past } of devices) {
    for (const lease of [...past, ...leases]) {
      const isOver = lease.terms.memoryPieces.some(
        ({ physical, length }) => address >= physical && address < physical + length,
      );
      if (isOver && (latest === null || lease.mapped.tick > latest.mapped.tick)) latest = lease;
    }
  }
  return latest;
};
