import { ArrayLayout } from './array';
import { badLayout, show, type AnyLayout } from './layout';
import { StructLayout, type Field, type FieldLayout, type FieldNames, type FieldSpecs } from './struct';

/** What an index out of bounds does. */
export type IndexFlavour = 'try' | 'panic' | 'build';

/** An index that says what happens if it is out of bounds. A plain number is a `try`. */
export class Index<I extends number = number, V extends IndexFlavour = IndexFlavour> {
  readonly index: I;
  readonly flavour: V;

  constructor(index: I, flavour: V) {
    this.index = index;
    this.flavour = flavour;
  }
}

/** The layout that one step leads to. */
type Into<L, S> =
  L extends StructLayout<infer F>
    ? S extends FieldNames<F>
      ? FieldLayout<F[S]>
      : never
    : L extends ArrayLayout<infer E>
      ? E
      : never;

/** The ways into a value: names of fields and indices, one after the other. The empty way is the value itself. */
export type Path<L> =
  | readonly []
  | (L extends StructLayout<infer F extends FieldSpecs>
      ? { [K in FieldNames<F>]: readonly [K, ...Path<FieldLayout<F[K]>>] }[FieldNames<F>]
      : L extends ArrayLayout<infer E>
        ? readonly [number | Index, ...Path<E>]
        : never);

/** The layout at the end of a path. */
export type At<L, P extends readonly unknown[]> = P extends readonly [infer S, ...infer R] ? At<Into<L, S>, R> : L;

type Fill<N extends number, R extends unknown[] = []> = R['length'] extends N
  ? R
  : R['length'] extends 999
    ? never
    : Fill<N, [...R, 0]>;

/** Whether the literal `I` is below the literal `N` (999 at most). */
type IsBelow<I extends number, N extends number> = number extends N
  ? false
  : `${I}` extends keyof Fill<N>
    ? true
    : false;

/** The path itself, if every `build` index in it is known to be in bounds; else `never`. */
export type Proven<L, P extends readonly unknown[]> = P extends readonly [infer S, ...infer R]
  ? S extends Index<infer I, 'build'>
    ? L extends ArrayLayout<AnyLayout, infer N>
      ? IsBelow<I, N> extends true
        ? Proven<Into<L, S>, R>
        : never
      : never
    : Proven<Into<L, S>, R>
  : unknown;

/** Called for an index out of bounds; throws. */
export type OutOfBounds = (flavour: IndexFlavour, index: number, count: number) => never;

/** One step of a path at run time. */
type AnyStep = string | number | Index;

/** What a name leads to in a struct. */
const fieldOf = (layout: AnyLayout, step: AnyStep): Field<AnyLayout> => {
  const name = typeof step === 'string' ? step : '';
  if (layout instanceof StructLayout && Object.hasOwn(layout.fields, name)) {
    return (layout.fields as Readonly<Record<string, Field<AnyLayout>>>)[name]!;
  }
  throw badLayout(layout.typeName, `there is no part ${show(typeof step === 'object' ? step.index : step)}`);
};

/** The layout at the end of a path, once `offsetAt` has found it good. */
export const layoutAt = (layout: AnyLayout, path: readonly AnyStep[]): AnyLayout => {
  let current = layout;
  for (const step of path) {
    current =
      current instanceof ArrayLayout ? (current as ArrayLayout<AnyLayout>).element : fieldOf(current, step).layout;
  }
  return current;
};

/**
 * Bytes from the start of a value to the end of a path in it. Indices are checked; nothing is allocated. A `LabError` where
 * the path leads nowhere, which only code without types can make it do.
 */
export const offsetAt = (layout: AnyLayout, path: readonly AnyStep[], outOfBounds: OutOfBounds): number => {
  let current = layout;
  let offset = 0;
  for (const step of path) {
    if (current instanceof ArrayLayout) {
      const { element, count } = current as ArrayLayout<AnyLayout>;
      const index = Number(step instanceof Index ? step.index : step);
      if (!(Number.isInteger(index) && index >= 0 && index < count)) {
        outOfBounds(step instanceof Index ? step.flavour : 'try', index, count);
      }
      offset += index * element.size;
      current = element;
    } else {
      const field = fieldOf(current, step);
      offset += field.offset;
      current = field.layout;
    }
  }
  return offset;
};
