import type { VirtAddr } from '../../base/address';
import type { AnyLayout, LayoutType, Slice } from '../../base/layout';
import type { Out } from '../err';
import { __GFP_ZERO, type Gfp } from '../gfp';
import { NO_ATTRS, type Attrs } from './attrs';
import { writeToSlice, type BinaryWriter, type UserSliceWriter } from './binary-writer';
import type { Bound, Device } from './device';
import type { DmaAddress } from './dma-device';
import { allocateOne, allocateSlice, type Typed } from './elements';
import { storeSlice } from './store-slice';
import { Owner } from './owner';
import { Place, readAt, writeAt, type Init } from './place';

/**
 * Coherent memory that CPU and device share: one value of a layout, or with a `Slice` as the layout some number of them.
 * The device may change it at any time, so it is only looked at through `dmaRead` and `dmaWrite`, one access for each scalar.
 *
 * It may outlive the binding of the driver. The device must have been stopped before it is dropped.
 */
export class Coherent<L extends AnyLayout> extends Owner implements BinaryWriter {
  readonly #typed: Typed<L>;

  /** For this folder: takes memory over. Drivers use the functions below. */
  constructor(typed: Typed<L>) {
    super();
    this.#typed = typed;
  }

  /** Zeroed memory for one value. @throws KernelError `ENOMEM` */
  static zeroed<L extends AnyLayout>(dev: Device<Bound>, layout: L, gfp: Gfp): Coherent<L> {
    return Coherent.zeroedWithAttrs(dev, layout, gfp, NO_ATTRS);
  }

  /** `zeroed` with attributes. */
  static zeroedWithAttrs<L extends AnyLayout>(dev: Device<Bound>, layout: L, gfp: Gfp, attrs: Attrs): Coherent<L> {
    return new Coherent(allocateOne(dev, layout, gfp | __GFP_ZERO, attrs));
  }

  /** Memory for one value that `init` makes. What `init` throws goes through, and the memory is freed. */
  static init<L extends AnyLayout>(dev: Device<Bound>, layout: L, gfp: Gfp, init: Init<L>): Coherent<L> {
    return Coherent.initWithAttrs(dev, layout, gfp, NO_ATTRS, init);
  }

  /** `init` with attributes. */
  static initWithAttrs<L extends AnyLayout>(
    dev: Device<Bound>,
    layout: L,
    gfp: Gfp,
    attrs: Attrs,
    init: Init<L>,
  ): Coherent<L> {
    const typed = allocateOne(dev, layout, gfp, attrs);
    return freeOnError(typed, () => Place.run(dev.kernel, layout, typed.allocation.cpu, init));
  }

  /** Zeroed memory for `len` values. @throws KernelError `EINVAL` for none, `ENOMEM` */
  static zeroedSlice<L extends AnyLayout>(dev: Device<Bound>, layout: L, len: number, gfp: Gfp): Coherent<Slice<L>> {
    return Coherent.zeroedSliceWithAttrs(dev, layout, len, gfp, NO_ATTRS);
  }

  /** `zeroedSlice` with attributes. */
  static zeroedSliceWithAttrs<L extends AnyLayout>(
    dev: Device<Bound>,
    layout: L,
    len: number,
    gfp: Gfp,
    attrs: Attrs,
  ): Coherent<Slice<L>> {
    return new Coherent(allocateSlice(dev, layout, len, gfp | __GFP_ZERO, attrs));
  }

  /** Memory with a copy of `data`. @throws KernelError `EINVAL` if that is empty, `ENOMEM` */
  static fromSlice<L extends AnyLayout>(
    dev: Device<Bound>,
    layout: L,
    data: ArrayLike<LayoutType<L>>,
    gfp: Gfp,
  ): Coherent<Slice<L>> {
    return Coherent.fromSliceWithAttrs(dev, layout, data, gfp, NO_ATTRS);
  }

  /** `fromSlice` with attributes. */
  static fromSliceWithAttrs<L extends AnyLayout>(
    dev: Device<Bound>,
    layout: L,
    data: ArrayLike<LayoutType<L>>,
    gfp: Gfp,
    attrs: Attrs,
  ): Coherent<Slice<L>> {
    const typed = allocateSlice(dev, layout, data.length, gfp, attrs);
    return freeOnError(typed, () => storeSlice(typed, data));
  }

  /** Bytes of the memory, as they were asked for. */
  size(): number {
    this.checkAlive();
    return this.#typed.allocation.size;
  }

  /** How many values a slice holds. */
  len<E extends AnyLayout>(this: Coherent<Slice<E>>): number {
    this.checkAlive();
    return this.#typed.layout.count;
  }

  /** The address under which the device reaches the memory. */
  dmaHandle(): DmaAddress {
    this.checkAlive();
    return this.#typed.allocation.handle;
  }

  /** The CPU's address: for code that keeps to the rules itself. It is wild once this is dropped. */
  asPtr(): VirtAddr {
    this.checkAlive();
    return this.#typed.allocation.cpu;
  }

  /** For `dmaRead`. */
  fieldRead(path: readonly unknown[]): unknown {
    this.checkAlive();
    const { allocation, layout } = this.#typed;
    return readAt(allocation.dev.kernel, layout, allocation.cpu, path as never);
  }

  /** For `dmaWrite`. */
  fieldWrite(path: readonly unknown[], value: unknown): void {
    this.checkAlive();
    const { allocation, layout } = this.#typed;
    writeAt(allocation.dev.kernel, layout, allocation.cpu, path as never, value);
  }

  /** Reads the memory into a file of debugfs. @throws KernelError `EINVAL` for a negative offset, `EFAULT` */
  writeToSlice(writer: UserSliceWriter, offset: Out<number>): number {
    return writeToSlice(this, writer, offset);
  }

  protected override describe(): string {
    return `The Coherent<${this.#typed.layout.typeName}> of ${this.#typed.allocation.dev.name}`;
  }

  protected override release(): void {
    this.#typed.allocation.free();
  }
}

/** The owner of memory, once `body` has filled it; the memory is freed if that throws. */
const freeOnError = <L extends AnyLayout>(typed: Typed<L>, body: () => void): Coherent<L> => {
  try {
    body();
  } catch (error) {
    typed.allocation.free();
    throw error;
  }
  return new Coherent(typed);
};
