import { PAGE_SIZE, virtAddr, type VirtAddr } from '../../base/address';
import { ENOMEM } from '../../base/errno';
import { LabError } from '../../base/errors';
import { ArrayLayout, type AnyLayout, type LayoutType } from '../../base/layout';
import type { Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { vfree } from '../mm/vmalloc';
import { KernelOops } from '../oops';
import { KernelError } from './kernel-error';
import { Owner } from './owner';
import { VmallocPageIter, type AsPageIter } from './page-iter';

interface Buffer {
  readonly address: VirtAddr;
  readonly capacity: number;
  length: number;
}

/** A vector in memory of `vmalloc` (`alloc::kvec::VVec`), of a capacity that does not change. */
export class VVec<L extends AnyLayout> extends Owner implements AsPageIter {
  readonly #kernel: Kernel;
  readonly #layout: L;
  readonly #buffer: Buffer;

  private constructor(kernel: Kernel, layout: L, buffer: Buffer) {
    super();
    this.#kernel = kernel;
    this.#layout = layout;
    this.#buffer = buffer;
  }

  /** An empty vector with room for `capacity` elements; 0 allocates nothing. @throws KernelError `ENOMEM` */
  static withCapacity<L extends AnyLayout>(kernel: Kernel, layout: L, capacity: number, gfp: Gfp): VVec<L> {
    if (!(Number.isInteger(capacity) && capacity >= 0)) throw new LabError(`${capacity} is no number of elements.`);
    if (capacity === 0) return new VVec(kernel, layout, { address: virtAddr(0), capacity, length: 0 });
    const size = layout.size * capacity;
    kernel.sched.mightSleep('VVec');
    const address = Number.isSafeInteger(size) ? kernel.mm.vmalloc.alloc(size, PAGE_SIZE, gfp, 'vmalloc') : virtAddr(0);
    if (address === 0) throw new KernelError(ENOMEM, `no ${size} bytes of vmalloc memory`);
    return new VVec(kernel, layout, { address, capacity, length: 0 });
  }

  /** How many elements there are. */
  len(): number {
    return this.#memory().length;
  }

  /** How many elements there is room for. */
  capacity(): number {
    return this.#memory().capacity;
  }

  /** Adds an element. @throws KernelError `ENOMEM` if there is no room: the vector does not grow */
  push(value: LayoutType<L>): void {
    const buffer = this.#memory();
    if (buffer.length === buffer.capacity) throw new KernelError(ENOMEM, `a vector of ${buffer.capacity} is full`);
    this.#layout.write(this.#kernel.mm, this.#addressOf(buffer.length), value);
    buffer.length++;
  }

  /** An element. Out of bounds the kernel stops, as Rust panics. */
  get(index: number): LayoutType<L> {
    return this.#layout.read(this.#kernel.mm, this.#checked(index)) as LayoutType<L>;
  }

  /** Sets an element. Out of bounds the kernel stops. */
  set(index: number, value: LayoutType<L>): void {
    this.#layout.write(this.#kernel.mm, this.#checked(index), value);
  }

  /** All elements, as copies. */
  toArray(): readonly LayoutType<L>[] {
    const { address, length } = this.#memory();
    return length === 0 ? [] : new ArrayLayout(this.#layout, length).read(this.#kernel.mm, address);
  }

  /** The pages of the whole capacity. */
  pageIter(): VmallocPageIter {
    const { address, capacity } = this.#memory();
    return new VmallocPageIter(this.#kernel, address, capacity * this.#layout.size);
  }

  intoOwned(): this {
    this.giveAway('went to a new owner');
    return new VVec(this.#kernel, this.#layout, this.#buffer) as this;
  }

  #memory(): Buffer {
    this.checkAlive();
    return this.#buffer;
  }

  #checked(index: number): number {
    const { length } = this.#memory();
    if (Number.isInteger(index) && index >= 0 && index < length) return this.#addressOf(index);
    throw new KernelOops(`index out of bounds: the len is ${length} but the index is ${index}`);
  }

  #addressOf(index: number): number {
    return this.#buffer.address + index * this.#layout.size;
  }

  protected override describe(): string {
    return `The VVec<${this.#layout.typeName}>`;
  }

  protected override release(): void {
    vfree(this.#kernel, this.#buffer.address);
  }
}
