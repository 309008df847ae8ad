import { dmaOffsetOf, dmaPageOf } from '../../../base/address';
import type { DmaSyncEvent } from '../../../base/trace-events';
import { hex } from '../../../base/u64';
import type { ReportId } from '../catalogue';
import { BIDIRECTIONAL, directionName, type Lease } from '../lease';
import type { LeaseHolder } from '../lease-holder';
import type { LeasePlace } from '../lease-table';
import { drawBytes } from '../picture';
import type { Harm } from '../report';
import type { SanitizerState } from '../state';
import type { WatchedDevice } from '../watched-device';
import { checkClobber } from './clobber';

/** Syncs: who gets which bytes, and whether that is what the driver says. */
export class SyncRules {
  private readonly state: SanitizerState;

  constructor(state: SanitizerState) {
    this.state = state;
  }

  /** `dma_sync_*` is about to do its work. */
  synced(event: DmaSyncEvent): void {
    const device = this.state.devices.named(event.device);
    if (device === undefined || event.length <= 0) return;
    const place = device.find(dmaPageOf(event.address), dmaOffsetOf(event.address));
    if (place === null) this.unknown(device, event);
    else if (place.lease.isShared) this.shared(place.lease, event);
    else this.hand(place, event);
  }

  private hand({ lease, at, room }: LeasePlace, event: DmaSyncEvent): void {
    const length = Math.min(event.length, room);
    if (event.length > room) this.tooLong(lease, at, event);
    const { direction } = lease.terms;
    if (event.direction !== direction && direction !== BIDIRECTIONAL) {
      const message = `${lease.name} was synced as ${directionName(event.direction)}`;
      this.tell(lease.device, lease, 'DMA-SYNC-DIRECTION', lease.needsSync ? 'possible' : 'none', message, event);
    }
    if (event.type === 'dma-sync-for-cpu') this.toCpu(lease, at, length);
    else this.toDevice(lease, at, length);
  }

  private toCpu(lease: Lease, at: number, length: number): void {
    checkClobber(this.state, lease, at, length, 'synced for the CPU');
    lease.cpuOwned.add(at, at + length);
    lease.deviceWrote.remove(at, at + length);
    lease.pending.remove(at, at + length);
    lease.forCpu = this.state.recorder.now;
  }

  private toDevice(lease: Lease, at: number, length: number): void {
    lease.cpuOwned.remove(at, at + length);
    lease.pending.remove(at, at + length);
    lease.forDevice = this.state.recorder.now;
  }

  private tooLong(lease: Lease, at: number, event: DmaSyncEvent): void {
    const message = `${event.length} bytes from byte ${at} of ${lease.name} were synced, which ends before`;
    const picture = drawBytes(at + event.length, [
      { name: 'mapped', mark: '=', ranges: [[0, lease.length]] },
      { name: 'synced', mark: '#', ranges: [[at, at + event.length]] },
    ]);
    this.tell(lease.device, lease, 'DMA-SYNC-RANGE', lease.needsSync ? 'possible' : 'none', message, event, picture);
  }

  private shared(lease: Lease, event: DmaSyncEvent): void {
    const message = `${lease.name} was synced`;
    this.tell(lease.device, lease, 'DMA-SYNC-COHERENT', lease.isCoherent ? 'none' : 'possible', message, event);
  }

  private unknown(device: WatchedDevice, event: DmaSyncEvent): void {
    const [page, offset] = [dmaPageOf(event.address), dmaOffsetOf(event.address)];
    const other = this.state.otherWith(device, page, offset);
    const past = device.findPast(page, offset)?.lease ?? null;
    const clue = other !== null ? `, which is mapped for ${other.device.name}` : past !== null ? ' any more' : '';
    const message = `${event.length} bytes at ${hex(event.address)} were synced for ${device.name}, where nothing is mapped${clue}`;
    this.tell(
      device,
      other ?? past,
      'DMA-SYNC-UNKNOWN',
      device.dev.dma.dma_coherent ? 'none' : 'possible',
      message,
      event,
    );
  }

  private tell(
    device: LeaseHolder,
    lease: Lease | null,
    id: ReportId,
    harm: Harm,
    message: string,
    event: DmaSyncEvent,
    picture: readonly string[] = [],
  ): void {
    const { recorder } = this.state;
    recorder.report({
      id,
      device: device.name,
      severity: 'error',
      harm,
      message,
      places: [
        [lease?.isShared === true ? 'allocated' : 'mapped', lease?.mapped ?? null],
        [event.type === 'dma-sync-for-cpu' ? 'synced for the CPU' : 'synced for the device', recorder.now],
      ],
      picture,
      shape: `${lease?.shape ?? ''} ${event.type}`,
    });
  }
}
