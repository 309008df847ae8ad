import { dmaOffsetOf, dmaPageOf } from '../../base/address';
import type { DmaMapEntryEvent, DmaMapSegmentEvent } from '../../base/trace-events';
import type { DevicePiece, MemoryPiece } from './lease';

/** The parts of a list, as they are told before the list itself is. */
export class CollectedList {
  private memory: MemoryPiece[] = [];
  private device: DevicePiece[] = [];
  private memoryBytes = 0;
  private deviceBytes = 0;

  addEntry({ physical, length }: DmaMapEntryEvent): void {
    this.memory.push({ at: this.memoryBytes, physical, length });
    this.memoryBytes += length;
  }

  addSegment({ address, length }: DmaMapSegmentEvent): void {
    this.device.push({ at: this.deviceBytes, page: dmaPageOf(address), offset: dmaOffsetOf(address), length });
    this.deviceBytes += length;
  }

  /** Everything so far; the next list starts anew. */
  take(): { memory: readonly MemoryPiece[]; device: readonly DevicePiece[] } {
    const { memory, device } = this;
    this.memory = [];
    this.device = [];
    this.memoryBytes = this.deviceBytes = 0;
    return { memory, device };
  }
}
