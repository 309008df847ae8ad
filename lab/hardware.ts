import { dmaAddr, physAddr } from '../base/address';
import { LabError } from '../base/errors';
import type { Logger } from '../base/logger';
import type { Prng } from '../base/prng';
import { Trace } from '../base/trace';
import type { DevicePort } from '../emulator/bus/device-port';
import { BusPort } from '../emulator/bus/port';
import { RequesterGate } from '../emulator/bus/requester-gate';
import { SystemBus } from '../emulator/bus/system-bus';
import { Clock } from '../emulator/clock';
import { Cpu } from '../emulator/cpu/cpu';
import type { Device, DeviceHost } from '../emulator/device';
import { DmaRequestLine } from '../emulator/dma-request';
import { Plic } from '../emulator/interrupts/plic';
import { RiscvIommu } from '../emulator/iommu/iommu';
import type { RiscvIommuOptions } from '../emulator/iommu/options';
import { Ram } from '../emulator/memory/ram';
import { GATE_BASE, IOMMU_BASE, IOMMU_INTERRUPTS, PLIC_BASE, PLIC_SOURCES } from './board-layout';
import type { MachineOptions, MemoryBank } from './machine-options';
import type { PlacedNode } from './placement';

/** A class of devices. */
export type DeviceClass<T extends Device> = abstract new (...args: never[]) => T;

/** What a machine's hardware is built from. */
export interface HardwarePlan {
  readonly memory: readonly MemoryBank[];
  readonly nodes: readonly PlacedNode[];
  readonly options: MachineOptions;
  readonly rng: Prng;
  readonly log: Logger;
}

/**
 * All the silicon of a machine, wired up and powered on: nothing of it knows the kernel, and the kernel sees nothing of
 * it but the CPU's port.
 */
export class Hardware {
  readonly clock: Clock;
  readonly trace: Trace;
  readonly ram: Ram;
  readonly bus: SystemBus;
  readonly cpu: Cpu;
  readonly plic: Plic;
  readonly gate: RequesterGate;
  readonly iommu: RiscvIommu | undefined;
  private readonly devices = new Map<string, Device>();
  private readonly ports = new Map<string, DevicePort>();
  private readonly plan: HardwarePlan;

  constructor(plan: HardwarePlan) {
    this.plan = plan;
    const { options, rng } = plan;
    const order = rng.fork('event-order');
    this.clock = new Clock(options.eventOrder === 'seeded' ? () => order.nextU32() : undefined);
    this.trace = new Trace(() => this.clock.now);
    this.ram = new Ram(plan.memory.map(({ base, size }) => ({ base: physAddr(base), size })));
    this.bus = new SystemBus(this.ram);
    this.cpu = new Cpu(this.bus, this.clock, this.trace);
    this.plic = new Plic({ sources: PLIC_SOURCES });
    this.plic.connectTrace(this.trace);
    this.plic.connectOutput(0, this.cpu.externalInterrupt);
    this.bus.mount(PLIC_BASE, this.plic.registers);
    this.gate = new RequesterGate();
    this.gate.connectTrace(this.trace);
    this.bus.mount(GATE_BASE, this.gate.registers);
    this.iommu = this.buildIommu(options.iommu ?? true);
    this.connectDevices();
  }

  private buildIommu(option: boolean | RiscvIommuOptions): RiscvIommu | undefined {
    if (option === false) return undefined;
    const lines = IOMMU_INTERRUPTS.map((source) => this.plic.line(source));
    const iommu = new RiscvIommu(option === true ? {} : option, this.bus, this.clock, this.trace, lines);
    this.bus.mount(IOMMU_BASE, iommu);
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

  private buildPort({ node, requesterId }: PlacedNode): DevicePort | undefined {
    if (requesterId === undefined) return undefined;
    const { addressWires, dmaRanges = [], behindIommu = true } = node.bus ?? {};
    return new BusPort({
      bus: this.bus,
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

  /** The bus port of a device, for scenarios that let a device misbehave. One that masters no bus is a `LabError`. */
  port(label: string): DevicePort {
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
