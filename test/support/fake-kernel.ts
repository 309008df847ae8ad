import { physAddr } from '../../base/address';
import { silentLogger } from '../../base/logger';
import type { CpuPort } from '../../emulator/cpu-port';
import { CommandLine } from '../../kernel-api/boot/command-line';
import { RiscvIsa } from '../../kernel-api/boot/riscv-isa';
import type { Kernel } from '../../kernel-api/kernel';
import { MemoryManager, type Memblock } from '../../kernel-api/mm/memory-manager';
import { Scatterlists } from '../../kernel-api/scatterlist/scatterlist';
import { DEFAULT_BANKS, FakeCpuPort, type FakeBank } from './fake-cpu-port';

/** A kernel for unit tests: memory, scatterlists and warnings work; asking it for any other subsystem throws. */
export interface FakeKernel extends Kernel {
  /** Every warning so far, as `where: message`. */
  readonly warned: string[];
}

/** What to build a fake kernel from. By default: the banks of the default board, all of them free memory. */
export interface FakeKernelOptions {
  readonly banks?: readonly FakeBank[];
  readonly reserved?: Memblock['reserved'];
  readonly zoneDmaLimit?: number;
  readonly cpu?: CpuPort;
  /** What the CPU can do. Default: neither cache operations nor memory types. */
  readonly isa?: RiscvIsa;
  readonly bootargs?: string;
}

/** Builds a kernel that consists of memory management only, over a fake CPU port (or the given one). */
export const makeFakeKernel = (options: FakeKernelOptions = {}): FakeKernel => {
  const banks = options.banks ?? DEFAULT_BANKS;
  const cpu = options.cpu ?? new FakeCpuPort(banks);
  const warned: string[] = [];
  // On the prototype, so that what prints a kernel does not ask for them.
  const absent: Partial<Record<keyof FakeKernel, unknown>> = {};
  for (const name of ['irq', 'of', 'drivers', 'iommu', 'dma', 'dmaengine']) {
    Object.defineProperty(absent, name, {
      get: () => {
        throw new Error(`the fake kernel of this test has no ${name}`);
      },
    });
  }
  const parts = Object.assign(Object.create(absent) as typeof absent, {
    cpu,
    trace: cpu.trace,
    log: silentLogger,
    isa: options.isa ?? new RiscvIsa([], 0),
    commandLine: new CommandLine(options.bootargs ?? ''),
    confidential: { active: false, convert: () => 0 },
    options: { revocation: 'linux', hostTurn: () => Promise.resolve() },
    warned,
    warn: (where: string, message: string) => void warned.push(`${where}: ${message}`),
    sched: { current: null, inAtomic: false, mightSleep: () => undefined },
  });
  Object.defineProperty(parts, 'warnings', { get: () => warned.length });
  const kernel = parts as unknown as FakeKernel;
  const memblock: Memblock = {
    memory: banks.map(({ base, size }) => ({ base: physAddr(base), size })),
    reserved: options.reserved ?? [],
    ...(options.zoneDmaLimit === undefined ? {} : { zoneDmaLimit: physAddr(options.zoneDmaLimit) }),
  };
  Object.assign(parts, { mm: new MemoryManager(kernel, memblock), scatterlists: new Scatterlists(kernel) });
  return kernel;
};
