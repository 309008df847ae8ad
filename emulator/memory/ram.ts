import { PAGE_SHIFT, PAGE_SIZE } from '../../base/address';
import { BUS_NO_ADDRESS, BUS_OK, BUS_POISONED, type BusOutcome } from '../../base/bus-outcome';
import { LabError } from '../../base/errors';
import { hex, type U64 } from '../../base/u64';
import { COPY_WRITE_SIDE } from '../bus/device-port';
import type { MemoryMark } from '../bus/physical-bus';
import { allocate, type RamBacking } from './backing';
import { DEFAULT_BANKS, layOutBanks, type Extent, type RamBank } from './banks';
import { MarkList } from './marks';

/** Up to here a loop beats making a view for `TypedArray.set`. */
const SHORT = 16;

/** log2 of the pages in a block: the unit in which the quick ways in know where RAM is, and how many they know. */
const BLOCK_SHIFT = 9;
const MAX_BLOCKS = 0x1_0000;
const MAX_PLAIN_PAGE = 0x7fff_ffff;
/** The pages that three levels of tables span. */
const NEAR_PAGES = 2 ** 27;
/** As distance: takes any page number below zero. */
const NO_BLOCK = 0x7fff_ffff;

/** Exact, and quicker than dividing. */
const PER_PAGE = 1 / PAGE_SIZE;

const TOUCHED = 1;
const MARKED = 2;

/**
 * The RAM of a machine: banks at physical addresses, all on one `WebAssembly.Memory` that never grows.
 *
 * Every access answers a bus outcome; one that is not wholly in RAM answers `BUS_NO_ADDRESS` and transfers nothing.
 * Lengths are at least 1: an access to no bytes never leaves its requester.
 *
 * No view of the memory leaves this class. The host gives memory in zeroed pages at first use, and nothing here touches a
 * page that nobody wrote: written pages are flagged, so that `clear` and whoever saves a machine look at those only.
 *
 * Values are little-endian, like the board and like every host that runs JavaScript today.
 */
export class Ram {
  /** The banks, as given. */
  readonly banks: readonly RamBank[];
  private readonly extents: readonly Extent[];
  /** Of each extent: its first address, the one after its last, and how far it is from its place in the backing memory. */
  private bounds: Float64Array;
  /** For each block of pages: how far they are from the pages of the backing memory; or `NO_BLOCK`. */
  private blocks: Int32Array;
  private bytes: Uint8Array;
  private words: Uint32Array;
  private view: DataView;
  /** `TOUCHED` and `MARKED`, for each page of the backing memory. */
  private flags: Uint8Array;
  private readonly marks = new MarkList();

  /**
   * Makes zeroed RAM. Banks that overlap, are empty, unaligned or out of reach are a `LabError`.
   *
   * @param backing memory of just this size that another `Ram` released. Default: new memory
   */
  constructor(banks: readonly RamBank[] = DEFAULT_BANKS, backing?: RamBacking) {
    this.banks = banks;
    this.extents = layOutBanks(banks);
    this.bounds = Float64Array.from(this.extents.flatMap(({ base, end, offset }) => [base, end, base - offset]));
    this.blocks = blocksOf(this.extents);
    const size = banks.reduce((sum, bank) => sum + bank.size, 0);
    const buffer = backing?.buffer ?? allocate(size);
    this.bytes = new Uint8Array(buffer, 0, size);
    this.words = new Uint32Array(buffer, 0, size / 4);
    this.view = new DataView(buffer, 0, size);
    this.flags = backing?.flags ?? new Uint8Array(size / PAGE_SIZE);
  }

  /** Whether all of `length` bytes from `address` are RAM, in one bank (or banks without a gap). */
  contains(address: number, length = 1): boolean {
    return this.offsetOf(address, length) >= 0;
  }

  /** `contains` of the first byte of a page, by number. */
  containsPage(page: number): boolean {
    return this.plainPage(page) >= 0 || this.contains(page * PAGE_SIZE);
  }

