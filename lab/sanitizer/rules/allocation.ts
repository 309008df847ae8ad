import { PAGE_SIZE, dmaOffsetOf, dmaPageOf, virtAddr } from '../../../base/address';
import type { DmaAllocEvent, MemoryEvent } from '../../../base/trace-events';
import { hex } from '../../../base/u64';
import { FRESH, KNOWN } from '../byte-origins';
import { Lease, type MemoryPiece } from '../lease';
import { PAGE_ORIGINS, PAGE_STALE } from '../page-bits';
import type { SanitizerState } from '../state';
import { checkWires } from './map';
import { reportUnknown } from './unmap';

/** Memory that is allocated and freed: for DMA, and in general. */
export class AllocationRules {
  private readonly state: SanitizerState;

  constructor(state: SanitizerState) {
    this.state = state;
  }

  /** `dma_alloc_*` returned. */
  allocated({ device: name, kind, direction, cpu, address, length: wanted }: DmaAllocEvent): void {
    const device = this.state.devices.named(name);
    if (device === undefined || cpu === 0 || wanted <= 0) return;
    const length = givenOf(kind, wanted);
    const terms = {
      kind,
      direction,
      attrs: 0,
      nents: 1,
      devicePieces: [{ at: 0, page: dmaPageOf(address), offset: dmaOffsetOf(address), length }],
      // Pages that are scattered in memory are known to their owner only.
      memoryPieces: kind === 'scattered' ? [] : this.memoryOf(cpu, length),
      bounced: false,
    } as const;
    const lease = new Lease(device, terms, this.state.recorder.now);
    lease.cpuOwned.add(0, length);
    checkWires(this.state, lease);
    this.state.lend(lease);
  }

  private memoryOf(cpu: number, length: number): MemoryPiece[] {
    const { mm } = this.state.machine.kernel;
    const pieces: MemoryPiece[] = [];
    for (let at = 0; at < length;) {
      const physical = mm.translate(virtAddr(cpu + at));
      if (physical < 0) return pieces;
      const bytes = Math.min(PAGE_SIZE - (physical % PAGE_SIZE), length - at);
      pieces.push({ at, physical, length: bytes });
      at += bytes;
    }
    return pieces;
  }

  /** `dma_free_*` is about to do its work. */
  freed({ device: name, kind, address, length }: DmaAllocEvent): void {
    const device = this.state.devices.named(name);
    if (device === undefined) return;
    const place = device.find(dmaPageOf(address), dmaOffsetOf(address));
    if (place === null || place.at !== 0) {
      reportUnknown(this.state, device, address, length, 'freed', place);
      return;
    }
    const { lease } = place;
    const { recorder } = this.state;
    const places = [
      ['allocated', lease.mapped],
      ['freed', recorder.now],
    ] as const;
    const common = { device: device.name, severity: 'error', harm: 'possible', places, shape: lease.shape } as const;
    if (lease.terms.kind !== kind) {
      recorder.report({
        id: 'DMA-UNMAP-KIND',
        message: `${lease.name} was freed by the wrong family of calls`,
        ...common,
      });
    } else if (lease.length !== givenOf(kind, length)) {
      recorder.report({
        id: 'DMA-UNMAP-SIZE',
        message: `${lease.name} was freed with a size of ${length} bytes`,
        ...common,
      });
    }
    this.state.takeBack(lease);
  }

  /** Memory of the kernel's allocators was handed out. */
  handedOut({ physical, length, zeroed }: MemoryEvent): void {
    if (length <= 0) return;
    this.state.origins.fill(physical, length, zeroed ? KNOWN : FRESH);
    if (!zeroed) this.state.flag(physical, length, PAGE_ORIGINS);
  }

  /** It goes back. */
  givenBack({ physical, length, what }: MemoryEvent): void {
    this.state.origins.fill(physical, length, KNOWN);
    this.abandonLines(physical, length);
    const lent = this.leaseOver(physical, length);
    if (lent === null) return;
    const { recorder } = this.state;
    recorder.report({
      id: 'DMA-FREE-MAPPED',
      device: lent.device.name,
      severity: 'error',
      harm: 'possible',
      message: `memory at physical ${hex(physical)} (${length} bytes of ${what}) was freed while ${lent.name} lends it to ${lent.device.name}`,
      places: [
        ['mapped', lent.mapped],
        ['freed', recorder.now],
      ],
      shape: lent.shape,
    });
  }

  private abandonLines(physical: number, length: number): void {
    const { lines } = this.state;
    if (lines === undefined) return;
    for (let at = physical; at < physical + length;) {
      const page = Math.floor(at / PAGE_SIZE);
      const bytes = Math.min((page + 1) * PAGE_SIZE, physical + length) - at;
      if ((this.state.flagsOf(page) & PAGE_STALE) !== 0) lines.abandon(at, bytes);
      if (bytes === PAGE_SIZE) this.state.unflag(page, PAGE_STALE);
      at += bytes;
    }
  }

  /** A live mapping of the driver's that a range belongs to. */
  private leaseOver(physical: number, length: number): Lease | null {
    const last = Math.floor((physical + length - 1) / PAGE_SIZE);
    for (let page = Math.floor(physical / PAGE_SIZE); page <= last; page++) {
      for (const lease of this.state.lent.on(page) ?? []) {
        const { kind, memoryPieces } = lease.terms;
        const isOwn = kind === 'coherent' || kind === 'pages' || kind === 'scattered' || kind === 'stream';
        const isOver = memoryPieces.some(
          (piece) => piece.physical < physical + length && physical < piece.physical + piece.length,
        );
        if (!isOwn && isOver) return lease;
      }
    }
    return null;
  }
}

/** Bytes that were given: a list of pages (`dma_alloc_noncontiguous`) is one of whole pages, and synced as such. */
const givenOf = (kind: DmaAllocEvent['kind'], length: number): number =>
  kind === 'scattered' ? Math.ceil(length / PAGE_SIZE) * PAGE_SIZE : length;
