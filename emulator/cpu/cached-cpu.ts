import type { PhysAddr } from '../../base/address';
import type { Trace } from '../../base/trace';
import type { CachedMemory } from '../cache/cached-memory';
import type { Clock } from '../clock';
import type { CpuMemory } from '../cpu-port';
import { Cpu, type CpuOptions } from './cpu';
import { LoadStoreUnit } from './load-store-unit';

/** The CPU's accesses past the cache: time that registers cost is the CPU's. */
class UncachedAccess extends LoadStoreUnit {
  private readonly cpu: Cpu;

  constructor(cpu: Cpu, memory: CachedMemory, mmioReadNs: number, mmioWriteNs: number) {
    super(memory.uncached, mmioReadNs, mmioWriteNs);
    this.cpu = cpu;
  }

  elapse(nanoseconds: number): void {
    this.cpu.elapse(nanoseconds);
  }
}

/** A CPU with a cache, and perhaps a store buffer, between it and memory. Cache operations take time, by the line. */
export class CachedCpu extends Cpu {
  private readonly memory: CachedMemory;
  private readonly past: UncachedAccess;

  constructor(memory: CachedMemory, clock: Clock, trace: Trace, options: CpuOptions = {}) {
    super(memory.cpu, clock, trace, options);
    this.memory = memory;
    this.past = new UncachedAccess(this, memory, this.mmioReadNs, this.mmioWriteNs);
  }

  override get uncached(): CpuMemory {
    return this.past;
  }

  override cleanLines(address: PhysAddr, length: number): void {
    this.pay(this.memory.operate('clean', address, length));
  }

  override invalidateLines(address: PhysAddr, length: number): void {
    this.pay(this.memory.operate('invalidate', address, length));
  }

  override flushLines(address: PhysAddr, length: number): void {
    this.pay(this.memory.operate('flush', address, length));
  }

  private pay(lines: number): void {
    const nanoseconds = lines * this.memory.operationNs;
    if (nanoseconds > 0) this.elapse(nanoseconds);
  }

  override fence(): void {
    this.memory.stores?.drain();
  }

  override orderStores(): void {
    this.memory.stores?.separate();
  }

  override elapse(nanoseconds: number): void {
    this.memory.adversary?.timePasses(nanoseconds);
    super.elapse(nanoseconds);
  }

  /** An idle CPU has nothing left in its store buffer. */
  override waitForInterrupt(): boolean {
    this.fence();
    return super.waitForInterrupt();
  }
}
