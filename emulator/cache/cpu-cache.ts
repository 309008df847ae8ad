import { physAddr } from '../../base/address';
import type { CacheLineEvent } from '../../base/trace-events';
import type { Trace } from '../../base/trace';
import type { Ram } from '../memory/ram';
import { LINE_SHIFT, LINE_SIZE, type CacheParameters } from './options';

/** Exact, and quicker than dividing. */
const PER_LINE = 1 / LINE_SIZE;
const LINES_PER_PAGE = 64;
const PER_PAGE = 1 / LINES_PER_PAGE;
const WORDS = LINE_SIZE / 4;
/** Pages are told apart by these bits of their number when lines are counted by page. */
const BUCKET_MASK = 0x3ff;
/** No line has this number. */
const NO_LINE = -1;
/** Up to here a loop beats making a view for `TypedArray.set`. */
const SHORT = 32;

/** What can be done to the lines of a range: Zicbom's three operations. */
export type LineOperation = 'clean' | 'invalidate' | 'flush';
type Cause = CacheLineEvent['cause'];

/** The number of the line that holds an address. */
export const lineOf = (address: number): number => Math.floor(address * PER_LINE);

/**
 * The CPU's data cache: physically indexed, write-back, write-allocate, least recently used line first out.
 *
 * It holds real bytes: while a line is dirty, RAM has the old ones. Lines go by number (physical address / 64), places in
 * the cache by slot: those of a way follow each other, so that neighbours in memory tend to be neighbours here. Who calls
 * sees to it that only lines of plain RAM get in.
 */
export class CpuCache {
  readonly sets: number;
  readonly ways: number;
  /** Lines that fit. */
  readonly slots: number;
  /** The bytes, by slot; whoever changes them calls `soil`. */
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly view: DataView;
  private readonly ram: Ram;
  private readonly trace: Trace;
  private readonly setMask: number;
  /** The line in each slot, or `NO_LINE`. */
  private readonly lines: Float64Array;
  private readonly dirty: Uint8Array;
  /** When each slot was used last, by a count of uses. */
  private readonly used: Float64Array;
  private uses = 0;
  private recentLine = NO_LINE;
  private recentSlot = 0;
  /** Lines held, and dirty ones, by page: what lets operations on long ranges skip pages. */
  private readonly heldIn = new Uint32Array(BUCKET_MASK + 1);
  private readonly dirtyIn = new Uint32Array(BUCKET_MASK + 1);
  private readonly signedWords: Int32Array;
  /** Where the last stretch begins in `bytes`. */
  private stretchAt = 0;

  constructor(ram: Ram, trace: Trace, { sets, ways }: CacheParameters) {
    this.ram = ram;
    this.trace = trace;
    this.sets = sets;
    this.ways = ways;
    this.slots = sets * ways;
    this.setMask = sets - 1;
    this.bytes = new Uint8Array(this.slots * LINE_SIZE);
    this.words = new Uint32Array(this.bytes.buffer);
    this.signedWords = new Int32Array(this.bytes.buffer);
    this.view = new DataView(this.bytes.buffer);
    this.lines = new Float64Array(this.slots).fill(NO_LINE);
    this.dirty = new Uint8Array(this.slots);
    this.used = new Float64Array(this.slots);
  }

  /** Bytes that fit. */
  get size(): number {
    return this.slots * LINE_SIZE;
  }

  /** The slot of a line, or -1. Counts as a use of it. */
  find(line: number): number {
    if (line === this.recentLine) return this.recentSlot;
    const slot = this.search(line);
    if (slot >= 0) this.use(line, slot);
    return slot;
  }

  /** `find`, without a trace. */
  search(line: number): number {
    const { lines, sets, slots } = this;
    for (let slot = line & this.setMask; slot < slots; slot += sets) if (lines[slot] === line) return slot;
    return -1;
  }

  private use(line: number, slot: number): void {
    this.used[slot] = ++this.uses;
    this.recentLine = line;
    this.recentSlot = slot;
  }

  /** The slot of a line, which is filled from RAM if need be. -1 if the line is not plain RAM. */
  hold(line: number): number {
    const slot = this.find(line);
    if (slot >= 0) return slot;
    return this.ram.isPlain(line * LINE_SIZE, LINE_SIZE) ? this.fill(line, 'access') : -1;
  }

