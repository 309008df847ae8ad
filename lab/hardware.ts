import { PAGE_SIZE, dmaAddr, physAddr } from '../base/address';
import { wordsOfPeeks, type WordReader } from '../base/descriptor';
import { LabError } from '../base/errors';
import type { Logger } from '../base/logger';
import type { Prng } from '../base/prng';
import { Trace } from '../base/trace';
import type { DevicePort } from '../emulator/bus/device-port';
import type { MemoryWatch } from '../emulator/bus/memory-watch';
import type { MemoryPath, PhysicalBus } from '../emulator/bus/physical-bus';
import { BusPort } from '../emulator/bus/port';
import { RequesterGate } from '../emulator/bus/requester-gate';
import { SystemBus } from '../emulator/bus/system-bus';
import { WatchedCpuBus, WatchedDeviceBus } from '../emulator/bus/watched-bus';
import { CachedMemory } from '../emulator/cache/cached-memory';
import { Clock } from '../emulator/clock';
import { CachedCpu } from '../emulator/cpu/cached-cpu';
import { Cpu } from '../emulator/cpu/cpu';
import { describesQueues, type DescribedQueue } from '../emulator/described-queue';
import type { Device, DeviceHost } from '../emulator/device';
import { GuardedBus } from '../emulator/guard/guarded-bus';
import { MemoryGuard, type PrivateMemory } from '../emulator/guard/memory-guard';
import { DmaRequestLine } from '../emulator/dma-request';
import { Plic } from '../emulator/interrupts/plic';
import { designPlic } from '../emulator/interrupts/plic-registers';
import { RiscvIommu } from '../emulator/iommu/iommu';
import type { RiscvIommuOptions } from '../emulator/iommu/options';
import { Ram } from '../emulator/memory/ram';
import { hasIommu, isCoherent } from './board-description';
import { GATE_BASE, GUARD_BASE, IOMMU_BASE, IOMMU_INTERRUPTS, PLIC_BASE, PLIC_SOURCES } from './board-layout';
import type { MachineOptions, MemoryBank } from './machine-options';
import type { PlacedNode } from './placement';
import type { RamPool } from './ram-pool';

const PLIC = designPlic({ sources: PLIC_SOURCES });

/** A class of devices. */
export type DeviceClass<T extends Device> = abstract new (...args: never[]) => T;

/** What a machine's hardware is built from. */
export interface HardwarePlan {
  readonly memory: readonly MemoryBank[];
  readonly nodes: readonly PlacedNode[];
  readonly options: MachineOptions;
  readonly rng: Prng;
  readonly log: Logger;
  readonly ramPool?: RamPool | undefined;
  /** Who sees every access to memory. Default: nobody, at no cost. */
  readonly watch?: MemoryWatch | undefined;
}

/**
 * All the silicon of a machine, wired up and powered on: nothing of it knows the kernel, and the kernel sees nothing of
 * it but the CPU's port.
 */
export class Hardware {
  readonly clock: Clock;
  readonly trace: Trace;
  readonly ram: Ram;
  /** Registers, and RAM as it is behind all caches. */
  readonly bus: SystemBus;
  /** The CPU's cache, and memory as it looks through it; undefined on a machine that models none. */
  readonly memory: CachedMemory | undefined;
  readonly cpu: Cpu;
  readonly plic: Plic;
  readonly gate: RequesterGate;
  readonly iommu: RiscvIommu | undefined;
  /** Keeps a confidential guest's memory from devices. */
  readonly guard: MemoryGuard | undefined;
  private readonly devices = new Map<string, Device>();
  private readonly ports = new Map<string, BusPort>();
  private readonly plan: HardwarePlan;

