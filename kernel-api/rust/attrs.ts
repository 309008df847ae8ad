import {
  DMA_ATTR_ALLOC_SINGLE_PAGES,
  DMA_ATTR_FORCE_CONTIGUOUS,
  DMA_ATTR_MMIO,
  DMA_ATTR_NO_WARN,
  DMA_ATTR_PRIVILEGED,
  DMA_ATTR_SKIP_CPU_SYNC,
  DMA_ATTR_WEAK_ORDERING,
  DMA_ATTR_WRITE_COMBINE,
} from '../dma/attrs';

/** A set of attributes of a mapping or an allocation. It never changes; the operators make new ones. */
export class Attrs {
  readonly #bits: number;

  private constructor(bits: number) {
    this.#bits = bits >>> 0;
  }

  /** A set from the bits of `<linux/dma-mapping.h>`. For this folder; drivers combine the constants of `attrs`. */
  static fromRaw(bits: number): Attrs {
    return new Attrs(bits);
  }

  /** The bits of `<linux/dma-mapping.h>`. */
  asRaw(): number {
    return this.#bits;
  }

  /** What is in either (Rust's `|`). */
  or(other: Attrs): Attrs {
    return new Attrs(this.#bits | other.#bits);
  }

  /** What is in both (`&`). */
  and(other: Attrs): Attrs {
    return new Attrs(this.#bits & other.#bits);
  }

  /** Everything else (`!`): all other bits, those without a meaning too. */
  not(): Attrs {
    return new Attrs(~this.#bits);
  }

  /** Whether all of `flags` is in this set. */
  contains(flags: Attrs): boolean {
    return this.and(flags).equals(flags);
  }

  /** Whether both are the same set (`==`). */
  equals(other: Attrs): boolean {
    return this.#bits === other.#bits;
  }
}

/** No attribute. */
export const NO_ATTRS = Attrs.fromRaw(0);

/**
 * The attributes that drivers use, by their kernel names. `DMA_ATTR_NO_KERNEL_MAPPING` is not among them: memory without it is a
 * `CoherentHandle`, a type of its own.
 */
export const attrs = {
  /** Accesses may pass each other. */
  DMA_ATTR_WEAK_ORDERING: Attrs.fromRaw(DMA_ATTR_WEAK_ORDERING),
  /** Writes may be combined. */
  DMA_ATTR_WRITE_COMBINE: Attrs.fromRaw(DMA_ATTR_WRITE_COMBINE),
  /** The buffer belongs to the device already: caches need no care. */
  DMA_ATTR_SKIP_CPU_SYNC: Attrs.fromRaw(DMA_ATTR_SKIP_CPU_SYNC),
  /** The memory has to be contiguous physically. */
  DMA_ATTR_FORCE_CONTIGUOUS: Attrs.fromRaw(DMA_ATTR_FORCE_CONTIGUOUS),
  /** Large pages are not worth trying for. */
  DMA_ATTR_ALLOC_SINGLE_PAGES: Attrs.fromRaw(DMA_ATTR_ALLOC_SINGLE_PAGES),
  /** No report if the allocation fails. */
  DMA_ATTR_NO_WARN: Attrs.fromRaw(DMA_ATTR_NO_WARN),
  /** For privileged accesses only. */
  DMA_ATTR_PRIVILEGED: Attrs.fromRaw(DMA_ATTR_PRIVILEGED),
  /** The buffer is memory-mapped I/O. */
  DMA_ATTR_MMIO: Attrs.fromRaw(DMA_ATTR_MMIO),
} as const;