  /** Whether all of a range is RAM, in one bank, and nothing in its pages is marked: every access to it succeeds. */
  isPlain(address: number, length: number): boolean {
    const offset = this.offsetOf(address, length);
    if (offset < 0) return false;
    const last = (offset + length - 1) >>> PAGE_SHIFT;
    for (let page = offset >>> PAGE_SHIFT; page <= last; page++) {
      if ((this.flags[page]! & MARKED) !== 0) return false;
    }
    return true;
  }

  /** Where the bytes lie in the backing memory; negative if not all of them are RAM. */
  private offsetOf(address: number, length: number): number {
    const { bounds } = this;
    for (let i = 0; i < bounds.length; i += 3) {
      if (address >= bounds[i]! && address + length <= bounds[i + 1]!) return address - bounds[i + 2]!;
    }
    return -1;
  }

  /** What marks make of an access; only pages flagged as marked ask the list. */
  private markOutcome(offset: number, address: number, length: number, write: boolean): BusOutcome {
    const { flags } = this;
    const last = (offset + length - 1) >>> PAGE_SHIFT;
    for (let page = offset >>> PAGE_SHIFT; page <= last; page++) {
      if ((flags[page]! & MARKED) !== 0) return this.marks.outcome(address, address + length, write);
    }
    return BUS_OK;
  }

  private touch(offset: number, length: number): void {
    const { flags } = this;
    const last = (offset + length - 1) >>> PAGE_SHIFT;
    for (let page = offset >>> PAGE_SHIFT; page <= last; page++) flags[page]! |= TOUCHED;
  }

  /** Loads 32 bits at any alignment; a negative outcome in place of the value if it fails or is poisoned. */
  load32(address: number): number {
    const offset = this.offsetOf(address, 4);
    if (offset < 0) return BUS_NO_ADDRESS;
    if ((offset & 3) === 0 && (this.flags[offset >>> PAGE_SHIFT]! & MARKED) === 0) return this.words[offset >>> 2]!;
    const outcome = this.markOutcome(offset, address, 4, false);
    return outcome === BUS_OK ? this.view.getUint32(offset, true) : outcome;
  }

  /** Loads 64 bits at any alignment. */
  load64(address: number, into: U64): BusOutcome {
    const offset = this.offsetOf(address, 8);
    if (offset < 0) return BUS_NO_ADDRESS;
    if ((offset & 7) === 0 && (this.flags[offset >>> PAGE_SHIFT]! & MARKED) === 0) {
      const word = offset >>> 2;
      into.lo = this.words[word]!;
      into.hi = this.words[word + 1]!;
      return BUS_OK;
    }
    const outcome = this.markOutcome(offset, address, 8, false);
    if (outcome === BUS_OK || outcome === BUS_POISONED) {
      into.lo = this.view.getUint32(offset, true);
      into.hi = this.view.getUint32(offset + 4, true);
    }
    return outcome;
  }

  /**
   * Where a page is in the backing memory, as a page number, for the quick ways in. -1 where there is more to know than
   * that: marks, no RAM, an odd end of a bank, or a bank too far up.
   */
  private plainPage(page: number): number {
    if (page > MAX_PLAIN_PAGE) return -1;
    const { blocks } = this;
    // Page numbers come as doubles: from here on it is a small integer.
    const near = page | 0;
    const block = near >>> BLOCK_SHIFT;
    if (block >= blocks.length) return -1;
    const backing = near - blocks[block]!;
    return backing >= 0 && (this.flags[backing]! & MARKED) === 0 ? backing : -1;
  }

  /** See `PhysicalBus.descend`. Everything that the loop needs is loaded before it, and nothing in it leaves integers. */
  descend(root: number, levels: number, page: number, bits: number, pointer: number, clearHigh: number): number {
    const { blocks, flags, words } = this;
    const near = page | 0;
    const far = (page / NEAR_PAGES) | 0;
    let table = root;
    for (let level = levels - 1; ; level--) {
      const block = table >>> BLOCK_SHIFT;
      if (block >= blocks.length) return -1;
      const backing = table - blocks[block]!;
      if (backing < 0 || (flags[backing]! & MARKED) !== 0) return -1;
      const shifted = level < 3 ? near >>> (9 * level) : far >>> (9 * (level - 3));
      const at = (backing << (PAGE_SHIFT - 2)) + 2 * (shifted & 0x1ff);
      if (level === 0) return at;
      const low = words[at]! | 0;
      const high = words[at + 1]! | 0;
      if ((low & bits) !== pointer || (high & clearHigh) !== 0) return -1;
      table = (high << 22) | (low >>> 10);
    }
  }

