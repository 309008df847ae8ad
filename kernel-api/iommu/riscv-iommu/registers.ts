import { u64, type U64 } from '../../../base/u64';
import type { IoMem } from '../../io/io-mem';

/** The IOMMU's register window. Relaxed accesses, as its driver in Linux makes them. */
export class RiscvIommuRegisters {
  private readonly io: IoMem;

  constructor(io: IoMem) {
    this.io = io;
  }

  /** Reads a 32-bit register. */
  readl(offset: number): number {
    return this.io.readl(offset);
  }

  /** Writes a 32-bit register. */
  writel(offset: number, value: number): void {
    this.io.writel(offset, value);
  }

  /** Reads a 64-bit register into halves. */
  readq(offset: number, into: U64 = u64()): U64 {
    this.io.readqHalves(offset, into);
    return into;
  }

  /** Writes a 64-bit register from halves. */
  writeq(offset: number, lo: number, hi: number): void {
    this.io.writeqHalves(offset, lo, hi);
  }
}
