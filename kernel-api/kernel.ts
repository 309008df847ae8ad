import type { Logger } from '../base/logger';
import type { Trace } from '../base/trace';
import type { CpuPort } from '../emulator/cpu-port';
import type { DriverCore } from './base/driver-core';
import type { BootOptions } from './boot/boot-options';
import type { CommandLine } from './boot/command-line';
import type { RiscvIsa } from './boot/riscv-isa';
import type { DmaEngine } from './dmaengine/dmaengine';
import type { DmaSubsystem } from './dma/dma-subsystem';
import type { IommuSubsystem } from './iommu/iommu-subsystem';
import type { InterruptSubsystem } from './irq/interrupt-subsystem';
import type { ConfidentialPlatform } from './mm/confidential';
import type { MemoryManager } from './mm/memory-manager';
import type { DeviceTree } from './of/device-tree';
import type { Scatterlists } from './scatterlist/scatterlist';
import type { Scheduler } from './sched/scheduler';

/**
 * A running kernel: everything that kernel code reaches through its devices, tables and handles. All state of the kernel
 * hangs on one of these; two kernels in one process share nothing.
 */
export interface Kernel {
  /** All the hardware there is to see. */
  readonly cpu: CpuPort;
  readonly trace: Trace;
  readonly log: Logger;
  readonly options: BootOptions;
  /** What firmware passed in `/chosen/bootargs`. */
  readonly commandLine: CommandLine;
  /** What the CPU can do, as the device tree says. */
  readonly isa: RiscvIsa;
  /** Memory: pages, kmalloc, vmalloc, stacks, and loads and stores by virtual address. */
  readonly mm: MemoryManager;
  /** Which memory is shared with devices, where memory is private. */
  readonly confidential: ConfidentialPlatform;
  /** The handles of `struct scatterlist` in RAM. */
  readonly scatterlists: Scatterlists;
  /** Tasks, sleeping, time. */
  readonly sched: Scheduler;
  readonly irq: InterruptSubsystem;
  /** The device tree as firmware handed it over. */
  readonly of: DeviceTree;
  /** Buses, devices, drivers. */
  readonly drivers: DriverCore;
  readonly iommu: IommuSubsystem;
  readonly dma: DmaSubsystem;
  readonly dmaengine: DmaEngine;
  /** `WARN`: the call goes on; told on the trace and in the log, and counted. `where` names the function. */
  warn(where: string, message: string): void;
  /** Creates the devices of the tree, registers the built-in drivers, binds what can be bound. In a task, once. */
  start(): Promise<void>;
  /** How many warnings there were. */
  readonly warnings: number;
}
