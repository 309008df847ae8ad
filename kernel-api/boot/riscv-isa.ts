import { readCell, type DeviceTree } from '../../base/fdt';
import type { Logger } from '../../base/logger';

/** The strictest alignment that a DMA buffer needs on any RISC-V machine (`ARCH_DMA_MINALIGN`, `L1_CACHE_BYTES`). */
export const ARCH_DMA_MINALIGN = 64;

/** What the CPU's node in the device tree says that the CPU can do (`arch/riscv/kernel/cpufeature.c`). */
export class RiscvIsa {
  /** Bytes that a cache operation works on (`riscv_cbom_block_size`); 0 where there are none, or none that can be used. */
  readonly cbomBlockSize: number;
  private readonly extensions: ReadonlySet<string>;

  constructor(extensions: readonly string[], cbomBlockSize: number) {
    this.extensions = new Set(extensions);
    this.cbomBlockSize = this.extensions.has('zicbom') && isPowerOfTwo(cbomBlockSize) ? cbomBlockSize : 0;
  }

  /** Whether the CPU has an extension, by its name in lower case. */
  has(extension: string): boolean {
    return this.extensions.has(extension);
  }

  /** Whether pages can be mapped as non-cacheable memory. Without it a mapping that asks for it is an ordinary one. */
  get hasPageMemoryTypes(): boolean {
    return this.has('svpbmt');
  }
}

const isPowerOfTwo = (value: number): boolean => value > 0 && Number.isInteger(Math.log2(value));

/** Reads the node of the first CPU. Zicbom without a usable block size is logged, and not used. */
export const readRiscvIsa = (tree: DeviceTree, log: Logger): RiscvIsa => {
  const cpu = tree.root.child('cpus')?.children.find(({ name }) => name.startsWith('cpu@'));
  const text = String.fromCharCode(...(cpu?.getProperty('riscv,isa-extensions') ?? []));
  const block = cpu?.getProperty('riscv,cbom-block-size');
  const isa = new RiscvIsa(text.split('\0'), block === undefined ? 0 : (readCell(block, 0) ?? 0));
  if (isa.has('zicbom') && isa.cbomBlockSize === 0) {
    log.warn({}, 'Zicbom disabled: riscv,cbom-block-size is missing, or no power of 2');
  }
  return isa;
};