  constructor(plan: HardwarePlan) {
    this.plan = plan;
    const { options, rng } = plan;
    const { registerBase = 0 } = options;
    const order = rng.fork('event-order');
    this.clock = new Clock(options.eventOrder === 'seeded' ? () => order.nextU32() : undefined);
    this.trace = new Trace(() => this.clock.now);
    const banks = plan.memory.map(({ base, size }) => ({ base: physAddr(base), size }));
    this.ram = plan.ramPool?.take(banks) ?? new Ram(banks);
    this.bus = new SystemBus(this.ram);
    this.memory = this.buildCache();
    this.cpu = this.memory
      ? new CachedCpu(this.memory, this.clock, this.trace)
      : new Cpu(this.watchedForCpu(this.bus), this.clock, this.trace);
    this.plic = new Plic(PLIC);
    this.plic.connectTrace(this.trace);
    this.plic.connectOutput(0, this.cpu.externalInterrupt);
    this.bus.mount(registerBase + PLIC_BASE, this.plic.registers);
    this.gate = new RequesterGate();
    this.gate.connectTrace(this.trace);
    this.bus.mount(registerBase + GATE_BASE, this.gate.registers);
    this.guard = this.buildGuard(options.confidential ?? false);
    this.iommu = hasIommu(options) ? this.buildIommu(options.iommu ?? true) : undefined;
    this.connectDevices();
  }

  private watchedForCpu(bus: PhysicalBus): PhysicalBus {
    const { watch } = this.plan;
    return watch === undefined ? bus : new WatchedCpuBus(bus, watch, false);
  }

  private watchedForDevice(bus: PhysicalBus, requesterId: number): PhysicalBus {
    const { watch } = this.plan;
    return watch === undefined ? bus : new WatchedDeviceBus(bus, watch, requesterId);
  }

  /** A machine has a cache if it asks for one, or if some bus master does not snoop and it would be missed. */
  private buildCache(): CachedMemory | undefined {
    const { nodes, options, rng, watch } = this.plan;
    const missed = nodes.some((placed) => placed.requesterId !== undefined && !isCoherent(placed, options));
    const option = options.cache ?? (missed ? {} : false);
    if (option === false) return undefined;
    return new CachedMemory(this.bus, this.ram, this.clock, this.trace, rng.fork('cache'), option, watch);
  }

  /** Memory and registers as those see them who snoop the cache, or who do not. */
  private busFor(coherent: boolean): PhysicalBus {
    if (this.memory === undefined) return this.bus;
    return coherent ? this.memory.coherent : this.memory.nonCoherent;
  }

  private buildGuard(option: boolean | PrivateMemory): MemoryGuard | undefined {
    if (option === false) return undefined;
    const guard = new MemoryGuard(this.busFor(true), option === true ? 'fault' : option);
    guard.connectTrace(this.trace);
    this.bus.mount((this.plan.options.registerBase ?? 0) + GUARD_BASE, guard.registers);
    return guard;
  }

  private buildIommu(option: boolean | RiscvIommuOptions): RiscvIommu | undefined {
    if (option === false) return undefined;
    const lines = IOMMU_INTERRUPTS.map((source) => this.plic.line(source));
    const iommu = new RiscvIommu(option === true ? {} : option, this.busFor(true), this.clock, this.trace, lines);
    this.bus.mount((this.plan.options.registerBase ?? 0) + IOMMU_BASE, iommu);
    return iommu;
  }

  private connectDevices(): void {
    const requests = collectRequests(this.plan.nodes);
    for (const placed of this.plan.nodes) {
      const { device, node } = placed;
      if (device === undefined) continue;
      device.mmio.forEach((target, index) => this.bus.mount(placed.reg[index]!.base, target));
      this.devices.set(node.label, device);
      const port = this.buildPort(placed);
      if (port !== undefined) this.ports.set(node.label, port);
      device.connect(this.hostOf(placed, port, requests));
    }
  }

  private buildPort(placed: PlacedNode): BusPort | undefined {
    const { node, requesterId } = placed;
    if (requesterId === undefined) return undefined;
    const { addressWires, dmaRanges = [], behindIommu = true } = node.bus ?? {};
    return new BusPort({
      bus: this.pathOf(requesterId, isCoherent(placed, this.plan.options)),
      trace: this.trace,
      gate: this.gate,
      requesterId,
      translator: behindIommu ? this.iommu : undefined,
      ...(addressWires === undefined ? {} : { addressWires }),
      windows: dmaRanges.map((window) => ({
        deviceAddress: dmaAddr(window.deviceAddress),
        physicalAddress: physAddr(window.physicalAddress),
        size: window.size,
      })),
    });
  }

