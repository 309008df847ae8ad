import { EINVAL } from '../../base/errno';
import { DMA_ATTR_NO_KERNEL_MAPPING } from '../dma/attrs';
import type { Gfp } from '../gfp';
import { Attrs, NO_ATTRS } from './attrs';
import { CoherentAllocation } from './coherent-allocation';
import type { Bound, Device } from './device';
import type { DmaAddress } from './dma-device';
import { KernelError } from './kernel-error';
import { Owner } from './owner';

/** Coherent memory for the device alone (`DMA_ATTR_NO_KERNEL_MAPPING`): there is no method that reads or writes it. */
export class CoherentHandle extends Owner {
  readonly #allocation: CoherentAllocation;

  private constructor(allocation: CoherentAllocation) {
    super();
    this.#allocation = allocation;
  }

  /** Allocates `size` bytes. @throws KernelError `EINVAL` for none, `ENOMEM` */
  static alloc(dev: Device<Bound>, size: number, gfp: Gfp): CoherentHandle {
    return CoherentHandle.allocWithAttrs(dev, size, gfp, NO_ATTRS);
  }

  /** `alloc` with further attributes. */
  static allocWithAttrs(dev: Device<Bound>, size: number, gfp: Gfp, attrs: Attrs): CoherentHandle {
    if (!(Number.isInteger(size) && size > 0)) throw new KernelError(EINVAL, `${size} bytes`);
    const all = attrs.or(Attrs.fromRaw(DMA_ATTR_NO_KERNEL_MAPPING));
    return new CoherentHandle(CoherentAllocation.allocate(dev, size, gfp, all));
  }

  /** The address under which the device reaches the memory. */
  dmaHandle(): DmaAddress {
    this.checkAlive();
    return this.#allocation.handle;
  }

  /** Bytes of the memory, as they were asked for. */
  size(): number {
    this.checkAlive();
    return this.#allocation.size;
  }

  protected override describe(): string {
    return `The CoherentHandle of ${this.#allocation.dev.name}`;
  }

  protected override release(): void {
    this.#allocation.free();
  }
}
