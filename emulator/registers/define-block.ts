import { BlockLayout } from './block-layout';
import type { BlockSpec } from './spec';

const LAYOUT = Symbol('layout');

/** A declaration that is laid out already: blocks are made from it sooner. */
export interface DefinedBlock {
  readonly [LAYOUT]: BlockLayout;
}

/**
 * Declares a block of registers once for all blocks that are made from it, with the literal names that it has. One that
 * contradicts itself is a `LabError`. A copy of it with changes is a declaration of its own, not laid out yet.
 */
export const defineBlock = <const S extends BlockSpec>(spec: S): S & DefinedBlock =>
  Object.defineProperty({ ...spec }, LAYOUT, { value: new BlockLayout(spec) }) as S & DefinedBlock;

/** How a declaration is laid out. */
export const layoutOf = (spec: BlockSpec): BlockLayout =>
  LAYOUT in spec ? (spec as BlockSpec & DefinedBlock)[LAYOUT] : new BlockLayout(spec);
