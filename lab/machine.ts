import { LabError } from '../base/errors';
import { silentLogger, type Logger } from '../base/logger';
import { Prng } from '../base/prng';
import type { Trace } from '../base/trace';
import type { MemoryWatch } from '../emulator/bus/memory-watch';
import type { Clock } from '../emulator/clock';
import { buildDeviceTree, handOver } from '../firmware';
import { createKernel, type BootedKernel } from '../kernel-api/boot/boot';
import type { Kernel } from '../kernel-api/kernel';
import { describeBoard } from './board-description';
import { checkMachineOptions } from './check-options';
import { defaultNodes } from './default-nodes';
import { Hardware } from './hardware';
import type { MachineOptions, MemoryBank } from './machine-options';
import { placeNodes, type PlacedNode } from './placement';
import type { RamPool } from './ram-pool';
import type { DeviceTree } from '../base/fdt';

/** What a machine takes from whoever runs it. */
export interface MachineHost {
  /** Everything that is left to chance follows from this. Default 1. */
  readonly seed?: number;
  /** Lets the host run pending promise callbacks once. */
  readonly hostTurn: () => Promise<void>;
  /** Default: nobody listens. */
  readonly log?: Logger;
  /** Where RAM comes from. Default: every machine has new RAM. */
  readonly ramPool?: RamPool;
  /** Who sees every access to memory. Default: nobody, at no cost. */
  readonly watch?: MemoryWatch;
}

const MIB = 0x10_0000;
const DEFAULT_MEMORY: readonly MemoryBank[] = [
  { base: 0x8000_0000, size: 64 * MIB },
  { base: 0x1_0000_0000, size: 64 * MIB },
];
const DEFAULT_TIME_LIMIT_MS = 10_000;

/**
 * A machine: hardware, the firmware's device tree in its RAM, and a kernel. `boot()` hands over to the kernel; the kernel's
 * scheduler then runs everything (`machine.run`).
 */
export class Machine {
  readonly hardware: Hardware;
  /** The device tree as firmware built it. */
  readonly deviceTree: DeviceTree;
  /** What is on the board, and where. */
  readonly nodes: readonly PlacedNode[];
  readonly log: Logger;
  readonly seed: number;
  private readonly host: MachineHost;
  private readonly options: MachineOptions;
  private readonly dtb: ReturnType<typeof handOver>;
  private booted: BootedKernel | undefined;

  /** Builds and powers on. A machine that cannot be built is a `LabError`. */
  constructor(options: MachineOptions, host: MachineHost) {
    checkMachineOptions(options);
    this.options = options;
    this.host = host;
    this.log = host.log ?? silentLogger;
    this.seed = host.seed ?? 1;
    const memory = options.memory ?? DEFAULT_MEMORY;
    const nodes = placeNodes([...defaultNodes(options), ...(options.nodes ?? [])], options.registerBase);
    const board = describeBoard(memory, nodes, options);
    this.deviceTree = buildDeviceTree(board);
    const rng = new Prng(this.seed).fork('machine');
    const { ramPool, watch } = host;
    this.hardware = new Hardware({ memory, nodes, options, rng, log: this.log, ramPool, watch });
    this.nodes = nodes;
    this.clock.limit = Math.ceil((options.timeLimit ?? DEFAULT_TIME_LIMIT_MS) * 1e6);
    this.dtb = handOver(this.deviceTree, board, (address, bytes) =>
      this.hardware.bus.write(address, bytes, 0, bytes.length),
    );
  }

  get clock(): Clock {
    return this.hardware.clock;
  }

  get trace(): Trace {
    return this.hardware.trace;
  }

  /** Starts the kernel: it reads the device tree and sets itself up. Its devices are probed in `run`. */
  boot(): BootedKernel {
    if (this.booted !== undefined) throw new LabError('the machine has booted already');
    this.booted = createKernel({
      cpu: this.hardware.cpu,
      trace: this.trace,
      log: this.log,
      dtb: this.dtb.dtb,
      options: {
        revocation: this.options.revocation ?? 'linux',
        hostTurn: this.host.hostTurn,
        ...(this.options.zoneDma === undefined ? {} : { zoneDma: this.options.zoneDma }),
      },
    });
    return this.booted;
  }

  /** The kernel. Before `boot()` there is none, which is a `LabError`. */
  get kernel(): BootedKernel {
    if (this.booted === undefined) throw new LabError('the machine has not booted yet: call boot() first');
    return this.booted;
  }

  /** Gives the RAM back to the pool that it came from, if there is one. Afterwards the machine has no memory. */
  release(): void {
    this.host.ramPool?.giveBack(this.hardware.ram);
  }

  /** Probes the devices and runs `body` as a kernel task, until it ends. Boots first if need be. */
  async run<T>(body: (kernel: Kernel) => Promise<T> | T): Promise<T> {
    const kernel = this.booted ?? this.boot();
    return await kernel.sched.run(async () => {
      await kernel.start();
      return await body(kernel);
    });
  }
}
