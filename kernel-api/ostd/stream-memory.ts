import { PAGE_SIZE, physAddr, type PhysAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { arch_sync_dma_for_cpu, arch_sync_dma_for_device } from '../dma/arch-sync';
import { DMA_BIDIRECTIONAL } from '../dma/direction';
import { mb } from '../io/barriers';
import type { Kernel } from '../kernel';
import { allocForDevice } from './device-memory';
import type { DmaDirection } from './direction';
import { KVirtArea } from './kvirt-area';
import type { USegment } from './segment';
import { VmReader, VmWriter } from './vm-reader-writer';
import type { AliveCheck, VmSpan } from './vm-span';

/** Whether the CPU has cache operations, so that ordinary memory can be synchronised (`can_sync_dma`). */
const canSyncDma = (kernel: Kernel): boolean => kernel.isa.cbomBlockSize !== 0;

/** The shapes of a stream's memory: frames, a mapping of their own, both. */
export type StreamShape = 'segment' | 'kva' | 'both';

/** The check of spans that are not kept. */
const unchecked: AliveCheck = () => undefined;

/**
 * The memory of a `DmaStream` (`Inner`), in one of three shapes: ordinary frames; frames with a mapping of their own; or
 * both, where the CPU uses the one and the device the other, and syncs copy.
 */
export class StreamMemory {
  private readonly kernel: Kernel;
  private readonly segment: USegment | null;
  private readonly area: KVirtArea | null;
  private readonly isCacheCoherent: boolean;

  private constructor(kernel: Kernel, segment: USegment | null, area: KVirtArea | null, isCacheCoherent: boolean) {
    this.kernel = kernel;
    this.segment = segment;
    this.area = area;
    this.isCacheCoherent = isCacheCoherent;
  }

  /** Allocates memory for a device. */
  static alloc(dev: StructDevice, nframes: number, isCacheCoherent: boolean): StreamMemory {
    const { kernel } = dev;
    const isCached = canSyncDma(kernel) || isCacheCoherent;
    if (isCached && !kernel.confidential.active) {
      return new StreamMemory(kernel, allocForDevice(dev, nframes, dev.dma.limit), null, isCacheCoherent);
    }
    const area = KVirtArea.alloc(dev, nframes, dev.dma.limit, isCached);
    return new StreamMemory(kernel, null, area, isCacheCoherent);
  }

  /** Takes frames over; the device may need others, which stand for them. */
  static map(dev: StructDevice, segment: USegment, isCacheCoherent: boolean): StreamMemory {
    const { kernel } = dev;
    if ((canSyncDma(kernel) || isCacheCoherent) && !kernel.confidential.active) {
      return new StreamMemory(kernel, segment, null, isCacheCoherent);
    }
    const area = KVirtArea.alloc(dev, segment.size() / PAGE_SIZE, dev.dma.limit, isCacheCoherent);
    return new StreamMemory(kernel, segment, area, isCacheCoherent);
  }

  /** Which of the three it is. */
  get shape(): StreamShape {
    if (this.area === null) return 'segment';
    return this.segment === null ? 'kva' : 'both';
  }

  /** Where the memory is that the device uses. */
  get paddr(): PhysAddr {
    return this.area?.paddr ?? this.segment!.paddr();
  }

  /** Bytes. */
  get size(): number {
    return this.area?.size ?? this.segment!.size();
  }

  /** The memory that the CPU uses. */
  span(check: AliveCheck): VmSpan {
    return this.segment === null ? this.area!.span(check) : this.segment.borrow(check);
  }

  /** Whether the CPU's cache may hold something else than the device finds in memory. */
  private get needsCacheOperations(): boolean {
    return !this.isCacheCoherent && this.area?.isUncached !== true;
  }

  /** Zeroes it, for the device as well. */
  zero(): void {
    new VmWriter(this.span(unchecked)).fillZeros(this.size);
    if (this.needsCacheOperations) this.clean(0, this.size);
  }

  /**
   * Prepares it for a device that may write before anything was synchronised: no line may be dirty, as that could be written
   * back on top of the data; and what the device leaves out must be in the copy, or a sync would destroy it. A device that
   * only reads must not find what other owners left in the copy.
   */
  handOver(direction: DmaDirection): void {
    const { segment, area } = this;
    if (segment !== null && area !== null) {
      if (direction.canReadFromDevice) this.copyToDevice(0, this.size);
      else new VmWriter(area.span(unchecked)).fillZeros(this.size);
      mb(this.kernel);
    } else if (direction.canReadFromDevice && this.needsCacheOperations) this.clean(0, this.size);
  }

  /** What the CPU has written is there for the device. */
  syncToDevice(start: number, length: number): void {
    if (this.shape === 'both') {
      this.copyToDevice(start, length);
      mb(this.kernel);
    } else if (this.needsCacheOperations) this.clean(start, length);
  }

  /** What the device has written is there for the CPU. */
  syncFromDevice(start: number, length: number): void {
    if (this.shape === 'both') this.copyFromDevice(start, length);
    else if (this.needsCacheOperations) {
      arch_sync_dma_for_cpu(this.kernel, this.paddr + start, length, DMA_BIDIRECTIONAL);
    }
  }

  private clean(start: number, length: number): void {
    arch_sync_dma_for_device(this.kernel, physAddr(this.paddr + start), length, DMA_BIDIRECTIONAL);
  }

  private copyToDevice(start: number, length: number): void {
    const from = new VmReader(this.segment!.borrow(unchecked)).skip(start).limit(length);
    new VmWriter(this.area!.span(unchecked)).skip(start).limit(length).write(from);
  }

  private copyFromDevice(start: number, length: number): void {
    const from = new VmReader(this.area!.span(unchecked)).skip(start).limit(length);
    new VmWriter(this.segment!.borrow(unchecked)).skip(start).limit(length).write(from);
  }

  /** Makes two of this one, which must not be used any more. */
  split(offset: number): [StreamMemory, StreamMemory] {
    const { kernel, isCacheCoherent } = this;
    const [lowSegment, highSegment] = this.segment?.split(offset) ?? [null, null];
    const [lowArea, highArea] = this.area?.split(offset) ?? [null, null];
    return [
      new StreamMemory(kernel, lowSegment, lowArea, isCacheCoherent),
      new StreamMemory(kernel, highSegment, highArea, isCacheCoherent),
    ];
  }

  /** Frees it. Once, and after the device has lost it. */
  free(): void {
    this.area?.free();
    this.segment?.drop();
  }
}
