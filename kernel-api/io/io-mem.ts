import { physAddr, virtAddr, type PhysAddr, type VirtAddr } from '../../base/address';
import { busOutcomeName } from '../../base/bus-outcome';
import { hex, u64, u64FromBigInt, u64ToBigInt, type U64 } from '../../base/u64';
import type { Kernel } from '../kernel';
import { KernelOops } from '../oops';

/** A mapping of registers, shared by all pointers into it. */
export interface IoMapping {
  readonly base: VirtAddr;
  readonly physical: PhysAddr;
  readonly size: number;
  /** False after `iounmap`: pointers into it are wild. */
  live: boolean;
}

/**
 * A pointer to registers (`void __iomem *`): knows its kernel and its address. Values are unsigned. An access outside of
 * its mapping, after `iounmap`, or that the bus refuses is a `KernelOops`, as the CPU traps on it.
 */
export class IoMem {
  readonly kernel: Kernel;
  /** The virtual address. */
  readonly address: VirtAddr;
  /** The mapping that it came from. */
  readonly mapping: IoMapping;
  private readonly physical: number;
  private readonly room: number;

  constructor(kernel: Kernel, mapping: IoMapping, address: VirtAddr) {
    this.kernel = kernel;
    this.mapping = mapping;
    this.address = address;
    this.physical = mapping.physical + (address - mapping.base);
    this.room = mapping.base + mapping.size - address;
  }

  /** Pointer arithmetic, in bytes. */
  add(offset: number): IoMem {
    return new IoMem(this.kernel, this.mapping, virtAddr(this.address + offset));
  }

  /** Reads a byte at an offset. */
  readb(offset = 0): number {
    const value = this.kernel.cpu.load8(this.at(offset, 1));
    return value < 0 ? this.refused(offset, value) : value;
  }

  /** Reads 16 bits at an offset. */
  readw(offset = 0): number {
    const value = this.kernel.cpu.load16(this.at(offset, 2));
    return value < 0 ? this.refused(offset, value) : value;
  }

  /** Reads 32 bits at an offset. */
  readl(offset = 0): number {
    const value = this.kernel.cpu.load32(this.at(offset, 4));
    return value < 0 ? this.refused(offset, value) : value;
  }

  /** Reads 64 bits at an offset in one access, as halves. */
  readqHalves(offset: number, into: U64): void {
    const outcome = this.kernel.cpu.load64(this.at(offset, 8), into);
    if (outcome < 0) this.refused(offset, outcome);
  }

  /** Reads 64 bits at an offset in one access. */
  readq(offset = 0): bigint {
    const halves = u64();
    this.readqHalves(offset, halves);
    return u64ToBigInt(halves.lo, halves.hi);
  }

  /** Writes a byte at an offset, after a fence. */
  writeb(offset: number, value: number): void {
    this.kernel.cpu.fence();
    this.writeb_relaxed(offset, value);
  }

  /** Writes 16 bits at an offset, after a fence. */
  writew(offset: number, value: number): void {
    this.kernel.cpu.fence();
    this.writew_relaxed(offset, value);
  }

  /** Writes 32 bits at an offset, after a fence. */
  writel(offset: number, value: number): void {
    const { cpu } = this.kernel;
    cpu.fence();
    const outcome = cpu.store32(this.at(offset, 4), value >>> 0);
    if (outcome < 0) this.refused(offset, outcome);
  }

  /** Writes 64 bits at an offset in one access, given as halves, after a fence. */
  writeqHalves(offset: number, lo: number, hi: number): void {
    const { cpu } = this.kernel;
    cpu.fence();
    const outcome = cpu.store64(this.at(offset, 8), lo >>> 0, hi >>> 0);
    if (outcome < 0) this.refused(offset, outcome);
  }

  /** Writes 64 bits at an offset in one access, after a fence. */
  writeq(offset: number, value: bigint): void {
    this.kernel.cpu.fence();
    this.writeq_relaxed(offset, value);
  }

  /** Writes a byte at an offset. Stores to memory may still be on their way, as with every `_relaxed` write. */
  writeb_relaxed(offset: number, value: number): void {
    const outcome = this.kernel.cpu.store8(this.at(offset, 1), value & 0xff);
    if (outcome < 0) this.refused(offset, outcome);
  }

  /** Writes 16 bits at an offset. */
  writew_relaxed(offset: number, value: number): void {
    const outcome = this.kernel.cpu.store16(this.at(offset, 2), value & 0xffff);
    if (outcome < 0) this.refused(offset, outcome);
  }

  /** Writes 32 bits at an offset. */
  writel_relaxed(offset: number, value: number): void {
    const outcome = this.kernel.cpu.store32(this.at(offset, 4), value >>> 0);
    if (outcome < 0) this.refused(offset, outcome);
  }

  /** Writes 64 bits at an offset in one access. */
  writeq_relaxed(offset: number, value: bigint): void {
    const { lo, hi } = u64FromBigInt(value);
    const outcome = this.kernel.cpu.store64(this.at(offset, 8), lo, hi);
    if (outcome < 0) this.refused(offset, outcome);
  }

  private at(offset: number, width: number): PhysAddr {
    if (offset + width > this.room || this.physical + offset < this.mapping.physical || !this.mapping.live) {
      this.wild(offset);
    }
    return physAddr(this.physical + offset);
  }

  private wild(offset: number): never {
    throw new KernelOops(`Unable to handle kernel paging request at virtual address ${hex(this.address + offset)}`);
  }

  private refused(offset: number, outcome: number): never {
    throw new KernelOops(
      `access fault: registers at physical address ${hex(this.physical + offset)} answer '${busOutcomeName(outcome)}'`,
    );
  }
}
