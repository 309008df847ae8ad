import type { Prng } from '../../base/prng';
import type { Trace } from '../../base/trace';
import type { MemoryWatch } from '../bus/memory-watch';
import type { PhysicalBus } from '../bus/physical-bus';
import { WatchedCpuBus } from '../bus/watched-bus';
import type { Clock } from '../clock';
import type { Ram } from '../memory/ram';
import { CacheAdversary } from './adversary';
import { BufferedBus } from './buffered-bus';
import { CachedBus } from './cached-bus';
import { CpuCache, type LineOperation } from './cpu-cache';
import { LINE_SHIFT, cacheParameters, type CacheOptions } from './options';
import { SnoopingBus } from './snooping-bus';
import { SteppedBus } from './stepped-bus';
import { StoreBuffer } from './store-buffer';

/**
 * Memory with a CPU cache before it: the same bus as each of those sees it who use it. A machine without a cache has none
 * of this, and everyone shares the one bus.
 */
export class CachedMemory {
  readonly cache: CpuCache;
  /** The CPU's cached loads and stores. `peek` shows what the CPU would read. */
  readonly cpu: PhysicalBus;
  /** The CPU's loads and stores past the cache. */
  readonly uncached: PhysicalBus;
  /** Bus masters that snoop. */
  readonly coherent: PhysicalBus;
  /** Bus masters that do not. `peek` shows what RAM holds. */
  readonly nonCoherent: PhysicalBus;
  readonly operationNs: number;
  /** Undefined if the cache behaves. */
  readonly adversary: CacheAdversary | undefined;
  /** Undefined if stores never wait. */
  readonly stores: StoreBuffer | undefined;

  /**
   * @param rng what the adversarial mode draws from
   * @param watch who sees the CPU's loads and stores, before store buffer and cache
   */
  constructor(
    bus: PhysicalBus,
    ram: Ram,
    clock: Clock,
    trace: Trace,
    rng: Prng,
    options: CacheOptions = {},
    watch?: MemoryWatch,
  ) {
    const parameters = cacheParameters(options);
    const { adversary } = parameters;
    this.operationNs = parameters.operationNs;
    this.cache = new CpuCache(ram, trace, parameters);
    const cached = new CachedBus(bus, ram, this.cache);
    const snooping = new SnoopingBus(bus, this.cache);
    if (adversary !== undefined) {
      this.stores = new StoreBuffer(cached, bus, rng.fork('store-buffer'), adversary.storeBuffer);
      const chance = rng.fork('adversary');
      this.adversary = new CacheAdversary(this.cache, ram, clock, this.stores, chance, adversary.interval);
    }
    const cpu = this.forCpu(cached, ram, false);
    const uncached = this.forCpu(bus, ram, true);
    this.cpu = watch === undefined ? cpu : new WatchedCpuBus(cpu, watch, false);
    this.uncached = watch === undefined ? uncached : new WatchedCpuBus(uncached, watch, true);
    this.coherent = this.adversary === undefined ? snooping : new SteppedBus(snooping, this.adversary);
    this.nonCoherent = this.adversary === undefined ? bus : new SteppedBus(bus, this.adversary);
  }

  private forCpu(bus: PhysicalBus, ram: Ram, uncached: boolean): PhysicalBus {
    const { adversary, stores } = this;
    if (adversary === undefined || stores === undefined) return bus;
    return new BufferedBus(bus, ram, stores, adversary, uncached);
  }

  /**
   * A cache operation of the CPU. Its own stores to the lines come first.
   * @returns how many lines it worked on, held or not
   */
  operate(operation: LineOperation, address: number, length: number): number {
    if (!(length > 0)) return 0;
    const first = Math.floor(address / 2 ** LINE_SHIFT) * 2 ** LINE_SHIFT;
    const end = Math.ceil((address + length) / 2 ** LINE_SHIFT) * 2 ** LINE_SHIFT;
    this.stores?.drainRange(first, end - first);
    this.adversary?.operation(first, end - first);
    this.cache.operate(operation, address, length, 'operation');
    return (end - first) / 2 ** LINE_SHIFT;
  }
}
