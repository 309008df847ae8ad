import type { PhysicalBus } from '../bus/physical-bus';
import type { CpuCache } from './cpu-cache';
import { ObservedBus } from './observed-bus';

/**
 * The bus as coherent bus masters see it. A read makes the cache write back what is dirty; a write makes it give up the
 * lines, written back first, since a write need not cover whole lines.
 */
export class SnoopingBus extends ObservedBus {
  private readonly cache: CpuCache;

  constructor(bus: PhysicalBus, cache: CpuCache) {
    super(bus);
    this.cache = cache;
  }

  protected beforeRead(address: number, length: number): void {
    this.cache.operate('clean', address, length, 'snoop');
  }

  protected beforeWrite(address: number, length: number): void {
    this.cache.operate('flush', address, length, 'snoop');
  }

  /** What a coherent master would read. */
  override peek(address: number, into: Uint8Array, at: number, length: number): ReturnType<PhysicalBus['peek']> {
    const outcome = this.bus.peek(address, into, at, length);
    if (outcome === 0 && length > 0) this.cache.overlay(address, into, at, length);
    return outcome;
  }
}
