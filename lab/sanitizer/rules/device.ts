import { PAGE_SIZE, dmaAddrOf, dmaOffsetOf, dmaPageOf } from '../../../base/address';
import { BUS_OK } from '../../../base/bus-outcome';
import type { DescriptorErrorEvent, DmaAccessEvent } from '../../../base/trace-events';
import { hex } from '../../../base/u64';
import { DELIVERED, FRESH } from '../byte-origins';
import { LINE_SIZE } from '../../../emulator/cache/options';
import { isEmptyMask, overlaps, type LineMask, type LineStory } from '../cache-lines';
import { directionName, type Lease } from '../lease';
import type { LeasePlace } from '../lease-table';
import { PAGE_STALE } from '../page-bits';
import { drawBytes } from '../picture';
import type { SanitizerState } from '../state';
import type { WatchedDevice } from '../watched-device';
import { attempt, reportOutside } from './outside';

/** Part of an access that lies in one lease. */
interface Touch {
  readonly lease: Lease;
  /** Bytes of the lease. */
  readonly at: number;
  readonly length: number;
  readonly write: boolean;
  /** Whether memory was reached. */
  readonly done: boolean;
}

/** Accesses of bus masters. */
export class DeviceRules {
  private readonly state: SanitizerState;

  constructor(state: SanitizerState) {
    this.state = state;
  }

  /** A bus master reads or writes memory, behind translation. The event about all of it follows. */
  piece(requester: number, address: number, length: number, write: boolean): void {
    const device = this.state.devices.requesting(requester);
    if (device !== undefined) (write ? device.writes : device.reads).push(address, length);
  }

  /** A bus master's access is over. */
  accessed(event: DmaAccessEvent): void {
    const device = this.state.devices.requesting(event.requester);
    if (device === undefined || event.length <= 0) return;
    const write = event.type === 'dma-write';
    const pieces = write ? device.writes : device.reads;
    if (isForeign(device)) pieces.length = 0;
    else if (device.dev.driver === null) this.withoutDriver(device, event);
    else this.withDriver(device, event, write, pieces);
    pieces.length = 0;
  }

  private withDriver(device: WatchedDevice, event: DmaAccessEvent, write: boolean, pieces: readonly number[]): void {
    const done = event.outcome === BUS_OK;
    let page = dmaPageOf(event.address);
    let offset = dmaOffsetOf(event.address);
    let first: Lease | null = null;
    for (let left = event.length; left > 0;) {
      const place: LeasePlace | null = device.find(page, offset);
      if (place === null) {
        if (device.told.met(dmaAddrOf(page + Math.floor(offset / PAGE_SIZE), offset % PAGE_SIZE))) break;
        reportOutside(this.state, device, { page, offset, length: left, write, done });
        break;
      }
      const length = Math.min(place.room, left);
      first ??= place.lease;
      this.touch({ lease: place.lease, at: place.at, length, write, done });
      left -= length;
      page += Math.floor((offset + length) / PAGE_SIZE);
      offset = (offset + length) % PAGE_SIZE;
      if (left === event.length - length && done) this.checkTranslation(place, pieces);
    }
    if (!done) return;
    if (write) {
      // Where nothing is mapped that has been told; whoever has the memory by then is innocent of what becomes of it.
      if (first !== null) this.overtake(first, pieces);
      return;
    }
    if (first?.isShared === true && pieces.length > 0) device.fetched = [pieces[0]!, pieces[1]!];
    this.checkOrder(device, pieces);
  }

  private touch(touch: Touch): void {
    const { lease, write, done } = touch;
    const { recorder } = this.state;
    if (write ? !lease.deviceWrites : !lease.deviceReads) this.wrongWay(touch);
    lease.firstUsed ??= touch.at;
    if (!done) return;
    if (lease.isShared) return;
    lease.deviceUsed = recorder.nowByDevice;
    lease.started = lease.device.started;
    if (write) this.written(touch);
    else this.wasRead(touch);
  }

  private wrongWay({ lease, write, done }: Touch): void {
    const { recorder } = this.state;
    const { device, name, terms } = lease;
    if (this.state.devices.named(device.name)?.told.wentWrongWay(lease) === true) return;
    recorder.report({
      id: 'DMA-DIRECTION',
      device: device.name,
      severity: 'error',
      harm: done ? (lease.needsSync ? 'happened' : 'none') : 'happened',
      message: `${device.name} ${attempt(done, write ? 'wrote to' : 'read from', write ? 'write to' : 'read from')} ${name}: it was mapped ${directionName(terms.direction)}`,
      places: [
        ['DMA started', device.started],
        ['mapped', lease.mapped],
      ],
      shape: `${lease.shape} ${write}`,
    });
  }

