import { Index, type AnyLayout, type At, type LayoutType, type Path, type Proven } from '../../base/layout';
import type { Coherent } from './coherent';

/**
 * Reads a part of coherent memory, with one access for each scalar (`dma_read!`): `dmaRead(ring, [2, 'cid'])`. The path has
 * the names of fields and indices; the empty path is the whole.
 *
 * An index is a number, which is checked when it is used (Rust's `[try: i]`), or comes from `panicIndex` or `buildIndex`.
 *
 * @throws KernelError `ERANGE` for an index out of bounds
 */
export const dmaRead = <L extends AnyLayout, const P extends Path<L>>(
  dma: Coherent<L>,
  path: P & Proven<L, P>,
): LayoutType<At<L, P>> => dma.fieldRead(path) as LayoutType<At<L, P>>;

/**
 * Writes a part of coherent memory (`dma_write!`): `dmaWrite(ring, [2, 'cid'], 7)`. A whole struct is written field by field,
 * in their order, after what lies between the fields was zeroed.
 *
 * @throws KernelError `ERANGE` for an index out of bounds
 */
export const dmaWrite = <L extends AnyLayout, const P extends Path<L>>(
  dma: Coherent<L>,
  path: P & Proven<L, P>,
  value: LayoutType<At<L, P>>,
): void => dma.fieldWrite(path, value);

/** An index that an error cannot come from: out of bounds it stops the kernel (`[panic: i]`). */
export const panicIndex = (index: number): Index<number, 'panic'> => new Index(index, 'panic');

/** An index that is known to be in bounds when this is compiled, or does not compile (`[build: i]`). Below 999. */
export const buildIndex = <const I extends number>(index: I): Index<I, 'build'> => new Index(index, 'build');
