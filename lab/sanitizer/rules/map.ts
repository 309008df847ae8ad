import { PAGE_SIZE, dmaOffsetOf, dmaPageOf } from '../../../base/address';
import type { DmaMapEvent, DmaMapRefusedEvent, DmaMappingErrorEvent, DmaMaskEvent } from '../../../base/trace-events';
import { hex } from '../../../base/u64';
import { LINE_SIZE } from '../../../emulator/cache/options';
import { DMA_ATTR_MMIO } from '../../../kernel-api/dma/attrs';
import { KERNEL_IMAGE_BYTES } from '../../../kernel-api/mm/kernel-image';
import { dma_get_max_seg_size, dma_get_seg_boundary } from '../../../kernel-api/dma/segments';
import { dma_max_mapping_size } from '../../../kernel-api/dma/mask';
import { CollectedList } from '../collected-list';
import { Lease, type LeaseTerms, type MemoryPiece } from '../lease';
import type { LeaseHolder } from '../lease-holder';
import { PAGE_ORIGINS } from '../page-bits';
import type { SanitizerState } from '../state';
import type { WatchedDevice } from '../watched-device';

const MAPPED = 'mapped';

/** Mappings that are made: what is wrong with them from the beginning. */
export class MapRules {
  readonly list = new CollectedList();
  private readonly state: SanitizerState;

  constructor(state: SanitizerState) {
    this.state = state;
  }

  /** `dma_map_*` returned. */
  mapped(event: DmaMapEvent): void {
    const device = this.state.devices.named(event.device);
    const list = this.list.take();
    if (device === undefined) return;
    const isBounced = device.bouncing.size > 0;
    if (event.entries === 0) {
      this.failed(device, event, isBounced);
      device.bouncing.clear();
      return;
    }
    const single = event.what === 'sg' ? list : singlePiece(event);
    const lease = new Lease(
      device,
      { ...termsOf(event), bounced: isBounced, ...{ devicePieces: single.device, memoryPieces: single.memory } },
      this.state.recorder.now,
    );
    device.bouncing.clear();
    device.failed = null;
    this.examine(lease);
    this.state.lend(lease);
    if (lease.deviceWrites) this.await(lease);
  }

  /** What the device is to write is flagged, so that what it does not write is noticed. */
  private await(lease: Lease): void {
    if (lease.deviceReads) return;
    lease.eachMemory(0, lease.length, (physical, length) => {
      this.state.origins.lend(physical, length);
      this.state.flag(physical, length, PAGE_ORIGINS);
    });
  }

  private failed(device: WatchedDevice, event: DmaMapEvent, isBounced: boolean): void {
    const { recorder } = this.state;
    device.failed = { when: recorder.now, what: event.what === 'sg' ? 'dma_map_sg' : `dma_map_${event.what}` };
    const most = dma_max_mapping_size(device.dev);
    if (!isBounced || event.length <= most) return;
    recorder.report({
      id: 'DMA-MAP-TOO-LARGE',
      device: device.name,
      harm: 'happened',
      message: `${event.length} bytes were to be mapped for ${device.name}, whose mappings are bounced and hold ${most} bytes at most`,
      places: [['mapping failed', recorder.now]],
      shape: String(event.length),
    });
  }

  private examine(lease: Lease): void {
    if ((lease.terms.attrs & DMA_ATTR_MMIO) === 0) {
      this.checkMemory(lease);
      this.checkNeighbours(lease);
      this.checkItself(lease);
    }
    checkWires(this.state, lease);
    if (lease.terms.kind === 'sg') this.checkSegments(lease);
  }

