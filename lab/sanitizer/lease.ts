import { PAGE_SIZE, dmaAddrOf } from '../../base/address';
import type { DmaAllocEvent, DmaMapEvent, TraceDirection } from '../../base/trace-events';
import { hex } from '../../base/u64';
import { IntervalSet } from './interval-set';
import type { Moment } from './recorder';
import type { LeaseHolder } from './lease-holder';

/** `DMA_BIDIRECTIONAL` and its siblings, in the kernel's numbering. */
export const BIDIRECTIONAL = 0;
export const TO_DEVICE = 1;
export const FROM_DEVICE = 2;
const DIRECTION_NAMES = ['DMA_BIDIRECTIONAL', 'DMA_TO_DEVICE', 'DMA_FROM_DEVICE', 'DMA_NONE'] as const;

/** The kernel's name of a direction. */
export const directionName = (direction: TraceDirection): string => DIRECTION_NAMES[direction];

/** By which calls memory was lent: a family of mapping calls, or of allocations. */
export type LeaseKind = DmaMapEvent['what'] | DmaAllocEvent['kind'];

/** A stretch of a lease as the device sees it. */
export interface DevicePiece {
  /** Where in the lease it begins, in bytes. */
  readonly at: number;
  readonly page: number;
  readonly offset: number;
  readonly length: number;
}

/** A stretch of a lease in memory. */
export interface MemoryPiece {
  readonly at: number;
  readonly physical: number;
  readonly length: number;
}

/** What a lease is made from. */
export interface LeaseTerms {
  readonly kind: LeaseKind;
  readonly direction: TraceDirection;
  readonly attrs: number;
  /** Entries of the list that the driver named. */
  readonly nents: number;
  readonly devicePieces: readonly DevicePiece[];
  readonly memoryPieces: readonly MemoryPiece[];
  /** The device works on a copy. */
  readonly bounced: boolean;
}

/**
 * Memory that a device may use: a mapping, or an allocation for DMA. Its bytes are numbered from 0 in the order of the
 * buffer, however many pieces the device and memory have of it.
 */
export class Lease {
  readonly device: LeaseHolder;
  readonly terms: LeaseTerms;
  readonly length: number;
  readonly mapped: Moment;
  /** Whether the device snoops the CPU's cache. */
  readonly isCoherent: boolean;
  /** The device whose driver was being bound when it was mapped, by name; it need not be the one that it was mapped for. */
  readonly owner: string | null;
  /** Somebody asked whether it had failed. */
  checked = false;
  unmapped: Moment | null = null;
  /** Bytes that the CPU may use; of the rest it may at most read what the device only reads. */
  readonly cpuOwned = new IntervalSet();
  /** Bytes that the CPU has written since the device got them, or since the CPU got them back. */
  readonly pending = new IntervalSet();
  /** Bytes that the device has written and nobody has taken back. */
  readonly deviceWrote = new IntervalSet();
  cpuWrote: Moment | null = null;
  forDevice: Moment | null = null;
  forCpu: Moment | null = null;
  deviceUsed: Moment | null = null;
  /** What the device was told last before that. */
  started: Moment | null = null;
  /** The byte that the device began with. */
  firstUsed: number | null = null;

  constructor(device: LeaseHolder, terms: LeaseTerms, mapped: Moment) {
    this.device = device;
    this.terms = terms;
    this.mapped = mapped;
    this.length = terms.devicePieces.reduce((sum, piece) => sum + piece.length, 0);
    this.isCoherent = device.dev.dma.dma_coherent;
    this.owner = device.dev.kernel.sched.current?.device?.name ?? null;
  }

  /** Coherent memory: nobody owns it, it is synced by nobody. */
  get isShared(): boolean {
    return this.terms.kind === 'coherent';
  }

  /** Whether CPU and device may see different bytes of it. */
  get needsSync(): boolean {
    return !this.isCoherent || this.terms.bounced;
  }

  /** What the device may do: write, and read. */
  get deviceWrites(): boolean {
    return this.terms.direction !== TO_DEVICE;
  }

  get deviceReads(): boolean {
    return this.terms.direction !== FROM_DEVICE;
  }

  /** The device's address of a byte, for messages. */
  addressAt(at: number): string {
    const piece = this.terms.devicePieces.find((each) => at < each.at + each.length) ?? this.terms.devicePieces[0]!;
    const offset = piece.offset + at - piece.at;
    return hex(dmaAddrOf(piece.page + Math.floor(offset / PAGE_SIZE), offset % PAGE_SIZE));
  }

  /** As a noun for messages: `the DMA_FROM_DEVICE mapping of 512 bytes at 0x1000`. */
  get name(): string {
    const { kind, direction } = this.terms;
    if (kind === 'coherent') return `the coherent memory of ${this.length} bytes at ${this.addressAt(0)}`;
    return `the ${directionName(direction)} mapping of ${this.length} bytes at ${this.addressAt(0)}`;
  }

  /** What leases that one driver line makes have in common. */
  get shape(): string {
    return `${this.terms.kind} ${this.terms.direction} ${this.length}`;
  }

  /** Visits where bytes of the lease are in memory. */
  eachMemory(at: number, length: number, visit: (physical: number, length: number, at: number) => void): void {
    for (const piece of this.terms.memoryPieces) {
      const start = Math.max(at, piece.at);
      const end = Math.min(at + length, piece.at + piece.length);
      if (start < end) visit(piece.physical + start - piece.at, end - start, start);
    }
  }
}
