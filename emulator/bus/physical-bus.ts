import type { BusOutcome } from '../../base/bus-outcome';
import type { U64 } from '../../base/u64';
import type { MmioTarget } from './mmio';

/** What a marked range of RAM answers. */
export type MemoryMark = 'poisoned' | 'faulting';

/**
 * The system interconnect behind all translation: physical addresses, routed to RAM, to registers, or to nothing.
 *
 * Addresses are doubles. An address of 2^52 or more (a table entry may hold 56 bits) is outside every board and answers
 * `BUS_NO_ADDRESS`; the double's lost low bits do not matter there.
 */
export interface PhysicalBus {
  /** A 32-bit load; the value, or a negative outcome. */
  load32(address: number): number;
  /** A 64-bit load into halves. */
  load64(address: number, into: U64): BusOutcome;
  /**
   * The quick way down through tables of 512 64-bit entries that hold the page number of the next one in bits 53:10, as
   * page tables do: where the entry for a page in the table of the last level is, for `entryLow` and `entryHigh` to load
   * it from at once. -1 if there is more to it: a pointer that is not what is expected, a mark, no RAM.
   *
   * It takes a third of the time that single loads take, since numbers of 32 bits are all it deals with.
   *
   * @param root page number of the first table, below 2^31
   * @param levels 1 to 5
   * @param page up to 52 bits
   * @param bits those of the low half that a pointer has as in `pointer`
   * @param clearHigh bits of the high half that a pointer has clear; bits 31:9 must be among them
   */
  descend(root: number, levels: number, page: number, bits: number, pointer: number, clearHigh: number): number;
  /** The low half of the entry that `descend` found, signed. */
  entryLow(at: number): number;
  /** The high half of the entry that `descend` found, signed. */
  entryHigh(at: number): number;
  /**
   * `read` of 32-bit words, at least one, at a multiple of 4, within one page, by page number. Like those that follow a way
   * without arithmetic on addresses, for bus masters: physical addresses are too wide for V8's small integers, page
   * numbers are not.
   */
  readWords(page: number, offset: number, into: Int32Array, at: number, count: number): BusOutcome;
  /** `write` of 32-bit words at a multiple of 4, within one page, by page number. */
  writeWords(page: number, offset: number, from: Int32Array, at: number, count: number): BusOutcome;
  /** `read` of bytes, at least one, within one page, by page number. */
  readPiece(page: number, offset: number, into: Uint8Array, at: number, length: number): BusOutcome;
  /** `write` of bytes, at least one, within one page, by page number. */
  writePiece(page: number, offset: number, from: Uint8Array, at: number, length: number): BusOutcome;
  /** `copy` of bytes, at least one, that cross a page at neither end, by page number. */
  copyPiece(fromPage: number, fromOffset: number, toPage: number, toOffset: number, length: number): number;
  /**
   * `copyPiece` of many pieces, one after the other, up to the first with more to it than two pages of plain RAM.
   * Addresses and lengths of the pieces are at `start` to `end - 1` in the arrays; a negative target has more to it.
   * @returns the index of the first piece that was not copied, `end` if all were
   */
  copyRun(from: Float64Array, to: Float64Array, length: Float64Array, start: number, end: number): number;
  /** A 32-bit store. */
  store32(address: number, value: number): BusOutcome;
  /** A 64-bit store. */
  store64(address: number, lo: number, hi: number): BusOutcome;
  /**
   * Reads `length` bytes. To registers: one access of 1, 2, 4 or 8 aligned bytes, or a run of 4-byte accesses.
   * A range that leaves its RAM bank or register block answers `BUS_NO_ADDRESS` and transfers nothing.
   */
  read(address: number, into: Uint8Array, at: number, length: number): BusOutcome;
  /** Writes `length` bytes; see `read`. */
  write(address: number, from: Uint8Array, at: number, length: number): BusOutcome;
  /** Copies within RAM like `memmove`; the result is as for `DevicePort.copy`. Registers at either end work as in `read`. */
  copy(from: number, to: number, length: number): number;
  /** Fills RAM. */
  fill(address: number, value: number, length: number): BusOutcome;

  /** Whether the address is in a RAM bank. */
  isRam(address: number): boolean;
  /** `isRam` of the first byte of a page, by number. */
  isRamPage(page: number): boolean;
  /** Whether the address decodes to registers (then accesses take time). */
  isMmio(address: number): boolean;
  /** Puts a register block on the bus. An overlap with RAM or another block is a `LabError`. */
  mount(base: number, target: MmioTarget): void;
  /** Marks a range of RAM for tests: reads of poisoned bytes deliver them with `BUS_POISONED`; any access faults if faulting. */
  mark(address: number, length: number, mark: MemoryMark): void;
  /** Takes marks off every byte of a range. */
  unmark(address: number, length: number): void;
  /** Reads without side effects, for debuggers and reports. */
  peek(address: number, into: Uint8Array, at: number, length: number): BusOutcome;
}

/** As much of the bus as a bus master's port needs. */
export type MemoryPath = Pick<
  PhysicalBus,
  | 'read'
  | 'write'
  | 'readWords'
  | 'writeWords'
  | 'readPiece'
  | 'writePiece'
  | 'copy'
  | 'copyPiece'
  | 'copyRun'
  | 'isRamPage'
  | 'isMmio'
  | 'peek'
>;
