import { setImmediate as immediate } from 'node:timers/promises';

import { physAddr } from '../../base/address';
import { assemble, cells, cells64, DeviceTree as FlattenedTree, property, reference, strings } from '../../base/fdt';
import type { NodeSource } from '../../base/fdt';
import type { Logger } from '../../base/logger';
import { Trace } from '../../base/trace';
import type { TraceEvent } from '../../base/trace-events';
import { SystemBus } from '../../emulator/bus/system-bus';
import { Clock } from '../../emulator/clock';
import { Cpu } from '../../emulator/cpu/cpu';
import { Plic } from '../../emulator/interrupts/plic';
import { designPlic } from '../../emulator/interrupts/plic-registers';
import { Ram } from '../../emulator/memory/ram';
import { DriverCore } from '../../kernel-api/base/driver-core';
import type { StructDevice } from '../../kernel-api/base/struct-device';
import { InterruptSubsystem } from '../../kernel-api/irq/interrupt-subsystem';
import { DeviceTree } from '../../kernel-api/of/device-tree';
import { Scheduler } from '../../kernel-api/sched/scheduler';
import { TimerEntry } from '../../kernel-api/sched/timer-queue';
import { makeFakeKernel, type FakeKernel } from './fake-kernel';

/** Where the interrupt controller is. */
export const PLIC_BASE = 0x0c00_0000;
const PLIC_SOURCES = 31;
/** Small, as tests make many of these kernels. */
const BANKS = [
  { base: physAddr(0x8000_0000), size: 2 << 20 },
  { base: physAddr(0x1_0000_0000), size: 2 << 20 },
];

/** The CPU and the interrupt controller of a small board, for trees of one's own. The PLIC has the label `plic`. */
export const platformNodes = (): NodeSource[] => [
  {
    name: 'cpus',
    properties: [property('#address-cells', cells(1)), property('#size-cells', cells(0))],
    children: [
      {
        name: 'cpu@0',
        properties: [property('device_type', strings('cpu')), property('reg', cells(0))],
        children: [
          {
            name: 'interrupt-controller',
            label: 'intc',
            properties: [
              property('compatible', strings('riscv,cpu-intc')),
              property('#interrupt-cells', cells(1)),
              property('interrupt-controller'),
            ],
          },
        ],
      },
    ],
  },
  {
    name: `interrupt-controller@${PLIC_BASE.toString(16)}`,
    label: 'plic',
    properties: [
      property('compatible', strings('sifive,plic-1.0.0')),
      property('reg', cells64(PLIC_BASE, 0x40_0000)),
      property('#address-cells', cells(0)),
      property('#interrupt-cells', cells(1)),
      property('interrupt-controller'),
      property('interrupts-extended', reference('intc'), cells(9)),
      property('riscv,ndev', cells(PLIC_SOURCES)),
    ],
  },
];

/** The root of a tree: two cells for addresses and sizes, interrupts at the PLIC. */
export const rootNode = (...children: NodeSource[]): NodeSource => ({
  name: '',
  properties: [
    property('#address-cells', cells(2)),
    property('#size-cells', cells(2)),
    property('interrupt-parent', reference('plic')),
  ],
  children: [...platformNodes(), ...children],
});

/** A kernel whose tasks, interrupts and drivers work, on a real CPU, bus and interrupt controller. */
export interface RunningKernel {
  readonly kernel: FakeKernel;
  readonly sched: Scheduler;
  readonly clock: Clock;
  readonly cpu: Cpu;
  readonly bus: SystemBus;
  readonly plic: Plic;
  /** Everything on the trace, once `record` was called. */
  readonly events: TraceEvent[];
  record(): void;
  /** What went to the log, as `level: message`. */
  readonly logged: string[];
  /** What was asked of the DMA subsystem. */
  readonly dmaCalls: string[];
  /** What configuring the DMA of a device returns; 0 unless set. */
  dmaConfigure: (dev: StructDevice) => number;
}

/** What to build it from. */
export interface RunningKernelOptions {
  readonly tree?: NodeSource;
  readonly revocation?: 'linux' | 'strict';
}

/** Builds one. Its DMA subsystem only keeps a record of the calls. */
export const makeRunningKernel = ({
  tree = rootNode(),
  revocation = 'linux',
}: RunningKernelOptions = {}): RunningKernel => {
  const clock = new Clock();
  clock.limit = 3600e9;
  const trace = new Trace(() => clock.now);
  const bus = new SystemBus(new Ram(BANKS));
  const cpu = new Cpu(bus, clock, trace);
  const plic = new Plic(designPlic({ sources: PLIC_SOURCES }));
  plic.connectTrace(trace);
  plic.connectOutput(0, cpu.externalInterrupt);
  bus.mount(PLIC_BASE, plic.registers);
  const kernel = makeFakeKernel({ cpu, banks: BANKS });
  const events: TraceEvent[] = [];
  const logged: string[] = [];
  const dmaCalls: string[] = [];
  const running: RunningKernel = {
    kernel,
    sched: new Scheduler(kernel),
    clock,
    cpu,
    bus,
    plic,
    events,
    record: () => void trace.subscribe(({ event }) => events.push(event)),
    logged,
    dmaCalls,
    dmaConfigure: () => 0,
  };
  const log = (level: string) => (_fields: object, message: string) => void logged.push(`${level}: ${message}`);
  const logger: Logger = { error: log('error'), warn: log('warn'), info: log('info'), debug: () => undefined };
  const dma = {
    configure: (dev: StructDevice) => {
      dmaCalls.push(`configure ${dev.name}`);
      return running.dmaConfigure(dev);
    },
    cleanup: (dev: StructDevice) => void dmaCalls.push(`cleanup ${dev.name}`),
  };
  const parts = {
    sched: running.sched,
    options: { revocation, hostTurn: () => immediate() },
    log: logger,
    of: new DeviceTree(kernel, new FlattenedTree(assemble(tree))),
    irq: new InterruptSubsystem(kernel),
    drivers: new DriverCore(kernel),
    dma,
  };
  for (const [name, value] of Object.entries(parts)) {
    Object.defineProperty(kernel, name, { configurable: true, writable: true, value });
  }
  kernel.irq.init();
  return running;
};

/** Has something happen in hard interrupt context, some nanoseconds from now. */
export const atInterrupt = ({ sched, cpu }: RunningKernel, delay: number, body: () => void): void =>
  sched.timers.add(new TimerEntry(body), cpu.now + delay);