  private written(touch: Touch): void {
    const { lease, at, length } = touch;
    if (lease.cpuOwned.intersects(at, at + length)) {
      // A stream that is only received from is never handed back: the next transfer takes it.
      if (lease.terms.kind === 'stream') lease.cpuOwned.remove(at, at + length);
      else this.notOwner(touch);
    }
    lease.deviceWrote.add(at, at + length);
    lease.eachMemory(at, length, (physical, bytes) => this.state.origins.fill(physical, bytes, DELIVERED));
  }

  private wasRead(touch: Touch): void {
    const { lease, at, length } = touch;
    if (lease.pending.intersects(at, at + length)) this.unsynced(touch);
    else if (lease.cpuOwned.intersects(at, at + length) && lease.terms.kind !== 'stream') this.notOwner(touch);
    this.checkInitialised(touch);
  }

  private notOwner({ lease, at, length, write }: Touch): void {
    const { recorder } = this.state;
    const { device, name } = lease;
    recorder.report({
      id: 'DMA-DEVICE-NOT-OWNER',
      device: device.name,
      harm: lease.needsSync ? 'possible' : 'none',
      message: `${device.name} ${write ? 'wrote' : 'read'} bytes ${at} to ${at + length - 1} of ${name}, which the CPU owns`,
      places: [
        ['mapped', lease.mapped],
        [lease.forCpu === null ? 'allocated' : 'synced for the CPU', lease.forCpu ?? lease.mapped],
        ['DMA started', device.started],
        [write ? 'written by the device' : 'read by the device', recorder.nowByDevice],
      ],
      fault: lease.forCpu === null ? 'DMA started' : 'synced for the CPU',
      picture: drawBytes(lease.length, [
        { name: 'CPU owns', mark: '=', ranges: lease.cpuOwned.ranges() },
        { name: write ? 'device wrote' : 'device read', mark: 'D', ranges: [[at, at + length]] },
      ]),
      shape: `${lease.shape} ${write}`,
    });
  }

  /** The device reads what the CPU has written and not handed over. */
  private unsynced({ lease, at, length }: Touch): void {
    const { recorder } = this.state;
    const { device, name } = lease;
    const [start, end] = lease.pending.firstWithin(at, at + length)!;
    recorder.report({
      id: 'DMA-SYNC-MISSING-DEVICE',
      device: device.name,
      harm:
        lease.terms.bounced || this.state.isDirty(lease, start, end)
          ? 'happened'
          : lease.needsSync
            ? 'possible'
            : 'none',
      message: `${device.name} read bytes ${start} to ${end - 1} of ${name}, which the CPU has written since it handed them over`,
      places: [
        ['mapped', lease.mapped],
        ['written by the CPU', lease.cpuWrote],
        ['DMA started', device.started],
        ['read by the device', recorder.nowByDevice],
      ],
      fault: 'written by the CPU',
      picture: drawBytes(lease.length, [
        { name: 'CPU wrote', mark: 'w', ranges: lease.pending.ranges() },
        { name: 'device read', mark: '^', ranges: [[at, at + length]] },
      ]),
      shape: lease.shape,
    });
  }

  private checkInitialised({ lease, at, length }: Touch): void {
    const { origins, recorder } = this.state;
    lease.eachMemory(at, length, (physical, bytes, start) => {
      const fresh = origins.find(physical, bytes, FRESH);
      if (fresh < 0) return;
      recorder.report({
        id: 'DMA-UNINITIALISED',
        device: lease.device.name,
        severity: 'error',
        harm: 'happened',
        message: `${lease.device.name} read byte ${start + fresh} of ${lease.name}, which nobody has written since it was allocated: it may hold anything`,
        places: [
          ['mapped', lease.mapped],
          ['DMA started', lease.device.started],
        ],
        fault: 'mapped',
        shape: lease.shape,
      });
    });
  }

  /** What was reached must be what is mapped now, and not what was mapped there before. */
  private checkTranslation({ lease, at }: LeasePlace, pieces: readonly number[]): void {
    const reached = pieces[0];
    if (reached === undefined || lease.terms.bounced || lease.terms.memoryPieces.length === 0) return;
    const { iommu } = lease.device.dev;
    if (iommu === null || lease.terms.kind === 'stream') return;
    let expected = -1;
    lease.eachMemory(at, 1, (physical) => {
      expected = physical;
    });
    if (expected < 0 || expected === reached) return;
    const { recorder } = this.state;
    recorder.report({
      id: 'DMA-STALE-IOTLB',
      device: lease.device.name,
      severity: 'error',
      harm: 'happened',
      message: `${lease.device.name} used ${lease.name} and reached physical ${hex(reached)} instead of ${hex(expected)}: the IOMMU still had an earlier mapping of the address`,
      places: [
        ['mapped', lease.mapped],
        ['DMA started', lease.device.started],
      ],
      fault: 'mapped',
      shape: lease.shape,
    });
  }

