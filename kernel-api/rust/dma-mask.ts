import { EINVAL } from '../../base/errno';
import { KernelError } from './kernel-error';

type UpTo<N extends number, R extends number[] = []> = R['length'] extends N
  ? R[number] | N
  : UpTo<N, [...R, R['length']]>;

/** How many bits a mask can have: 0 to 64. */
export type DmaMaskBits = UpTo<64>;

/** A mask of the lowest `n` bits: which addresses a device can emit. The counterpart of `DMA_BIT_MASK(n)`. */
export class DmaMask {
  readonly #value: bigint;

  private constructor(value: bigint) {
    this.#value = value;
  }

  /** A mask of a number of bits that is known when this is compiled; another one than 0 to 64 does not compile. */
  static new(n: DmaMaskBits): DmaMask {
    return DmaMask.tryNew(n);
  }

  /** A mask of `n` bits. @throws KernelError `EINVAL` for more than 64 */
  static tryNew(n: number): DmaMask {
    if (!(Number.isInteger(n) && n >= 0 && n <= 64)) throw new KernelError(EINVAL, `no DMA mask has ${n} bits`);
    return new DmaMask((1n << BigInt(n)) - 1n);
  }

  /** The mask itself. */
  value(): bigint {
    return this.#value;
  }

  /** Whether both are the same mask. */
  equals(other: DmaMask): boolean {
    return this.#value === other.#value;
  }
}