  /** The low half of the entry that `descend` found, signed. */
  entryLow(at: number): number {
    return this.words[at]! | 0;
  }

  /** The high half of the entry that `descend` found, signed. */
  entryHigh(at: number): number {
    return this.words[at + 1]! | 0;
  }

  /** The quick way to read words at a multiple of 4, within a page. Returns false if the page is not plain RAM. */
  readWords(page: number, offset: number, into: Int32Array, at: number, count: number): boolean {
    const backing = this.plainPage(page);
    if (backing < 0) return false;
    const { words } = this;
    const first = (backing << (PAGE_SHIFT - 2)) + (offset >>> 2);
    for (let i = 0; i < count; i++) into[at + i] = words[first + i]!;
    return true;
  }

  /** The quick way to write words at a multiple of 4, within a page. */
  writeWords(page: number, offset: number, from: Int32Array, at: number, count: number): boolean {
    const backing = this.plainPage(page);
    if (backing < 0) return false;
    const { words } = this;
    const first = (backing << (PAGE_SHIFT - 2)) + (offset >>> 2);
    this.flags[backing]! |= TOUCHED;
    for (let i = 0; i < count; i++) words[first + i] = from[at + i]!;
    return true;
  }

  /** The quick way to read bytes within a page. */
  readPiece(page: number, offset: number, into: Uint8Array, at: number, length: number): boolean {
    const backing = this.plainPage(page);
    if (backing < 0) return false;
    this.copyOut(backing * PAGE_SIZE + offset, into, at, length);
    return true;
  }

  /** The quick way to write bytes within a page. */
  writePiece(page: number, offset: number, from: Uint8Array, at: number, length: number): boolean {
    const backing = this.plainPage(page);
    if (backing < 0) return false;
    this.flags[backing]! |= TOUCHED;
    this.copyIn(backing * PAGE_SIZE + offset, from, at, length);
    return true;
  }

  /** The quick way to copy what crosses a page at neither end. */
  copyPiece(fromPage: number, fromOffset: number, toPage: number, toOffset: number, length: number): boolean {
    const source = this.plainPage(fromPage);
    const target = this.plainPage(toPage);
    if (source < 0 || target < 0) return false;
    this.flags[target]! |= TOUCHED;
    const start = source * PAGE_SIZE + fromOffset;
    this.bytes.copyWithin(target * PAGE_SIZE + toOffset, start, start + length);
    return true;
  }

  /** See `PhysicalBus.copyRun`. */
  copyRun(from: Float64Array, to: Float64Array, length: Float64Array, start: number, end: number): number {
    const { bytes, flags } = this;
    for (let i = start; i < end; i++) {
      const sourceAddress = from[i]!;
      const targetAddress = to[i]!;
      if (targetAddress < 0) return i;
      const sourcePage = Math.floor(sourceAddress * PER_PAGE);
      const targetPage = Math.floor(targetAddress * PER_PAGE);
      const source = this.plainPage(sourcePage);
      const target = this.plainPage(targetPage);
      if (source < 0 || target < 0) return i;
      flags[target]! |= TOUCHED;
      const at = sourceAddress + (source - sourcePage) * PAGE_SIZE;
      bytes.copyWithin(targetAddress + (target - targetPage) * PAGE_SIZE, at, at + length[i]!);
    }
    return end;
  }

  /** Stores 32 bits at any alignment. */
  store32(address: number, value: number): BusOutcome {
    const offset = this.offsetOf(address, 4);
    if (offset < 0) return BUS_NO_ADDRESS;
    const page = offset >>> PAGE_SHIFT;
    if ((offset & 3) === 0 && (this.flags[page]! & MARKED) === 0) {
      this.flags[page]! |= TOUCHED;
      this.words[offset >>> 2] = value;
      return BUS_OK;
    }
    const outcome = this.admitWrite(offset, address, 4);
    if (outcome === BUS_OK) this.view.setUint32(offset, value, true);
    return outcome;
  }

