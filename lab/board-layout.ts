/**
 * Where things are on the board. The fixed blocks stand where RISC-V boards commonly have them; devices follow one another
 * in a window of their own, in the order in which the machine lists them.
 */

export const PLIC_BASE = 0x0c00_0000;
export const PLIC_SIZE = 0x40_0000;
/** Wires into the interrupt controller, numbered from 1. */
export const PLIC_SOURCES = 63;

export const IOMMU_BASE = 0x0301_0000;
export const IOMMU_SIZE = 0x1000;
/** The IOMMU's four vectors: command queue, fault queue, performance counters, page requests. */
export const IOMMU_INTERRUPTS = [1, 2, 3, 4] as const;

export const GATE_BASE = 0x0302_0000;
export const GATE_SIZE = 0x1000;

export const GUARD_BASE = 0x0303_0000;
export const GUARD_SIZE = 0x1000;

/** The window for devices: one register block per 64 KiB, or more if it is larger. */
export const DEVICE_BASE = 0x1000_0000;
export const DEVICE_STRIDE = 0x1_0000;
export const DEVICE_LIMIT = 0x4000_0000;
/** Interrupt wires of devices are given out from here. */
export const FIRST_DEVICE_INTERRUPT = 8;
/** Requester ids of bus masters are given out from here. */
export const FIRST_REQUESTER = 1;