  /** Memory that is not for DMA, as `CONFIG_DMA_API_DEBUG` knows it: stacks and the kernel image, which ends with the first stack. */
  private checkMemory(lease: Lease): void {
    const { mm } = this.state.machine.kernel;
    const { physical: image, initStackSize } = mm.image;
    const stacks = mm.areas.list().filter(({ kind }) => kind === 'stack');
    for (const { physical, length } of lease.terms.memoryPieces) {
      const page = Math.floor(physical / PAGE_SIZE);
      const isInImage = image !== undefined && physical + length > image && physical < image + KERNEL_IMAGE_BYTES;
      const isInitStack = isInImage && physical >= image + KERNEL_IMAGE_BYTES - initStackSize;
      const isStack = isInitStack || stacks.some(({ pfns }) => pfns?.includes(page) === true);
      if (isStack) this.unfit(lease.device, 'DMA-MAP-STACK', 'a buffer on a stack', length);
      else if (isInImage) this.unfit(lease.device, 'DMA-MAP-TEXT', 'memory of the kernel image', length);
      if (isStack || isInImage) return;
    }
  }

  private unfit(
    device: LeaseHolder,
    id: 'DMA-MAP-STACK' | 'DMA-MAP-TEXT' | 'DMA-MAP-VMALLOC',
    what: string,
    length: number,
  ): void {
    const { recorder } = this.state;
    recorder.report({
      id,
      device: device.name,
      harm: device.dev.dma.dma_coherent ? 'none' : 'possible',
      severity: 'error',
      message: `${what} (${length} bytes) was mapped for ${device.name}`,
      places: [[MAPPED, recorder.now]],
    });
  }

  /** `dma_map_single` refused memory of the vmalloc area. */
  refused({ device: name, cpu, length }: DmaMapRefusedEvent): void {
    const device = this.state.devices.named(name);
    if (device === undefined) return;
    device.failed = { when: this.state.recorder.now, what: 'dma_map_single' };
    const isStack = this.state.machine.kernel.mm.areas.find(cpu)?.kind === 'stack';
    if (isStack) this.unfit(device, 'DMA-MAP-STACK', 'a buffer on a stack', length);
    else this.unfit(device, 'DMA-MAP-VMALLOC', 'memory of the vmalloc area', length);
  }

  /** Bytes, or cache lines, that other mappings have as well. */
  private checkNeighbours(lease: Lease): void {
    for (const piece of lease.terms.memoryPieces) {
      for (
        let page = Math.floor(piece.physical / PAGE_SIZE);
        page * PAGE_SIZE < piece.physical + piece.length;
        page++
      ) {
        for (const other of this.state.lent.on(page) ?? []) {
          if (!other.isShared && other.terms.kind !== 'pages') this.compare(lease, piece, other);
        }
      }
    }
  }

  private compare(lease: Lease, piece: MemoryPiece, other: Lease): void {
    if (!lease.deviceWrites && !other.deviceWrites) return;
    const end = piece.physical + piece.length;
    for (const { physical, length } of other.terms.memoryPieces) {
      const needsSync = lease.needsSync || other.needsSync;
      const places = [
        ['mapped first', other.mapped],
        ['mapped again', this.state.recorder.now],
      ] as const;
      const common = { device: lease.device.name, places, shape: `${lease.shape} ${other.shape}` };
      if (piece.physical < physical + length && physical < end) {
        const start = Math.max(piece.physical, physical);
        const message = `${lease.name} lends bytes at physical ${hex(start)} that ${other.name} of ${other.device.name} lends already`;
        this.state.recorder.report({
          id: 'DMA-OVERLAP',
          severity: 'error',
          harm: needsSync ? 'possible' : 'none',
          message,
          ...common,
        });
        return;
      }
      const isApart = lineOf(end - 1) < lineOf(physical) || lineOf(physical + length - 1) < lineOf(piece.physical);
      if (isApart || lease.terms.bounced || other.terms.bounced || (lease.isCoherent && other.isCoherent)) continue;
      const message = `${lease.name} and ${other.name} of ${other.device.name} share a cache line at physical ${hex(lineOf(Math.max(piece.physical, physical)) * LINE_SIZE)}`;
      this.state.recorder.report({ id: 'DMA-LINE-OVERLAP', harm: 'possible', message, ...common });
      return;
    }
  }

