import { EINVAL } from '../../base/errno';
import type { AnyLayout, At, LayoutType, Path, Proven, Slice } from '../../base/layout';
import { __GFP_ZERO, type Gfp } from '../gfp';
import { KernelOops } from '../oops';
import { NO_ATTRS, type Attrs } from './attrs';
import { Coherent } from './coherent';
import type { Bound, Device } from './device';
import { allocateOne, allocateSlice, type Typed } from './elements';
import { KernelError } from './kernel-error';
import { Owner } from './owner';
import { Place, readAt, writeAt, type Init } from './place';
import { storeSlice } from './store-slice';

/**
 * Coherent memory that is the CPU's alone: it has no method that tells its DMA address, so no device can know it. Fill it
 * with plain accesses, then turn it into a `Coherent`, which is the only way to share it, and one-way.
 */
export class CoherentBox<L extends AnyLayout> extends Owner {
  readonly #typed: Typed<L>;

  private constructor(typed: Typed<L>) {
    super();
    this.#typed = typed;
  }

  /** Zeroed memory for one value. @throws KernelError `ENOMEM` */
  static zeroed<L extends AnyLayout>(dev: Device<Bound>, layout: L, gfp: Gfp): CoherentBox<L> {
    return CoherentBox.zeroedWithAttrs(dev, layout, gfp, NO_ATTRS);
  }

  /** `zeroed` with attributes. */
  static zeroedWithAttrs<L extends AnyLayout>(dev: Device<Bound>, layout: L, gfp: Gfp, attrs: Attrs): CoherentBox<L> {
    return new CoherentBox(allocateOne(dev, layout, gfp | __GFP_ZERO, attrs));
  }

  /** Zeroed memory for `len` values. @throws KernelError `EINVAL` for none, `ENOMEM` */
  static zeroedSlice<L extends AnyLayout>(dev: Device<Bound>, layout: L, len: number, gfp: Gfp): CoherentBox<Slice<L>> {
    return CoherentBox.zeroedSliceWithAttrs(dev, layout, len, gfp, NO_ATTRS);
  }

  /** `zeroedSlice` with attributes. */
  static zeroedSliceWithAttrs<L extends AnyLayout>(
    dev: Device<Bound>,
    layout: L,
    len: number,
    gfp: Gfp,
    attrs: Attrs,
  ): CoherentBox<Slice<L>> {
    return new CoherentBox(allocateSlice(dev, layout, len, gfp | __GFP_ZERO, attrs));
  }

  /** Memory with a copy of `data`. @throws KernelError `EINVAL` if that is empty, `ENOMEM` */
  static fromSlice<L extends AnyLayout>(
    dev: Device<Bound>,
    layout: L,
    data: ArrayLike<LayoutType<L>>,
    gfp: Gfp,
  ): CoherentBox<Slice<L>> {
    return CoherentBox.fromSliceWithAttrs(dev, layout, data, gfp, NO_ATTRS);
  }

  /** `fromSlice` with attributes. */
  static fromSliceWithAttrs<L extends AnyLayout>(
    dev: Device<Bound>,
    layout: L,
    data: ArrayLike<LayoutType<L>>,
    gfp: Gfp,
    attrs: Attrs,
  ): CoherentBox<Slice<L>> {
    const box = new CoherentBox(allocateSlice(dev, layout, data.length, gfp, attrs));
    try {
      storeSlice(box.#typed, data);
    } catch (error) {
      box.drop();
      throw error;
    }
    return box;
  }

  /** The whole value, as a copy (`*box`). */
  get(): LayoutType<L> {
    const { allocation, layout } = this.#memory();
    return layout.read(allocation.dev.kernel.mm, allocation.cpu) as LayoutType<L>;
  }

  /** Sets the whole value (`*box = value`). */
  set(value: LayoutType<L>): void {
    const { allocation, layout } = this.#memory();
    layout.write(allocation.dev.kernel.mm, allocation.cpu, value);
  }

  /** A part of the value: `read([2, 'nsid'])`. @throws KernelError `ERANGE` for an index out of bounds */
  read<const P extends Path<L>>(path: P & Proven<L, P>): LayoutType<At<L, P>> {
    const { allocation, layout } = this.#memory();
    return readAt(allocation.dev.kernel, layout, allocation.cpu, path as never) as LayoutType<At<L, P>>;
  }

  /** Sets a part of the value: `write([2, 'nsid'], 1)`. @throws KernelError `ERANGE` for an index out of bounds */
  write<const P extends Path<L>>(path: P & Proven<L, P>, value: LayoutType<At<L, P>>): void {
    const { allocation, layout } = this.#memory();
    writeAt(allocation.dev.kernel, layout, allocation.cpu, path as never, value);
  }

  /** How many values a slice holds. */
  len<E extends AnyLayout>(this: CoherentBox<Slice<E>>): number {
    return this.#memory().layout.count;
  }

  /** Sets every element. */
  fill<E extends AnyLayout>(this: CoherentBox<Slice<E>>, value: LayoutType<E>): void {
    const { allocation, layout } = this.#memory();
    const { element, count } = layout;
    element.check(value);
    for (let i = 0; i < count; i++) element.store(allocation.dev.kernel.mm, allocation.cpu + i * element.size, value);
  }

  /** Sets all elements to those of `data`, of which there must be as many: else the kernel stops, as Rust panics. */
  copyFromSlice<E extends AnyLayout>(this: CoherentBox<Slice<E>>, data: ArrayLike<LayoutType<E>>): void {
    const typed = this.#memory();
    const { count } = typed.layout;
    if (data.length !== count) {
      throw new KernelOops(`copyFromSlice: source slice length (${data.length}) does not match (${count})`);
    }
    storeSlice(typed, data);
  }

  /**
   * Makes the element at `i`. What a function as `init` throws goes through; what it had written stays.
   * @throws KernelError `EINVAL` if there is no such element
   */
  initAt<E extends AnyLayout>(this: CoherentBox<Slice<E>>, i: number, init: Init<E>): void {
    const { allocation, layout } = this.#memory();
    const { element, count } = layout;
    if (!(Number.isInteger(i) && i >= 0 && i < count)) throw new KernelError(EINVAL, `element ${i} of ${count}`);
    Place.run(allocation.dev.kernel, element, allocation.cpu + i * element.size, init);
  }

  /** Shares the memory: its contents stay, its DMA address can be had, and this box is unusable from now on. */
  intoCoherent(): Coherent<L> {
    this.giveAway('was converted into a Coherent');
    return new Coherent(this.#typed);
  }

  #memory(): Typed<L> {
    this.checkAlive();
    return this.#typed;
  }

  protected override describe(): string {
    return `The CoherentBox<${this.#typed.layout.typeName}> of ${this.#typed.allocation.dev.name}`;
  }

  protected override release(): void {
    this.#typed.allocation.free();
  }
}