  /** A device that does not snoop has written memory of which the cache holds lines. */
  private overtake(lease: Lease, pieces: readonly number[]): void {
    const { lines } = this.state;
    const { device } = lease;
    if (lines === undefined || device.dev.dma.dma_coherent) return;
    for (let i = 0; i < pieces.length; i += 2) {
      const [address, length] = [pieces[i]!, pieces[i + 1]!];
      const held = lines.overtake(address, length, lease, (line, story, written) =>
        this.underDirty(lease, line * LINE_SIZE, story, written),
      );
      if (held) this.state.flag(address, length, PAGE_STALE);
    }
  }

  private underDirty(lease: Lease, address: number, story: LineStory, written: LineMask): void {
    const { recorder } = this.state;
    const isShared = !isEmptyMask(story.soiled) && !overlaps(story.soiled, written);
    const { device } = lease;
    recorder.report({
      id: isShared ? 'DMA-LINE-SHARED' : 'DMA-DIRTY-LINE',
      device: device.name,
      harm: 'possible',
      message: `${device.name} wrote to ${lease.name} while the CPU's cache held a dirty line of it at physical ${hex(address)}: when that is written back, what the device wrote is gone`,
      places: [
        ['mapped', lease.mapped],
        ['written by the CPU', story.soiledAt],
        ['DMA started', device.started],
      ],
      fault: faultOfDirtyLine(lease, story),
      shape: lease.shape,
    });
  }

  private checkOrder(device: WatchedDevice, pieces: readonly number[]): void {
    const { order, recorder } = this.state;
    if (order === undefined) return;
    for (let i = 0; i < pieces.length; i += 2) {
      const { missed, seen } = order.read(pieces[i]!, pieces[i + 1]!, device.seenTick);
      device.seenTick = seen;
      if (missed === null || device.told.missed(missed)) continue;
      recorder.report({
        id: 'DMA-BARRIER',
        device: device.name,
        severity: 'error',
        harm: 'happened',
        message: `${device.name} read memory at physical ${hex(pieces[i]!)} whose store still waited in the CPU, after it had seen the effect of a later store`,
        places: [
          ['stored by the CPU', missed],
          ['DMA started', device.started],
        ],
        fault: 'stored by the CPU',
      });
    }
  }

  /** A device has found a descriptor that it cannot work with. */
  badDescriptor({ requester, address, what }: DescriptorErrorEvent): void {
    const device = this.state.devices.requesting(requester);
    if (device === undefined) return;
    const place = device.find(dmaPageOf(address), dmaOffsetOf(address));
    const { fetched } = device;
    if (device.told.refused(address, place?.lease ?? null)) return;
    this.state.recorder.report({
      id: 'DMA-CHAIN',
      device: device.name,
      severity: 'error',
      harm: 'happened',
      message: `the descriptor that ${device.name} fetched at ${hex(address)} ${what}`,
      places: [
        ['allocated', place?.lease.mapped ?? null],
        ['descriptor written', fetched === null ? null : this.state.stores.latest(...fetched)],
        ['DMA started', device.started],
      ],
    });
  }

  private withoutDriver(device: WatchedDevice, event: DmaAccessEvent): void {
    const { recorder } = this.state;
    const [page, offset] = [dmaPageOf(event.address), dmaOffsetOf(event.address)];
    const lease = device.find(page, offset)?.lease ?? device.findPast(page, offset)?.lease ?? null;
    const done = event.outcome === BUS_OK;
    const verb = event.type === 'dma-write' ? 'wrote' : 'read';
    const did = attempt(done, verb, event.type === 'dma-write' ? 'write' : 'read');
    recorder.report({
      id: 'DMA-AFTER-UNBIND',
      device: device.name,
      severity: 'error',
      harm: done ? 'happened' : 'none',
      message: `${device.name} ${did} ${event.length} bytes at ${hex(event.address)} while no driver is bound to it`,
      places: [
        [lease?.isShared === true ? 'allocated' : 'mapped', lease?.mapped ?? null],
        ['DMA started', device.started],
        ['unbound', device.unbound],
        [event.type === 'dma-write' ? 'written by the device' : 'read by the device', recorder.nowByDevice],
      ],
      fault: device.started === null ? 'unbound' : 'DMA started',
      shape: verb,
    });
  }
}

/** A line that was dirty when its memory was mapped should have been cleaned then; one that became dirty later, left alone. */
export const faultOfDirtyLine = (lease: Lease, { soiledAt }: LineStory): string =>
  soiledAt === null || soiledAt.tick <= lease.mapped.tick ? 'mapped' : 'written by the CPU';

/** Whether the device is in a domain of its driver's own, which the DMA API knows nothing of. */
export const isForeign = ({ dev }: WatchedDevice): boolean => {
  const group = dev.iommu?.group ?? null;
  return dev.driver !== null && group !== null && group.domain !== group.default_domain;
};