  /** Stores 64 bits at any alignment. */
  store64(address: number, lo: number, hi: number): BusOutcome {
    const offset = this.offsetOf(address, 8);
    if (offset < 0) return BUS_NO_ADDRESS;
    const page = offset >>> PAGE_SHIFT;
    if ((offset & 7) === 0 && (this.flags[page]! & MARKED) === 0) {
      this.flags[page]! |= TOUCHED;
      this.words[offset >>> 2] = lo;
      this.words[(offset >>> 2) + 1] = hi;
      return BUS_OK;
    }
    const outcome = this.admitWrite(offset, address, 8);
    if (outcome !== BUS_OK) return outcome;
    this.view.setUint32(offset, lo, true);
    this.view.setUint32(offset + 4, hi, true);
    return BUS_OK;
  }

  /** Asks the marks, and flags the pages as touched if the write may go on. */
  private admitWrite(offset: number, address: number, length: number): BusOutcome {
    const outcome = this.markOutcome(offset, address, length, true);
    if (outcome === BUS_OK) this.touch(offset, length);
    return outcome;
  }

  /** Reads bytes into `into` at `at`. Poisoned bytes are delivered too. */
  read(address: number, into: Uint8Array, at: number, length: number): BusOutcome {
    const offset = this.offsetOf(address, length);
    if (offset < 0) return BUS_NO_ADDRESS;
    const outcome = this.markOutcome(offset, address, length, false);
    if (outcome === BUS_OK || outcome === BUS_POISONED) this.copyOut(offset, into, at, length);
    return outcome;
  }

  /** Reads bytes, whatever their marks. */
  peek(address: number, into: Uint8Array, at: number, length: number): BusOutcome {
    const offset = this.offsetOf(address, length);
    if (offset < 0) return BUS_NO_ADDRESS;
    this.copyOut(offset, into, at, length);
    return BUS_OK;
  }

  private copyOut(offset: number, into: Uint8Array, at: number, length: number): void {
    const { bytes } = this;
    if (length > SHORT) into.set(bytes.subarray(offset, offset + length), at);
    else for (let i = 0; i < length; i++) into[at + i] = bytes[offset + i]!;
  }

  private copyIn(offset: number, from: Uint8Array, at: number, length: number): void {
    const { bytes } = this;
    // To make a view takes as long as to copy two hundred bytes.
    if (length === from.length) bytes.set(from, offset);
    else if (length > SHORT) bytes.set(from.subarray(at, at + length), offset);
    else for (let i = 0; i < length; i++) bytes[offset + i] = from[at + i]!;
  }

  /** Writes bytes of `from`, starting at `at`. */
  write(address: number, from: Uint8Array, at: number, length: number): BusOutcome {
    const offset = this.offsetOf(address, length);
    if (offset < 0) return BUS_NO_ADDRESS;
    const outcome = this.admitWrite(offset, address, length);
    if (outcome !== BUS_OK) return outcome;
    this.copyIn(offset, from, at, length);
    return BUS_OK;
  }

  /** Fills bytes with the low 8 bits of `value`. */
  fill(address: number, value: number, length: number): BusOutcome {
    const offset = this.offsetOf(address, length);
    if (offset < 0) return BUS_NO_ADDRESS;
    const outcome = this.admitWrite(offset, address, length);
    if (outcome === BUS_OK) this.bytes.fill(value, offset, offset + length);
    return outcome;
  }

  /**
   * `memmove`. The result is as for `DevicePort.copy`; data that reads as poisoned is not written, since a bus master
   * that gets an error response has nothing to write.
   */
  copy(from: number, to: number, length: number): number {
    const source = this.offsetOf(from, length);
    if (source < 0) return BUS_NO_ADDRESS;
    const target = this.offsetOf(to, length);
    if (target < 0) return BUS_NO_ADDRESS + COPY_WRITE_SIDE;
    const reading = this.markOutcome(source, from, length, false);
    if (reading !== BUS_OK) return reading;
    const writing = this.admitWrite(target, to, length);
    if (writing !== BUS_OK) return writing + COPY_WRITE_SIDE;
    this.bytes.copyWithin(target, source, source + length);
    return BUS_OK;
  }

