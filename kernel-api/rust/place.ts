import { ERANGE } from '../../base/errno';
import { LabError } from '../../base/errors';
import {
  layoutAt,
  offsetAt,
  type AnyLayout,
  type At,
  type IndexFlavour,
  type LayoutType,
  type Path,
  type Proven,
} from '../../base/layout';
import type { Kernel } from '../kernel';
import { KernelOops } from '../oops';
import { KernelError } from './kernel-error';

/** What an index out of bounds does: `ERANGE`, or for `panic` the end of the kernel. */
export const outOfBounds = (flavour: IndexFlavour, index: number, count: number): never => {
  if (flavour === 'try') throw new KernelError(ERANGE, `index ${index} of ${count} elements`);
  throw new KernelOops(`index out of bounds: the len is ${count} but the index is ${index}`);
};

/** Loads the part of a value at `base` that a path leads to. */
export const readAt = (kernel: Kernel, layout: AnyLayout, base: number, path: readonly never[]): unknown => {
  const address = base + offsetAt(layout, path, outOfBounds);
  return layoutAt(layout, path).read(kernel.mm, address);
};

/** Stores the part of a value at `base` that a path leads to. */
export const writeAt = (
  kernel: Kernel,
  layout: AnyLayout,
  base: number,
  path: readonly never[],
  value: unknown,
): void => {
  const address = base + offsetAt(layout, path, outOfBounds);
  layoutAt(layout, path).write(kernel.mm, address, value);
};

/** Memory that a value is made in (`pin_init`'s place): usable until the initialiser has returned. */
export class Place<L extends AnyLayout> {
  readonly #kernel: Kernel;
  readonly #layout: L;
  readonly #base: number;
  #isOpen = true;

  private constructor(kernel: Kernel, layout: L, base: number) {
    this.#kernel = kernel;
    this.#layout = layout;
    this.#base = base;
  }

  /** Sets the whole value. */
  set(value: LayoutType<L>): void {
    this.write([] as never, value as never);
  }

  /** Loads a part. @throws KernelError `ERANGE` for an index out of bounds */
  read<const P extends Path<L>>(path: P & Proven<L, P>): LayoutType<At<L, P>> {
    this.#check();
    return readAt(this.#kernel, this.#layout, this.#base, path as never) as LayoutType<At<L, P>>;
  }

  /** Sets a part. @throws KernelError `ERANGE` for an index out of bounds */
  write<const P extends Path<L>>(path: P & Proven<L, P>, value: LayoutType<At<L, P>>): void {
    this.#check();
    writeAt(this.#kernel, this.#layout, this.#base, path as never, value);
  }

  #check(): void {
    if (!this.#isOpen) throw new LabError('A place was used after its initialiser had returned.');
  }

  /** Runs an initialiser on memory. What it throws goes through; what it has written stays. */
  static run<L extends AnyLayout>(kernel: Kernel, layout: L, base: number, init: Init<L>): void {
    if (typeof init !== 'function') {
      layout.write(kernel.mm, base, init);
      return;
    }
    const place = new Place(kernel, layout, base);
    try {
      (init as (place: Place<L>) => void)(place);
    } finally {
      place.#isOpen = false;
    }
  }
}

/** How a value is made: the value itself, or a function that writes it in place and may throw (Rust's `impl Init<T>`). */
export type Init<L extends AnyLayout> = LayoutType<L> | ((place: Place<L>) => void);
