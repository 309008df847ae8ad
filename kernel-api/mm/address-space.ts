import { PAGE_SIZE, physAddr, type PhysAddr, type VirtAddr } from '../../base/address';
import { BUS_NO_ADDRESS, BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import { u64, type U64 } from '../../base/u64';
import type { CpuMemory, CpuPort } from '../../emulator/cpu-port';
import { kernelFault } from './kernel-fault';
import type { KernelImage } from './kernel-image';
import { KERNEL_LINK_ADDR, LINEAR_MAP_SIZE, PAGE_OFFSET, VMALLOC_END, VMALLOC_START } from './layout';
import { subtractRanges, memoryFrames, reservedFrames, type Memblock, type PfnRange } from './memblock';
import { VmAreas } from './vm-areas';

/**
 * Kernel virtual memory: loads, stores and bulk operations by virtual address, through the linear map, the vmalloc area
 * and the kernel image. A bad address is a `KernelOops`.
 */
export class KernelAddressSpace {
  readonly areas = new VmAreas(VMALLOC_START, VMALLOC_END);
  readonly image: KernelImage;
  private readonly cpu: CpuPort;
  /** Physical memory that the linear map maps, sorted. */
  private readonly linear: readonly PfnRange[];
  /** The range of it that was used last, as physical addresses. Empty at first. */
  private ramFirst = 1;
  private ramEnd = 0;
  private readonly scratch = u64();

  constructor(cpu: CpuPort, memblock: Memblock, image: KernelImage) {
    const noMap = reservedFrames(memblock.reserved.filter((range) => range.noMap === true));
    this.cpu = cpu;
    this.image = image;
    this.linear = subtractRanges(memoryFrames(memblock.memory), noMap);
  }

  /** Makes the range with a physical address the current one, if the linear map has it. */
  private selectRam(physical: number): boolean {
    if (physical >= this.ramFirst && physical < this.ramEnd) return true;
    if (!(physical >= 0 && physical < LINEAR_MAP_SIZE)) return false;
    const page = Math.floor(physical / PAGE_SIZE);
    const range = this.linear.find(({ first, end }) => page >= first && page < end);
    if (range === undefined) return false;
    this.ramFirst = range.first * PAGE_SIZE;
    this.ramEnd = range.end * PAGE_SIZE;
    return true;
  }

  /** The physical address behind a virtual one, or -1 where nothing is mapped. */
  translate(address: VirtAddr): number {
    const physical = address - PAGE_OFFSET;
    if (this.selectRam(physical)) return physical;
    if (address >= VMALLOC_START && address < VMALLOC_END) return this.areas.translate(address);
    return this.image.translate(address);
  }

  /** How many bytes, of `length` at a mapped address, lie one after the other in physical memory. */
  private contiguous(address: number, length: number): number {
    if (address >= PAGE_OFFSET && address < KERNEL_LINK_ADDR)
      return Math.min(length, this.ramEnd - (address - PAGE_OFFSET));
    if (address >= KERNEL_LINK_ADDR) return Math.min(length, this.image.bytesFrom(address));
    const area = this.areas.find(address)!;
    const end = area.pfns === null ? area.end : address - (address % PAGE_SIZE) + PAGE_SIZE;
    return Math.min(length, end - address);
  }

  /** The way to memory for an address: uncached areas go past the cache. */
  private way(address: VirtAddr): CpuMemory {
    const { cpu } = this;
    if (address >= VMALLOC_END || address < VMALLOC_START) return cpu;
    return this.areas.find(address)?.uncached === true ? cpu.uncached : cpu;
  }

  /**
   * The physical address of an access that is neither split nor uncached, -1 of one that is; an oops where nothing is
   * mapped.
   */
  private locate(address: VirtAddr, length: number): number {
    const physical = this.translate(address);
    if (physical < 0) throw kernelFault(address, BUS_NO_ADDRESS);
    return this.contiguous(address, length) === length && this.way(address) === this.cpu ? physical : -1;
  }

  /** The physical address of a small access; -1 if there is more to it, for `loadSlowly` and `storeSlowly`. */
  private physicalOf(address: VirtAddr, length: number): PhysAddr {
    const physical = address - PAGE_OFFSET;
    const isCurrent = physical >= this.ramFirst && physical + length <= this.ramEnd;
    return physAddr(isCurrent ? physical : this.locate(address, length));
  }

  /** Loads a byte. */
  load8(address: VirtAddr): number {
    const physical = this.physicalOf(address, 1);
    const value = physical < 0 ? this.loadSlowly(address, 1) : this.cpu.load8(physical);
    if (value < 0) throw kernelFault(address, value);
    return value;
  }

  /** Loads 16 bits, little-endian, at any alignment. */
  load16(address: VirtAddr): number {
    const physical = this.physicalOf(address, 2);
    const value = physical < 0 ? this.loadSlowly(address, 2) : this.cpu.load16(physical);
    if (value < 0) throw kernelFault(address, value);
    return value;
  }

  /** Loads 32 bits, little-endian, at any alignment. */
  load32(address: VirtAddr): number {
    const physical = this.physicalOf(address, 4);
    const value = physical < 0 ? this.loadSlowly(address, 4) : this.cpu.load32(physical);
    if (value < 0) throw kernelFault(address, value);
    return value;
  }

  /** Loads 64 bits, little-endian, at any alignment. */
  load64(address: VirtAddr, into: U64): void {
    const physical = this.physicalOf(address, 8);
    const outcome = physical < 0 ? this.loadSlowly64(address, into) : this.cpu.load64(physical, into);
    if (outcome < 0) throw kernelFault(address, outcome);
  }

  /** Loads 64 bits as a number; exact below 2^53 (pointers, page_link). */
  loadPointer(address: VirtAddr): number {
    const { scratch } = this;
    this.load64(address, scratch);
    return scratch.hi * 0x1_0000_0000 + scratch.lo;
  }

  /** A load from an uncached area, or of bytes that do not follow each other in memory. */
  private loadSlowly(address: VirtAddr, count: number): number {
    const way = this.way(address);
    const physical = this.mapped(address);
    if (this.contiguous(address, count) === count) {
      if (count === 1) return way.load8(physical);
      return count === 2 ? way.load16(physical) : way.load32(physical);
    }
    let value = 0;
    for (let index = count - 1; index >= 0; index--) value = value * 256 + this.load8((address + index) as VirtAddr);
    return value;
  }

  private loadSlowly64(address: VirtAddr, into: U64): BusOutcome {
    if (this.contiguous(address, 8) === 8) return this.way(address).load64(this.mapped(address), into);
    into.lo = this.load32(address);
    into.hi = this.load32((address + 4) as VirtAddr);
    return BUS_OK;
  }

  /** Stores a byte. */
  store8(address: VirtAddr, value: number): void {
    const physical = this.physicalOf(address, 1);
    const outcome = physical < 0 ? this.storeSlowly(address, value, 1) : this.cpu.store8(physical, value);
    if (outcome < 0) throw kernelFault(address, outcome);
  }

  /** Stores 16 bits, little-endian, at any alignment. */
  store16(address: VirtAddr, value: number): void {
    const physical = this.physicalOf(address, 2);
    const outcome = physical < 0 ? this.storeSlowly(address, value, 2) : this.cpu.store16(physical, value);
    if (outcome < 0) throw kernelFault(address, outcome);
  }

  /** Stores 32 bits, little-endian, at any alignment. */
  store32(address: VirtAddr, value: number): void {
    const physical = this.physicalOf(address, 4);
    const outcome = physical < 0 ? this.storeSlowly(address, value, 4) : this.cpu.store32(physical, value);
    if (outcome < 0) throw kernelFault(address, outcome);
  }

  /** Stores 64 bits, little-endian, at any alignment. */
  store64(address: VirtAddr, lo: number, hi: number): void {
    const physical = this.physicalOf(address, 8);
    const outcome = physical < 0 ? this.storeSlowly64(address, lo, hi) : this.cpu.store64(physical, lo, hi);
    if (outcome < 0) throw kernelFault(address, outcome);
  }

  /** Stores a non-negative safe integer as 64 bits. */
  storePointer(address: VirtAddr, value: number): void {
    this.store64(address, value >>> 0, Math.floor(value / 0x1_0000_0000));
  }

  /** A store to an uncached area, or of bytes that do not follow each other in memory. */
  private storeSlowly(address: VirtAddr, value: number, count: number): BusOutcome {
    const way = this.way(address);
    const physical = this.mapped(address);
    if (this.contiguous(address, count) === count) {
      if (count === 1) return way.store8(physical, value);
      return count === 2 ? way.store16(physical, value) : way.store32(physical, value);
    }
    for (let index = 0; index < count; index++)
      this.store8((address + index) as VirtAddr, (value >>> (8 * index)) & 0xff);
    return BUS_OK;
  }

  private storeSlowly64(address: VirtAddr, lo: number, hi: number): BusOutcome {
    if (this.contiguous(address, 8) === 8) return this.way(address).store64(this.mapped(address), lo, hi);
    this.store32(address, lo);
    this.store32((address + 4) as VirtAddr, hi);
    return BUS_OK;
  }

  /** The bytes at an address, as a copy. */
  read(address: VirtAddr, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.readInto(address, bytes, 0, length);
    return bytes;
  }

  /** Reads bytes into `into` at `at`. */
  readInto(address: VirtAddr, into: Uint8Array, at: number, length: number): void {
    let done = 0;
    while (done < length) {
      const here = (address + done) as VirtAddr;
      const physical = this.mapped(here);
      const count = this.contiguous(here, length - done);
      const outcome = this.way(here).readBytes(physical, into, at + done, count);
      if (outcome < 0) throw kernelFault(here, outcome);
      done += count;
    }
  }

  /** Writes `length` bytes of `bytes` from `at` on. */
  write(address: VirtAddr, bytes: Uint8Array, at = 0, length = bytes.length - at): void {
    let done = 0;
    while (done < length) {
      const here = (address + done) as VirtAddr;
      const physical = this.mapped(here);
      const count = this.contiguous(here, length - done);
      const outcome = this.way(here).writeBytes(physical, bytes, at + done, count);
      if (outcome < 0) throw kernelFault(here, outcome);
      done += count;
    }
  }

  /** `memset`. */
  fill(address: VirtAddr, value: number, length: number): void {
    let done = 0;
    while (done < length) {
      const here = (address + done) as VirtAddr;
      const physical = this.mapped(here);
      const count = this.contiguous(here, length - done);
      const outcome = this.way(here).fillBytes(physical, value & 0xff, count);
      if (outcome < 0) throw kernelFault(here, outcome);
      done += count;
    }
  }

  /** `memmove`: the ranges may overlap. */
  copy(to: VirtAddr, from: VirtAddr, length: number): void {
    if (length <= 0) return;
    const target = this.mapped(to);
    const inOneTarget = this.contiguous(to, length) === length;
    const source = this.mapped(from);
    const way = this.way(to);
    if (inOneTarget && this.contiguous(from, length) === length && way === this.way(from)) {
      const outcome = way.copyBytes(target, source, length);
      if (outcome < 0) throw kernelFault(from, outcome);
    } else {
      this.write(to, this.read(from, length));
    }
  }

  private mapped(address: VirtAddr): PhysAddr {
    const physical = this.translate(address);
    if (physical < 0) throw kernelFault(address, BUS_NO_ADDRESS);
    return physAddr(physical);
  }
}
