import type { Kernel } from '../kernel';

/**
 * Memory barriers. The machine's one CPU carries out loads and stores in program order, and devices act only when the CPU
 * lets time pass, so there is nothing to order: the calls are here because drivers make them.
 */
type Barrier = (kernel: Kernel) => void;

const ordered: Barrier = () => undefined;

/** Orders all accesses. */
export const mb = ordered;
/** Orders loads. */
export const rmb = ordered;
/** Orders stores. */
export const wmb = ordered;
/** Orders accesses to memory shared with devices. */
export const dma_mb = ordered;
/** Orders loads from memory shared with devices. */
export const dma_rmb = ordered;
/** Orders stores to memory shared with devices. */
export const dma_wmb = ordered;
