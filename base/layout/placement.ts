import { roundUp } from './layout';

/** What the place of a field depends on. */
export interface FieldShape {
  readonly size: number;
  readonly align: number;
  /** The alignment that the declaration asks for (`__attribute__((aligned(n)))`), if it does. */
  readonly explicitAlign: number | undefined;
}

/** What the attributes of a struct ask for. */
export interface StructShape {
  readonly packed: boolean;
  readonly align: number;
}

/** Bytes between fields. */
export interface Gap {
  readonly offset: number;
  readonly length: number;
}

/** Where the fields of a struct lie. */
export interface Placement {
  readonly offsets: readonly number[];
  readonly gaps: readonly Gap[];
  readonly size: number;
  readonly align: number;
}

/**
 * Places fields as a C compiler does on 64-bit machines: each at the next multiple of its alignment, the whole rounded up to
 * the largest of these. `packed` makes every alignment 1 but those that a field asks for itself.
 */
export const place = (fields: readonly FieldShape[], shape: StructShape): Placement => {
  const offsets: number[] = [];
  const gaps: Gap[] = [];
  let end = 0;
  let align = shape.align;
  const advance = (offset: number): void => {
    if (offset > end) gaps.push({ offset: end, length: offset - end });
    end = offset;
  };
  for (const field of fields) {
    const own = Math.max(shape.packed ? 1 : field.align, field.explicitAlign ?? 1);
    align = Math.max(align, own);
    advance(roundUp(end, own));
    offsets.push(end);
    end += field.size;
  }
  advance(roundUp(end, align));
  return { offsets, gaps, size: end, align };
};