  /** A slot for a line that is not in the cache, filled from RAM. */
  fill(line: number, cause: Cause): number {
    const slot = this.claim(line);
    const page = Math.floor(line * PER_PAGE);
    const offset = (line & (LINES_PER_PAGE - 1)) << LINE_SHIFT;
    if (!this.ram.readWords(page, offset, this.signedWords, slot * WORDS, WORDS)) {
      this.ram.peek(line * LINE_SIZE, this.bytes, slot * LINE_SIZE, LINE_SIZE);
    }
    if (this.trace.active) this.tell('cache-fill', line, cause, false);
    return slot;
  }

  /** The slot of a line all of whose bytes are about to be written, so that nothing is read from RAM. */
  holdToOverwrite(line: number): number {
    const slot = this.find(line);
    return slot >= 0 ? slot : this.claim(line);
  }

  /** Where a line would go in its set: an empty slot, or the one that was used longest ago. */
  private victimOf(line: number): number {
    const { lines, sets, slots, used } = this;
    let victim = line & this.setMask;
    for (let slot = victim; slot < slots; slot += sets) {
      if (lines[slot] === NO_LINE) return slot;
      if (used[slot]! < used[victim]!) victim = slot;
    }
    return victim;
  }

  private claim(line: number): number {
    const victim = this.victimOf(line);
    if (this.lines[victim] !== NO_LINE) this.evict(victim, 'access');
    this.lines[victim] = line;
    this.heldIn[bucketOf(line)]!++;
    this.use(line, victim);
    return victim;
  }

  /** Tells that the bytes of a slot were changed. */
  soil(slot: number): void {
    if (this.dirty[slot] !== 0) return;
    this.dirty[slot] = 1;
    const line = this.lines[slot]!;
    this.dirtyIn[bucketOf(line)]!++;
    if (this.trace.active) this.tell('cache-dirty', line, 'access', true);
  }

  /** Writes a slot back to RAM, if it is dirty. It stays in the cache. Memory that refuses it by then never gets it. */
  clean(slot: number, cause: Cause): void {
    if (this.dirty[slot] === 0) return;
    const line = this.lines[slot]!;
    this.writeBack(slot, line);
    if (this.trace.active) this.tell('cache-clean', line, cause, true);
  }

  private writeBack(slot: number, line: number): void {
    this.dirty[slot] = 0;
    this.dirtyIn[bucketOf(line)]!--;
    const page = Math.floor(line * PER_PAGE);
    const offset = (line & (LINES_PER_PAGE - 1)) << LINE_SHIFT;
    if (!this.ram.writeWords(page, offset, this.signedWords, slot * WORDS, WORDS)) {
      this.ram.write(line * LINE_SIZE, this.bytes, slot * LINE_SIZE, LINE_SIZE);
    }
  }

  /** Takes a line out of the cache, written back if it is dirty. */
  evict(slot: number, cause: Cause): void {
    const line = this.lines[slot]!;
    const dirty = this.dirty[slot] !== 0;
    if (dirty) this.writeBack(slot, line);
    this.forget(slot, line);
    if (this.trace.active) this.tell('cache-evict', line, cause, dirty);
  }

  /** Takes a line out of the cache. What was dirty in it is lost. */
  private drop(slot: number, cause: Cause): void {
    const line = this.lines[slot]!;
    const dirty = this.dirty[slot] !== 0;
    this.dirty[slot] = 0;
    if (dirty) this.dirtyIn[bucketOf(line)]!--;
    this.forget(slot, line);
    if (this.trace.active) this.tell('cache-drop', line, cause, dirty);
  }

  private forget(slot: number, line: number): void {
    this.lines[slot] = NO_LINE;
    this.heldIn[bucketOf(line)]!--;
    if (line === this.recentLine) this.recentLine = NO_LINE;
  }

  /** Works on every line that a range touches. Its cost is bounded by the size of the cache. */
  operate(operation: LineOperation, address: number, length: number, cause: Cause): void {
    if (!(length > 0)) return;
    const first = lineOf(address);
    const last = lineOf(address + length - 1);
    if (last - first >= this.slots) {
      this.operateOnAll(operation, first, last, cause);
      return;
    }
    const counts = operation === 'clean' ? this.dirtyIn : this.heldIn;
    for (let line = first; line <= last; line++) {
      if (counts[bucketOf(line)] === 0) {
        line += LINES_PER_PAGE - 1 - (line & (LINES_PER_PAGE - 1));
        continue;
      }
      const slot = this.search(line);
      if (slot >= 0) this.apply(operation, slot, cause);
    }
  }

