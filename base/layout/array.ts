import { isCount, MAX_LAYOUT_SIZE, type Count } from './count';
import { FlawedLayout } from './flawed';
import { Layout, show, type AnyLayout, type LayoutType } from './layout';
import type { LayoutMemory } from './memory';

/** The values of an array of `N` elements: a literal of another length does not compile. */
export type ArrayValue<T, N extends number> = readonly T[] & { readonly length: N };

/** Elements one after the other (C's `element[count]`). `N` is the type `number` where the count is known at run time. */
export class ArrayLayout<L extends AnyLayout, N extends number = number> extends Layout<ArrayValue<LayoutType<L>, N>> {
  readonly kind = 'array';
  readonly typeName: string;
  readonly size: number;
  readonly align: number;
  /** The layout of each element. */
  readonly element: L;
  /** How many elements there are. */
  readonly count: N;

  constructor(element: L, count: N) {
    super();
    this.typeName = `${element.typeName}[${count}]`;
    this.element = element;
    this.count = count;
    this.size = element.size * count;
    this.align = element.align;
  }

  read(memory: LayoutMemory, address: number): ArrayValue<LayoutType<L>, N> {
    const { element, count } = this;
    const values = new Array<unknown>(count);
    for (let i = 0; i < count; i++) values[i] = element.read(memory, address + i * element.size);
    return values as unknown as ArrayValue<LayoutType<L>, N>;
  }

  store(memory: LayoutMemory, address: number, values: ArrayValue<LayoutType<L>, N>): void {
    const { element, count } = this;
    for (let i = 0; i < count; i++) element.store(memory, address + i * element.size, values[i]);
  }

  problem(value: unknown): string | null {
    if (!isArrayLike(value) || value.length !== this.count) {
      return `: ${show(value)} where ${this.count} elements belong`;
    }
    for (let i = 0; i < this.count; i++) {
      const problem = this.element.problem(value[i]);
      if (problem !== null) return `[${i}]${problem}`;
    }
    return null;
  }
}

/** An array whose length is known at run time only: Rust's `[T]`. */
export type Slice<L extends AnyLayout> = ArrayLayout<L>;

const isArrayLike = (value: unknown): value is ArrayLike<unknown> =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value);

/** What is wrong with an array of these elements, or null. */
const flawOf = (element: unknown, count: unknown): FlawedLayout | null => {
  if (element instanceof FlawedLayout) return new FlawedLayout(`${element.typeName}[]`, element.path, element.flaw);
  if (!(element instanceof Layout)) return new FlawedLayout('array', '[]', `${show(element)} is no layout`);
  const name = `${element.typeName}[]`;
  if (element.kind === 'padding') return new FlawedLayout(name, '', 'padding is a field of a struct, not an element');
  if (!isCount(count)) return new FlawedLayout(name, '', `${show(count)} is no number of elements`);
  if (element.size * count > MAX_LAYOUT_SIZE) return new FlawedLayout(name, '', `${count} elements are too many`);
  return null;
};

/** An array of `count` elements. */
export const array = <L extends AnyLayout, const N extends number>(element: L, count: Count<N>): ArrayLayout<L, N> =>
  (flawOf(element, count) as ArrayLayout<L, N> | null) ?? new ArrayLayout<L, N>(element, count);
