import { LabError } from '../../base/errors';
import { defineBlock, type DefinedBlock } from '../registers/define-block';
import type { BlockSpec, RegisterSpec } from '../registers/spec';

/** Parameters of a platform-level interrupt controller. */
export interface PlicLayout {
  /** Interrupt sources, numbered 1 to this. */
  readonly sources: number;
  /** Targets: one per hart and privilege mode that takes interrupts. */
  readonly contexts: number;
}

/** A controller with its registers laid out: machines with the same one share it. */
export interface PlicDesign extends PlicLayout {
  readonly registers: BlockSpec & DefinedBlock;
}

/** Bits of a priority and of a threshold. */
const PRIORITY_BITS = 3;

const ENABLE_BASE = 0x2000;
const ENABLE_STRIDE = 0x80;
const CONTEXT_BASE = 0x20_0000;
const CONTEXT_STRIDE = 0x1000;
/** Room for 512 contexts. */
const BLOCK_SIZE = 0x40_0000;

/** The memory map's limits: 1023 sources, and as many contexts as the block has room for. */
const PLIC_MAX_SOURCES = 1023;
const PLIC_MAX_CONTEXTS = (BLOCK_SIZE - CONTEXT_BASE) / CONTEXT_STRIDE;

/** Words of a bitmap over all sources, number 0 included. */
export const plicWords = ({ sources }: PlicLayout): number => (sources >>> 5) + 1;

/** The name of a context's enable bits. */
export const enableName = (context: number): string => `ENABLE_${context}`;

/**
 * The registers of a PLIC, as the RISC-V Platform-Level Interrupt Controller specification lays them out under "Memory
 * Map". Source 0 means "no interrupt"; its bits and its priority read as zero.
 */
const plicRegisters = (layout: PlicLayout): BlockSpec & DefinedBlock => {
  const words = plicWords(layout);
  const priorityBits = [PRIORITY_BITS - 1, 0] as const;
  const registers: Record<string, RegisterSpec> = {
    PRIORITY: {
      offset: 0,
      width: 4,
      count: layout.sources + 1,
      fields: { PRIORITY: { bits: priorityBits, doc: '0 never interrupts; a higher number goes first.' } },
      doc: 'By source number.',
    },
    PENDING: { offset: 0x1000, width: 4, count: words, access: 'ro', doc: 'One bit per source.' },
  };
  for (let context = 0; context < layout.contexts; context++) {
    registers[enableName(context)] = {
      offset: ENABLE_BASE + context * ENABLE_STRIDE,
      width: 4,
      count: words,
      doc: `One bit per source: it may interrupt context ${context}.`,
    };
  }
  const perContext = { width: 4, count: layout.contexts, stride: CONTEXT_STRIDE } as const;
  registers.THRESHOLD = {
    ...perContext,
    offset: CONTEXT_BASE,
    fields: { THRESHOLD: { bits: priorityBits, doc: 'Only higher priorities raise the interrupt.' } },
    doc: 'By context.',
  };
  registers.CLAIM = {
    ...perContext,
    offset: CONTEXT_BASE + 4,
    doc: 'By context. Reading claims the pending source of highest priority (0: none); writing its number completes it.',
  };
  return defineBlock({ name: 'plic', size: BLOCK_SIZE, registers });
};

const requireCount = (what: keyof PlicLayout, count: number, most: number): void => {
  if (Number.isInteger(count) && count >= 1 && count <= most) return;
  throw new LabError(`an interrupt controller has 1 to ${most} ${what}, not ${count}`, { what: `plic.${what}` });
};

/** Default: 64 sources, one context. More than the memory map has room for is a `LabError`. */
export const designPlic = ({ sources = 64, contexts = 1 }: Partial<PlicLayout> = {}): PlicDesign => {
  requireCount('sources', sources, PLIC_MAX_SOURCES);
  requireCount('contexts', contexts, PLIC_MAX_CONTEXTS);
  const layout = { sources, contexts };
  return { ...layout, registers: plicRegisters(layout) };
};
