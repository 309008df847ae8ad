import type { Kernel } from '../kernel';

/**
 * Memory barriers (`include/asm-generic/barrier.h`, `arch/riscv/include/asm/barrier.h`), as a kernel built for several CPUs
 * has them.
 *
 * The CPU may hold stores to memory back, and lets them go in any order; devices and the cache see them late then. It
 * carries out loads in program order, so the barriers that order only those have nothing to do. RISC-V has no weaker
 * fence for memory that is shared with devices: the `dma_` forms are the others.
 */
type Barrier = (kernel: Kernel) => void;

/** `fence ow, ow` and stronger. */
const fence: Barrier = (kernel) => kernel.cpu.fence();
const loadsAreInOrder: Barrier = () => undefined;

/** Orders all accesses. */
export const mb = fence;
/** Orders loads. */
export const rmb = loadsAreInOrder;
/** Orders stores, to registers too: what was stored before is there when a register is written. */
export const wmb = fence;
/** Orders accesses to memory shared with devices. */
export const dma_mb = fence;
/** Orders loads from memory shared with devices. */
export const dma_rmb = loadsAreInOrder;
/** Orders stores to memory shared with devices. */
export const dma_wmb = fence;

/** Orders all accesses to memory. */
export const smp_mb = fence;
/** Orders loads from memory. */
export const smp_rmb = loadsAreInOrder;
/** Orders stores to memory among themselves, but not before a register that is written next: that takes `wmb`. */
export const smp_wmb: Barrier = (kernel) => kernel.cpu.orderStores();
