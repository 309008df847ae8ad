import { dmaOffsetOf, dmaPageOf, PAGE_SIZE, type DmaAddr } from '../../../base/address';
import type { DmaMapEvent } from '../../../base/trace-events';
import { hex } from '../../../base/u64';
import { DMA_ATTR_SKIP_CPU_SYNC } from '../../../kernel-api/dma/attrs';
import { DMA_MAPPING_ERROR } from '../../../kernel-api/dma/dma-address';
import type { ReportId } from '../catalogue';
import { Lease, directionName, type LeaseKind } from '../lease';
import type { LeasePlace } from '../lease-table';
import type { SanitizerState } from '../state';
import type { WatchedDevice } from '../watched-device';
import { checkClobber } from './clobber';

const NOW = 'unmapped';

/** Calls that undo each other: `dma_map_single` and `dma_map_page` are one family, as they are in Linux. */
const familyOf = (kind: LeaseKind): string => (kind === 'single' ? 'page' : kind);

/** The mapping that most of what an unmapping says is true of, as `CONFIG_DMA_API_DEBUG` picks it. */
const meant = (device: WatchedDevice, { address, what, length, nents, direction }: DmaMapEvent): Lease | null =>
  device.beginningAt(dmaPageOf(address), dmaOffsetOf(address), ({ terms, length: mapped }) => {
    const isSize = terms.kind === 'sg' ? terms.nents === nents : mapped === length;
    return [familyOf(terms.kind) === familyOf(what), isSize, terms.direction === direction].filter(Boolean).length;
  });

/** Leases of these kinds end in any pieces. */
const endsInPieces = (kind: LeaseKind): boolean => kind === 'iova' || kind === 'stream';

/** Mappings that are removed: whether the driver undoes what it did. */
export class UnmapRules {
  private readonly state: SanitizerState;

  constructor(state: SanitizerState) {
    this.state = state;
  }

  /** `dma_unmap_*` is about to do its work. */
  unmapped(event: DmaMapEvent): void {
    const device = this.state.devices.named(event.device);
    if (device === undefined) return;
    const place = device.find(dmaPageOf(event.address), dmaOffsetOf(event.address));
    if (place === null || (place.at !== 0 && !endsInPieces(place.lease.terms.kind))) {
      reportUnknown(this.state, device, event.address, event.length, 'unmapped', place);
      return;
    }
    if (endsInPieces(place.lease.terms.kind)) {
      this.carve(place.lease, place.at, event.length);
      return;
    }
    const lease = meant(device, event) ?? place.lease;
    this.compare(lease, event);
    if ((event.attrs & DMA_ATTR_SKIP_CPU_SYNC) === 0) checkClobber(this.state, lease, 0, lease.length, NOW);
    this.state.takeBack(lease);
  }

  private compare(lease: Lease, event: DmaMapEvent): void {
    const { terms, length, name } = lease;
    if (familyOf(terms.kind) !== familyOf(event.what)) {
      this.differ(
        lease,
        'DMA-UNMAP-KIND',
        `${name} was made by dma_map_${terms.kind} and unmapped by dma_unmap_${event.what}`,
      );
      return;
    }
    if (terms.kind === 'sg') this.compareEntries(lease, event);
    else if (length !== event.length)
      this.differ(lease, 'DMA-UNMAP-SIZE', `${name} was unmapped with a size of ${event.length} bytes`);
    if (terms.direction !== event.direction)
      this.differ(lease, 'DMA-UNMAP-DIRECTION', `${name} was unmapped as ${directionName(event.direction)}`);
    if (terms.kind !== 'sg' && terms.kind !== 'resource' && !lease.checked) {
      this.differ(lease, 'DMA-MAP-UNCHECKED', `nobody asked dma_mapping_error about ${name}`, 'mapped', 'warning');
    }
  }

