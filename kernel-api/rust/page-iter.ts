import { PAGE_SIZE, virtAddr, type VirtAddr } from '../../base/address';
import type { Kernel } from '../kernel';
import { kernelFault } from '../mm/kernel-fault';
import { BUS_NO_ADDRESS } from '../../base/bus-outcome';
import type { Page } from '../mm/page';
import { vmalloc_to_page } from '../mm/vmalloc';

/** The pages of memory of `vmalloc`, in the order of their addresses (`alloc::allocator::VmallocPageIter`). */
export class VmallocPageIter implements IterableIterator<Page> {
  readonly #kernel: Kernel;
  readonly #buffer: VirtAddr;
  readonly #size: number;
  #index = 0;

  /** @param buffer where the memory begins: a whole page. @param size bytes from there to its end */
  constructor(kernel: Kernel, buffer: VirtAddr, size: number) {
    this.#kernel = kernel;
    this.#buffer = buffer;
    this.#size = size;
  }

  /** Bytes of the memory: as many as it was allocated with, which need not be whole pages. */
  size(): number {
    return this.#size;
  }

  /** How many pages there are. */
  pageCount(): number {
    return Math.ceil(this.#size / PAGE_SIZE);
  }

  next(): IteratorResult<Page, undefined> {
    const offset = this.#index * PAGE_SIZE;
    if (offset >= this.#size) return { done: true, value: undefined };
    this.#index++;
    const page = vmalloc_to_page(this.#kernel, virtAddr(this.#buffer + offset));
    if (page === null) throw kernelFault(this.#buffer + offset, BUS_NO_ADDRESS);
    return { done: false, value: page };
  }

  [Symbol.iterator](): this {
    return this;
  }
}

/** Something that owns pages and can be given away: what an `SGTable` takes. */
export interface AsPageIter extends Disposable {
  /** Its pages. */
  pageIter(): VmallocPageIter;
  /** A new owner of the same pages; this one is unusable from then on (what a move is in Rust). */
  intoOwned(): this;
}