  private operateOnAll(operation: LineOperation, first: number, last: number, cause: Cause): void {
    for (let slot = 0; slot < this.slots; slot++) {
      const line = this.lines[slot]!;
      if (line !== NO_LINE && line >= first && line <= last) this.apply(operation, slot, cause);
    }
  }

  private apply(operation: LineOperation, slot: number, cause: Cause): void {
    if (operation === 'clean') this.clean(slot, cause);
    else if (operation === 'flush') this.evict(slot, cause);
    else this.drop(slot, cause);
  }

  /** Visits every line that is held, for inspection: its number and its slot. */
  forEachLine(visit: (line: number, slot: number) => void): void {
    this.lines.forEach((line, slot) => {
      if (line !== NO_LINE) visit(line, slot);
    });
  }

  /** Whether a slot is dirty. */
  isDirty(slot: number): boolean {
    return this.dirty[slot] !== 0;
  }

  /** Reads a range of plain RAM through the cache. */
  read(address: number, into: Uint8Array, at: number, length: number): void {
    for (let done = 0; done < length;) {
      const count = this.stretch(address + done, length - done, false);
      move(this.bytes, this.stretchAt, into, at + done, count);
      done += count;
    }
  }

  /** Writes a range of plain RAM into the cache. */
  write(address: number, from: Uint8Array, at: number, length: number): void {
    for (let done = 0; done < length;) {
      const count = this.stretch(address + done, length - done, true);
      move(from, at + done, this.bytes, this.stretchAt, count);
      done += count;
    }
  }

  /** Fills a range of plain RAM in the cache. */
  fillBytes(address: number, value: number, length: number): void {
    for (let done = 0; done < length;) {
      const count = this.stretch(address + done, length - done, true);
      this.bytes.fill(value, this.stretchAt, this.stretchAt + count);
      done += count;
    }
  }

  /**
   * Gets the beginning of a range of plain RAM into the cache: as much as then lies in one piece, from `stretchAt` on. For a
   * write the lines become dirty, and those of which all is to be written are not filled before.
   *
   * Every line goes into the slot after that of the one before, so none of them is evicted to make room for another.
   * @returns its bytes, at least one
   */
  private stretch(address: number, length: number, write: boolean): number {
    const offset = address & (LINE_SIZE - 1);
    let line = lineOf(address);
    let count = Math.min(LINE_SIZE - offset, length);
    const first = this.holdFor(line, count, write);
    this.stretchAt = first * LINE_SIZE + offset;
    for (let lines = 1; count < length; lines++) {
      const piece = Math.min(LINE_SIZE, length - count);
      if (!this.holdAt(first + lines, ++line, piece, write)) break;
      count += piece;
    }
    return count;
  }

  /** `holdFor`, if the line is in a given slot or would go there. */
  private holdAt(slot: number, line: number, piece: number, write: boolean): boolean {
    if (this.lines[slot] === line) {
      this.use(line, slot);
      if (write) this.soil(slot);
      return true;
    }
    if (this.search(line) >= 0 || this.victimOf(line) !== slot) return false;
    this.holdFor(line, piece, write);
    return true;
  }

  private holdFor(line: number, piece: number, write: boolean): number {
    const slot = write && piece === LINE_SIZE ? this.holdToOverwrite(line) : this.hold(line);
    if (write) this.soil(slot);
    return slot;
  }

  /** Puts what the cache holds of a range over what RAM has of it. Changes nothing in the cache. */
  overlay(address: number, into: Uint8Array, at: number, length: number): void {
    for (let done = 0; done < length;) {
      const here = address + done;
      const offset = here & (LINE_SIZE - 1);
      const piece = Math.min(LINE_SIZE - offset, length - done);
      const line = lineOf(here);
      const slot = this.heldIn[bucketOf(line)] === 0 ? -1 : this.search(line);
      if (slot >= 0) move(this.bytes, slot * LINE_SIZE + offset, into, at + done, piece);
      done += piece;
    }
  }

  private tell(type: CacheLineEvent['type'], line: number, cause: Cause, dirty: boolean): void {
    this.trace.emitCacheLine(type, physAddr(line * LINE_SIZE), cause, dirty);
  }
}

const bucketOf = (line: number): number => Math.floor(line * PER_PAGE) & BUCKET_MASK;

/** Moves bytes of a line. */
const move = (from: Uint8Array, start: number, to: Uint8Array, at: number, length: number): void => {
  if (length > SHORT) to.set(from.subarray(start, start + length), at);
  else for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
};