  /** Marks a range. One that is not wholly in RAM is a `LabError`. */
  mark(address: number, length: number, kind: MemoryMark): void {
    const offset = this.requireRange(address, length, `marked ${kind}`);
    this.marks.add(address, address + length, kind);
    this.flagMarks(offset, address, length);
  }

  /** Takes marks off a range. One that is not wholly in RAM is a `LabError`. */
  unmark(address: number, length: number): void {
    const offset = this.requireRange(address, length, 'unmarked');
    this.marks.remove(address, address + length);
    this.flagMarks(offset, address, length);
  }

  private requireRange(address: number, length: number, what: string): number {
    const offset = this.offsetOf(address, length);
    if (offset >= 0 && length > 0) return offset;
    throw new LabError(`${hex(address)} to ${hex(address + length)} cannot be ${what}: it is not a range of RAM`);
  }

  private flagMarks(offset: number, address: number, length: number): void {
    const last = (offset + length - 1) >>> PAGE_SHIFT;
    for (let page = offset >>> PAGE_SHIFT; page <= last; page++) {
      const start = address - offset + page * PAGE_SIZE;
      const marked = this.marks.any(start, start + PAGE_SIZE);
      this.flags[page] = (this.flags[page]! & ~MARKED) | (marked ? MARKED : 0);
    }
  }

  /** How many pages were ever written. */
  get touchedPages(): number {
    return this.flags.reduce((count, flag) => count + (flag & TOUCHED), 0);
  }

  /** Visits the number of each physical page that was ever written, ascending. */
  forEachTouchedPage(visit: (page: number) => void): void {
    for (const { base, end, offset } of this.extents) {
      const first = offset / PAGE_SIZE;
      for (let i = 0; i < (end - base) / PAGE_SIZE; i++) {
        if ((this.flags[first + i]! & TOUCHED) !== 0) visit(base / PAGE_SIZE + i);
      }
    }
  }

  /** As at power-on: zero, and without marks. Costs time for touched pages only. */
  clear(): void {
    const { bytes, flags } = this;
    // A callback for each page would take longer than all else that a short run leaves to be done.
    for (let page = 0; page < flags.length; page++) {
      if ((flags[page]! & TOUCHED) !== 0) bytes.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    }
    flags.fill(0);
    this.marks.clear();
  }

  /**
   * Gives the memory away, cleared, for another `Ram` to be built on. From now on no address is RAM here, so that whoever
   * still holds this one reaches nothing of the other's. Undefined if that has happened already.
   */
  release(): RamBacking | undefined {
    const { bytes, flags } = this;
    if (bytes.length === 0) return undefined;
    this.clear();
    const nothing = new ArrayBuffer(0);
    this.bounds = new Float64Array(nothing);
    this.blocks = new Int32Array(nothing);
    this.bytes = new Uint8Array(nothing);
    this.words = new Uint32Array(nothing);
    this.view = new DataView(nothing);
    this.flags = new Uint8Array(nothing);
    return { size: bytes.length, buffer: bytes.buffer as ArrayBuffer, flags };
  }
}

/** Which blocks lie wholly in RAM, and where. */
const blocksOf = (extents: readonly Extent[]): Int32Array => {
  const blockSize = PAGE_SIZE * 2 ** BLOCK_SHIFT;
  const count = Math.min(Math.floor(extents.at(-1)!.end / blockSize), MAX_BLOCKS);
  const blocks = new Int32Array(count).fill(NO_BLOCK);
  for (const { base, end, offset } of extents) {
    if (base >= count * blockSize) break;
    blocks.fill((base - offset) / PAGE_SIZE, Math.ceil(base / blockSize), Math.floor(end / blockSize));
  }
  return blocks;
};