  /** What lies behind all translation, as one bus master sees it. */
  private pathOf(requesterId: number, coherent: boolean): MemoryPath {
    const { guard, trace } = this;
    const bus = this.watchedForDevice(this.busFor(coherent), requesterId);
    return guard === undefined ? bus : new GuardedBus(bus, guard, trace, requesterId);
  }

  private hostOf(placed: PlacedNode, port: DevicePort | undefined, requests: RequestLines): DeviceHost {
    const { node } = placed;
    return {
      clock: this.clock,
      trace: this.trace,
      log: this.plan.log,
      rng: this.plan.rng.fork(`device.${node.label}`),
      get dma(): DevicePort {
        if (port === undefined)
          throw new LabError(`device '${node.label}' is no bus master, and asks for its way to memory`);
        return port;
      },
      interrupts: placed.interrupts.map((source) => this.plic.line(source)),
      dmaRequests: requests.ofController.get(node.label) ?? requests.ofClient.get(node.label) ?? [],
    };
  }

  /** A device by its node's label. An unknown one, or one of another class than asked for, is a `LabError`. */
  device(label: string): Device;
  device<T extends Device>(label: string, kind: DeviceClass<T>): T;
  device<T extends Device>(label: string, kind?: DeviceClass<T>): Device {
    const device = this.devices.get(label);
    if (device === undefined) {
      throw new LabError(`the machine has no device '${label}'; it has ${[...this.devices.keys()].join(', ')}`);
    }
    if (kind === undefined || device instanceof kind) return device;
    throw new LabError(`the device '${label}' is no ${kind.name}`);
  }

  /** The queues that devices know by themselves, with the labels of the devices, in the order of the board. */
  get describedQueues(): readonly { readonly label: string; readonly queue: DescribedQueue }[] {
    return [...this.devices].flatMap(([label, device]) =>
      describesQueues(device) ? device.describedQueues.map((queue) => ({ label, queue })) : [],
    );
  }

  /** The bus port of a device, for scenarios that let a device misbehave. One that masters no bus is a `LabError`. */
  port(label: string): DevicePort {
    return this.portOf(label);
  }

  /**
   * Memory as a device would read it now, or without a label as the CPU would by physical address, for who only looks: no time passes,
   * and no cache, counter or fault record changes. A device that masters no bus is a `LabError`.
   */
  seenBy(label?: string): WordReader {
    if (label === undefined) {
      const bus = this.memory?.cpu ?? this.bus;
      return wordsOfPeeks((page, offset, into, at, length) => bus.peek(page * PAGE_SIZE + offset, into, at, length));
    }
    const port = this.portOf(label);
    return wordsOfPeeks((page, offset, into, at, length) => port.peek(page, offset, into, at, length));
  }

  private portOf(label: string): BusPort {
    const port = this.ports.get(label);
    if (port !== undefined) return port;
    throw new LabError(`the machine has no bus master '${label}'; it has ${[...this.ports.keys()].join(', ')}`);
  }
}

/** Handshake lines, by the label of either end. */
interface RequestLines {
  readonly ofController: ReadonlyMap<string, readonly (DmaRequestLine | undefined)[]>;
  readonly ofClient: ReadonlyMap<string, readonly DmaRequestLine[]>;
}

const collectRequests = (nodes: readonly PlacedNode[]): RequestLines => {
  const ofController = new Map<string, (DmaRequestLine | undefined)[]>();
  const ofClient = new Map<string, DmaRequestLine[]>();
  for (const { node } of nodes) {
    const lines = (node.dmas ?? []).map(({ controller, request }) => {
      const line = new DmaRequestLine(request);
      const all = ofController.get(controller) ?? [];
      while (all.length <= request) all.push(undefined);
      all[request] = line;
      ofController.set(controller, all);
      return line;
    });
    if (lines.length > 0) ofClient.set(node.label, lines);
  }
  return { ofController, ofClient };
};
