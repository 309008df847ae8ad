import { physAddr, type PhysAddr } from '../../base/address';
import { BUS_NO_ADDRESS, busOutcomeName } from '../../base/bus-outcome';
import { callSite } from '../../base/call-site';
import { LabError } from '../../base/errors';
import { decodeDeviceTree, type DeviceTree as FlattenedTree } from '../../base/fdt';
import type { Logger } from '../../base/logger';
import type { Trace } from '../../base/trace';
import { hex } from '../../base/u64';
import type { CpuPort } from '../../emulator/cpu-port';
import { DriverCore } from '../base/driver-core';
import { of_platform_populate } from '../base/of-platform';
import { DmaSubsystem } from '../dma/dma-subsystem';
import { reserveDefaultPool } from '../dma/swiotlb/boot-memory';
import { DmaEngine } from '../dmaengine/dmaengine';
import { registerBuiltinDrivers } from '../drivers';
import { IommuSubsystem } from '../iommu/iommu-subsystem';
import { InterruptSubsystem } from '../irq/interrupt-subsystem';
import type { Kernel } from '../kernel';
import type { MemblockRange } from '../mm/memblock';
import { ConfidentialPlatform } from '../mm/confidential';
import { MemoryManager } from '../mm/memory-manager';
import { DeviceTree, of_find_node_by_path } from '../of/device-tree';
import { Scatterlists } from '../scatterlist/scatterlist';
import { Scheduler } from '../sched/scheduler';
import type { BootOptions } from './boot-options';
import { CommandLine } from './command-line';
import { readMemoryMap, type MemoryMap } from './memory-map';
import { readRiscvIsa, type RiscvIsa } from './riscv-isa';

/** What the boot loader hands over. */
export interface BootParameters {
  readonly cpu: CpuPort;
  readonly trace: Trace;
  readonly log: Logger;
  /** Where the device tree blob is in memory (register a1). */
  readonly dtb: PhysAddr;
  readonly options: BootOptions;
}

const MAGIC = 0xd00d_feed;
const HEADER_BYTES = 8;
/** Linux maps no more than this for the blob (`MAX_FDT_SIZE`). */
const MAX_BLOB_BYTES = 2 << 20;

const readBytes = (cpu: CpuPort, address: PhysAddr, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  const outcome = cpu.readBytes(address, bytes, 0, length);
  if (outcome !== 0) {
    throw new LabError(`the device tree cannot be read from ${hex(address)}: ${busOutcomeName(outcome)}`);
  }
  return bytes;
};

const readBlob = (cpu: CpuPort, dtb: PhysAddr): Uint8Array => {
  if (dtb % 8 !== 0) throw new LabError(`the device tree has to lie at a multiple of 8, not at ${hex(dtb)}`);
  const header = new DataView(readBytes(cpu, dtb, HEADER_BYTES).buffer);
  if (header.getUint32(0) !== MAGIC) {
    throw new LabError(`there is no device tree at ${hex(dtb)}: it begins with ${hex(header.getUint32(0))}`);
  }
  const size = header.getUint32(4);
  if (size > MAX_BLOB_BYTES) throw new LabError(`the device tree says that it has ${size} bytes; 2 MiB are the most`);
  return readBytes(cpu, dtb, size);
};

const bootargsOf = (tree: FlattenedTree): string => {
  const value = tree.root.child('chosen')?.getProperty('bootargs');
  return value === undefined ? '' : String.fromCharCode(...value).replace(/\0.*$/s, '');
};

/** A tree that promises memory which is not there would be found out much later, and somewhere else. */
const requireMemory = (cpu: CpuPort, { base, size }: MemblockRange): void => {
  const last = physAddr(base + size - 1);
  for (const address of [base, last]) {
    if (cpu.load8(address) !== BUS_NO_ADDRESS) continue;
    throw new LabError(
      `the device tree describes memory from ${hex(base)} to ${hex(last)}, and nothing answers at ${hex(address)}`,
    );
  }
};

/** A kernel that has read its device tree and set up its parts. `start` brings up the machine. */
export class BootedKernel implements Kernel {
  readonly cpu: CpuPort;
  readonly trace: Trace;
  readonly log: Logger;
  readonly options: BootOptions;
  readonly commandLine: CommandLine;
  readonly isa: RiscvIsa;
  readonly of: DeviceTree;
  readonly mm: MemoryManager;
  readonly confidential: ConfidentialPlatform;
  readonly scatterlists: Scatterlists;
  readonly sched: Scheduler;
  readonly irq: InterruptSubsystem;
  readonly drivers: DriverCore;
  readonly iommu: IommuSubsystem;
  readonly dma: DmaSubsystem;
  readonly dmaengine: DmaEngine;
  private warningCount = 0;

  constructor({ cpu, trace, log, dtb, options }: BootParameters) {
    this.cpu = cpu;
    this.trace = trace;
    this.log = log;
    this.options = options;
    const blob = readBlob(cpu, dtb);
    const tree = decodeDeviceTree(blob);
    const map = readMemoryMap(tree, { base: dtb, size: blob.length }, log, options.zoneDma);
    for (const range of map.memblock.memory) requireMemory(cpu, range);
    this.commandLine = new CommandLine(bootargsOf(tree));
    this.isa = readRiscvIsa(tree, log);
    this.of = new DeviceTree(this, tree);
    const { memblock, pool, kmallocMinAlign } = reserveDefaultPool(this, map.memblock);
    this.mm = new MemoryManager(this, memblock, kmallocMinAlign);
    this.confidential = new ConfidentialPlatform(this);
    this.scatterlists = new Scatterlists(this);
    this.scatterlists.pools.init();
    this.sched = new Scheduler(this);
    this.irq = new InterruptSubsystem(this);
    this.drivers = new DriverCore(this);
    this.iommu = new IommuSubsystem(this);
    this.dma = new DmaSubsystem(this);
    this.dma.swiotlb.init(pool);
    this.dma.atomicPools.init();
    this.dma.swiotlb.updateMemAttributes();
    this.dmaengine = new DmaEngine(this);
    this.noteReservedMemory(map);
    this.irq.init();
    this.dmaengine.init();
  }

  get warnings(): number {
    return this.warningCount;
  }

  /**
   * Creates the devices, registers the drivers that the kernel has built in, and binds what can be bound. To be called in a
   * task, once.
   */
  async start(): Promise<void> {
    await of_platform_populate(this, null, null);
    await registerBuiltinDrivers(this);
    await this.drivers.enableDeferredProbing();
  }

  warn(where: string, message: string): void {
    this.warningCount++;
    const site = callSite();
    if (this.trace.active) this.trace.emit({ type: 'warn', where, message, site });
    this.log.warn({ time: this.cpu.now, where, ...(site === null ? {} : { site }) }, message);
  }

  private noteReservedMemory({ regions }: MemoryMap): void {
    for (const { path, base, size, noMap } of regions) {
      const node = of_find_node_by_path(this, path);
      if (node === null) continue;
      this.of.reservedMemory.push({ node, name: node.full_name, base: physAddr(base), size, noMap });
    }
  }
}

/**
 * Boots a kernel as far as that goes without running anything: reads the device tree from RAM, finds the memory, builds
 * the subsystems, takes over the interrupts. What makes no sense in the tree is a `LabError`.
 */
export const createKernel = (parameters: BootParameters): BootedKernel => new BootedKernel(parameters);