  /** A list that has the same bytes twice. */
  private checkItself(lease: Lease): void {
    const { memoryPieces } = lease.terms;
    if (memoryPieces.length < 2 || !lease.deviceWrites) return;
    const sorted = [...memoryPieces].sort((a, b) => a.physical - b.physical);
    const again = sorted.find((piece, i) => i > 0 && piece.physical < sorted[i - 1]!.physical + sorted[i - 1]!.length);
    if (again === undefined) return;
    const { recorder } = this.state;
    recorder.report({
      id: 'DMA-OVERLAP',
      device: lease.device.name,
      severity: 'error',
      harm: 'possible',
      message: `${lease.name} lends bytes at physical ${hex(again.physical)} twice: entries of its list overlap`,
      places: [[MAPPED, recorder.now]],
      shape: lease.shape,
    });
  }

  /** What `CONFIG_DMA_API_DEBUG` asks of segments (`check_sg_segment`). */
  private checkSegments({ device, terms }: Lease): void {
    const most = dma_get_max_seg_size(device.dev);
    const boundary = dma_get_seg_boundary(device.dev);
    const { recorder } = this.state;
    const common = {
      device: device.name,
      severity: 'error',
      harm: 'possible',
      places: [[MAPPED, recorder.now]],
    } as const;
    for (const { page, offset, length } of terms.devicePieces) {
      if (length > most) {
        const message = `a segment of ${length} bytes was mapped for ${device.name}, which takes ${most} at most`;
        recorder.report({ id: 'DMA-SEGMENT-LENGTH', message, ...common });
      }
      const first = BigInt(page) * BigInt(PAGE_SIZE) + BigInt(offset);
      const last = first + BigInt(length) - 1n;
      if ((first & ~boundary) === (last & ~boundary)) continue;
      const message = `a segment of ${length} bytes at ${hex(first)} crosses the boundary of ${device.name}, a multiple of ${hex(boundary + 1n)}`;
      recorder.report({ id: 'DMA-SEGMENT-BOUNDARY', message, ...common });
    }
  }

  /** A driver said which addresses its device can emit. */
  masked({ device: name }: DmaMaskEvent): void {
    const device = this.state.devices.named(name);
    if (device !== undefined) device.masked = this.state.recorder.now;
  }

  /** A driver asked `dma_mapping_error`. */
  checked({ device: name, address }: DmaMappingErrorEvent): void {
    const device = this.state.devices.named(name);
    if (device === undefined) return;
    const lease = device.beginningAt(dmaPageOf(address), dmaOffsetOf(address), ({ checked }) => (checked ? 0 : 1));
    if (lease !== null) lease.checked = true;
  }
}

const lineOf = (address: number): number => Math.floor(address / LINE_SIZE);

const termsOf = ({
  what,
  direction,
  attrs,
  nents,
}: DmaMapEvent): Pick<LeaseTerms, 'kind' | 'direction' | 'attrs' | 'nents'> => ({
  kind: what,
  direction,
  attrs,
  nents,
});

/** Registers of others are no memory. */
const singlePiece = ({ address, physical, length, what }: DmaMapEvent): ReturnType<CollectedList['take']> => ({
  device: [{ at: 0, page: dmaPageOf(address), offset: dmaOffsetOf(address), length }],
  memory: what === 'resource' ? [] : [{ at: 0, physical, length }],
});

/** An address of which bits get lost on the way out of the device. */
export const checkWires = ({ recorder }: SanitizerState, { device, terms, mapped, shape }: Lease): void => {
  const { addressWires } = device;
  if (addressWires >= 64) return;
  const limit = 2 ** Math.max(addressWires - 12, 0);
  const high = terms.devicePieces.find(
    ({ page, offset, length }) => page + Math.floor((offset + length - 1) / PAGE_SIZE) >= limit,
  );
  if (high === undefined) return;
  const mask = device.dev.dma.dma_mask ?? 0n;
  recorder.report({
    id: 'DMA-MASK',
    device: device.name,
    harm: 'possible',
    message: `${device.name} was given address ${hex(BigInt(high.page) * BigInt(PAGE_SIZE) + BigInt(high.offset))}, but has ${addressWires} address wires; its mask says ${hex(mask)}`,
    places: [
      ['mask set', device.masked],
      [MAPPED, mapped],
    ],
    fault: device.masked === null ? MAPPED : 'mask set',
    shape,
  });
};
