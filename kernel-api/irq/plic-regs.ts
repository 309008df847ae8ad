/**
 * Registers of a RISC-V platform-level interrupt controller, as its driver knows them ("RISC-V Platform-Level Interrupt
 * Controller Specification", Memory Map; `drivers/irqchip/irq-sifive-plic.c`). Offsets in bytes.
 */

/** Priority of a source: one word each; 0 never interrupts. */
export const PRIORITY_BASE = 0;
export const PRIORITY_PER_ID = 4;

/** Enable bits of a context: one per source, in words of 32. */
export const CONTEXT_ENABLE_BASE = 0x2000;
export const CONTEXT_ENABLE_SIZE = 0x80;

/** Threshold and claim/complete of a context. */
export const CONTEXT_BASE = 0x20_0000;
export const CONTEXT_SIZE = 0x1000;
export const CONTEXT_THRESHOLD = 0x00;
export const CONTEXT_CLAIM = 0x04;

/** Every priority above 0 interrupts. */
export const PLIC_ENABLE_THRESHOLD = 0;
/** Nothing interrupts. */
export const PLIC_DISABLE_THRESHOLD = 7;

/** The supervisor's external interrupt, in the numbering of `riscv,cpu-intc` (RISC-V scause). */
export const RV_IRQ_EXT = 9;
