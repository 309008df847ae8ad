import { dmaOffsetOf, dmaPageOf, type DmaAddr } from '../../../base/address';
import { BUS_OK } from '../../../base/bus-outcome';
import type { CacheLineEvent, TraceEvent } from '../../../base/trace-events';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import type { BootedKernel } from '../../../kernel-api/boot/boot';
import type { Machine } from '../../../lab/machine';
import { Engine } from './engine';
import { MemoryImage } from './memory-image';

/** Pages of the queues in which software and IOMMU talk to each other: they change when a fault is reported. */
const queuePages = (machine: Machine): ((page: number) => boolean) => {
  const { iommu } = machine.hardware;
  if (iommu === undefined) return () => false;
  const ranges = (['cqb', 'fqb'] as const).map((name) => {
    const { lo, hi } = iommu.registers.register(name);
    const first = hi * 2 ** 22 + (lo >>> 10);
    return { first, end: first + Math.ceil((2 ** ((lo & 31) + 1) * (name === 'cqb' ? 16 : 32)) / 4096) };
  });
  return (page) => ranges.some(({ first, end }) => page >= first && page < end);
};

/** Sees what a device does to memory, and what is done to the device. */
export class Witness {
  readonly engine: Engine;
  /** Accesses that reached memory since `begin`. */
  reads = 0;
  writes = 0;
  /** Since the machine was built. */
  drops = 0;
  private watching = false;
  private before: MemoryImage | null = null;
  private isQueue: (page: number) => boolean = () => false;
  private readonly machine: Machine;
  private readonly label: string;
  private readonly bytes = new Uint8Array(8).fill(0xa5);

  constructor(machine: Machine, label: string) {
    this.machine = machine;
    this.label = label;
    this.engine = machine.hardware.device(label, Engine);
    const { requesterId } = machine.hardware.port(label);
    machine.trace.subscribe(({ event }) => {
      if (event.type === 'gate-drop' && event.requester === requesterId) this.drops++;
      if (isCacheEvent(event)) this.before?.follow(event);
      if (!this.watching || (event.type !== 'dma-read' && event.type !== 'dma-write')) return;
      if (event.requester !== requesterId || event.outcome !== BUS_OK) return;
      if (event.type === 'dma-read') this.reads++;
      else this.writes++;
    });
  }

  /** From now on the device is to reach nothing. */
  begin(): void {
    this.isQueue = queuePages(this.machine);
    this.before = new MemoryImage(this.machine);
    this.reads = 0;
    this.writes = 0;
    this.watching = true;
  }

  /** The device may reach memory again. */
  end(): void {
    this.watching = false;
    this.before = null;
  }

  /** The device tries everything that it ever was given, reading and writing. @returns how many accesses got through */
  attack(given: readonly DmaAddr[]): number {
    const port = this.machine.hardware.port(this.label);
    let through = 0;
    for (const address of given) {
      const [page, offset] = [dmaPageOf(address), dmaOffsetOf(address)];
      const outcomes = [port.read(page, offset, new Uint8Array(8), 0, 8), port.write(page, offset, this.bytes, 0, 8)];
      for (const outcome of outcomes) {
        this.engine.attempts++;
        if (outcome === BUS_OK) through++;
        else this.engine.refused++;
      }
    }
    return through;
  }

  /**
   * Pages that are not as they were at `begin`, in RAM or in the CPU's cache, but for what the cache did by itself and for the
   * IOMMU's queues.
   */
  changed(): number[] {
    return this.before?.differences(this.machine).filter((page) => !this.isQueue(page)) ?? [];
  }
}

const isCacheEvent = (event: TraceEvent): event is CacheLineEvent => event.type.startsWith('cache-');

/** What is in use: nothing of it may be more after a driver has come and gone. */
export const usage = (kernel: BootedKernel, devices: readonly StructDevice[]): string => {
  kernel.mm.slabs.shrink();
  const cookie = devices[0]!.dma.iommu;
  const live = cookie === null ? 0 : cookie.iovad.ranges().length;
  return JSON.stringify({
    memory: kernel.mm.statistics(),
    waiting: cookie?.queue?.length ?? 0,
    live,
    slots: kernel.dma.swiotlb.defaultMem?.used,
    devres: devices.map(({ devres, driver }) => (driver === null ? devres.count : 0)),
    coherent: devices.map(({ dma }) => [dma.coherentAllocations.size, dma.ostdWindows.count]),
  });
};