  private compareEntries(lease: Lease, { nents }: DmaMapEvent): void {
    const { terms, name } = lease;
    if (terms.nents === nents) return;
    const mapped = terms.devicePieces.length;
    const hint = nents === mapped ? ', which is what dma_map_sg returned' : '';
    this.differ(
      lease,
      'DMA-UNMAP-ENTRIES',
      `${name} was made of ${terms.nents} entries and unmapped with ${nents}${hint}`,
    );
  }

  private differ(
    lease: Lease,
    id: ReportId,
    message: string,
    fault = NOW,
    severity: 'error' | 'warning' = 'error',
  ): void {
    const { recorder } = this.state;
    recorder.report({
      id,
      device: lease.device.name,
      severity,
      harm: severity === 'warning' ? 'none' : lease.needsSync || id === 'DMA-UNMAP-SIZE' ? 'possible' : 'none',
      message,
      places: [
        ['mapped', lease.mapped],
        [NOW, recorder.now],
      ],
      fault,
      shape: lease.shape,
    });
  }

  /** Part of a lease ends; what is left of it goes on. */
  private carve(lease: Lease, at: number, length: number): void {
    const end = Math.min(at + Math.max(length, 1), lease.length);
    this.state.takeBack(lease);
    for (const [start, stop] of [
      [0, at],
      [end, lease.length],
    ] as const) {
      if (start < stop) this.state.lend(cut(lease, start, stop));
    }
  }
}

/** The bytes `start` to `end` of a lease as one of its own. */
const cut = (lease: Lease, start: number, end: number): Lease => {
  const within = <T extends { readonly at: number; readonly length: number }>(
    pieces: readonly T[],
    move: (piece: T, by: number) => T,
  ): T[] =>
    pieces.flatMap((piece) => {
      const first = Math.max(start, piece.at);
      const last = Math.min(end, piece.at + piece.length);
      return first < last ? [{ ...move(piece, first - piece.at), at: first - start, length: last - first }] : [];
    });
  const { devicePieces, memoryPieces } = lease.terms;
  const terms = {
    ...lease.terms,
    devicePieces: within(devicePieces, (piece, by) => ({
      ...piece,
      page: piece.page + Math.floor((piece.offset + by) / PAGE_SIZE),
      offset: (piece.offset + by) % PAGE_SIZE,
    })),
    memoryPieces: within(memoryPieces, (piece, by) => ({ ...piece, physical: piece.physical + by })),
  };
  const rest = new Lease(lease.device, terms, lease.mapped);
  for (const [low, high] of lease.cpuOwned.ranges())
    rest.cpuOwned.add(Math.max(low, start) - start, Math.min(high, end) - start);
  return rest;
};

/** Something is undone that was never done, or not like that. */
export const reportUnknown = (
  state: SanitizerState,
  device: WatchedDevice,
  address: DmaAddr,
  length: number,
  what: 'unmapped' | 'freed',
  place: LeasePlace | null,
): void => {
  const { recorder } = state;
  const [page, offset] = [dmaPageOf(address), dmaOffsetOf(address)];
  const failed = address === DMA_MAPPING_ERROR ? device.failed : null;
  const other = state.otherWith(device, page, offset);
  const past = device.findPast(page, offset)?.lease ?? null;
  const clue =
    failed !== null
      ? `, the result of a ${failed.what} that failed`
      : place !== null
        ? `, in the middle of ${place.lease.name}`
        : other !== null
          ? `, which is mapped for ${other.device.name}`
          : past !== null
            ? ' any more'
            : '';
  recorder.report({
    id: failed === null ? 'DMA-UNMAP-UNKNOWN' : 'DMA-MAP-FAILED-USED',
    device: device.name,
    severity: 'error',
    harm: 'possible',
    message: `${length} bytes at ${hex(address)} were ${what} for ${device.name}, where nothing is mapped${clue}`,
    places: [
      ['mapping failed', failed?.when ?? null],
      ['mapped', other?.mapped ?? place?.lease.mapped ?? null],
      ['unmapped before', past?.unmapped ?? null],
      [what, recorder.now],
    ],
    shape: String(length),
  });
};
