import { physAddr } from '../../base/address';
import { Prng } from '../../base/prng';
import { Trace } from '../../base/trace';
import type { TraceEvent } from '../../base/trace-events';
import type { PhysicalBus } from '../../emulator/bus/physical-bus';
import { SystemBus } from '../../emulator/bus/system-bus';
import { CachedMemory } from '../../emulator/cache/cached-memory';
import type { CacheOptions } from '../../emulator/cache/options';
import { Clock } from '../../emulator/clock';
import { CachedCpu } from '../../emulator/cpu/cached-cpu';
import { Ram } from '../../emulator/memory/ram';

/** Where the RAM of a cached board begins, and how much there is. */
export const RAM_BASE = 0x8000_0000;
export const RAM_BYTES = 0x20_0000;

/** RAM, a bus, a CPU with a cache: for tests of what the cache does. Accesses are checked to succeed. */
export class CachedBoard {
  readonly ram = new Ram([{ base: physAddr(RAM_BASE), size: RAM_BYTES }]);
  readonly bus = new SystemBus(this.ram);
  readonly clock = new Clock();
  readonly trace = new Trace(() => this.clock.now);
  readonly memory: CachedMemory;
  readonly cpu: CachedCpu;

  constructor(options: CacheOptions = {}, seed = 1) {
    this.memory = new CachedMemory(this.bus, this.ram, this.clock, this.trace, new Prng(seed), options);
    this.cpu = new CachedCpu(this.memory, this.clock, this.trace);
  }

  /** Listens to the trace; the result grows. */
  events(): TraceEvent[] {
    const events: TraceEvent[] = [];
    this.trace.subscribe(({ event }) => events.push(event));
    return events;
  }

  /** Reads bytes at an offset into RAM, by the CPU or one of the buses. */
  read(from: PhysicalBus | 'cpu' | 'uncached', offset: number, length: number): number[] {
    const bytes = new Uint8Array(length);
    const address = physAddr(RAM_BASE + offset);
    const outcome =
      typeof from === 'string'
        ? (from === 'cpu' ? this.cpu : this.cpu.uncached).readBytes(address, bytes, 0, length)
        : from.read(address, bytes, 0, length);
    if (outcome !== 0) throw new Error(`read at ${offset}: ${outcome}`);
    return [...bytes];
  }

  /** Writes bytes at an offset into RAM. */
  write(to: PhysicalBus | 'cpu' | 'uncached', offset: number, bytes: readonly number[]): void {
    const address = physAddr(RAM_BASE + offset);
    const data = Uint8Array.from(bytes);
    const outcome =
      typeof to === 'string'
        ? (to === 'cpu' ? this.cpu : this.cpu.uncached).writeBytes(address, data, 0, data.length)
        : to.write(address, data, 0, data.length);
    if (outcome !== 0) throw new Error(`write at ${offset}: ${outcome}`);
  }

  /** What a bus shows to a debugger. */
  peek(bus: PhysicalBus, offset: number, length: number): number[] {
    const bytes = new Uint8Array(length);
    if (bus.peek(RAM_BASE + offset, bytes, 0, length) !== 0) throw new Error(`peek at ${offset}`);
    return [...bytes];
  }
}

/** Bytes that differ from place to place and from call to call. */
export const pattern = (salt: number, length: number): number[] =>
  Array.from({ length }, (_, i) => (salt * 37 + i * 11 + (i >> 4) + 1) & 0xff);
