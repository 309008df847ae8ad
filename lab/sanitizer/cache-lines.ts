import type { CachedMemory } from '../../emulator/cache/cached-memory';
import { LINE_SIZE } from '../../emulator/cache/options';
import type { Lease } from './lease';
import type { Moment } from './recorder';

/** Which bytes of a line are meant: bits 0 to 31, and 32 to 63. */
export interface LineMask {
  low: number;
  high: number;
}

/** What is known about a line of the CPU's cache. */
export interface LineStory {
  /** Bytes that the CPU stored since the line was clean. */
  readonly soiled: LineMask;
  /** The last of these stores. */
  soiledAt: Moment | null;
  /** Bytes that a device wrote to RAM while the cache held the line. */
  readonly overtaken: LineMask;
  /** What that device was writing to. */
  lease: Lease | null;
}

const bits = (start: number, end: number): number => {
  if (start >= end) return 0;
  return (end - start >= 32 ? -1 : (1 << (end - start)) - 1) << start;
};

/** Adds bytes of a line to a mask. */
export const addBytes = (mask: LineMask, start: number, end: number): void => {
  mask.low |= bits(Math.min(start, 32), Math.min(end, 32));
  mask.high |= bits(Math.max(start - 32, 0), Math.max(end - 32, 0));
};

const maskOf = (start: number, end: number): LineMask => {
  const mask = { low: 0, high: 0 };
  addBytes(mask, start, end);
  return mask;
};

export const isEmptyMask = ({ low, high }: LineMask): boolean => (low | high) === 0;
export const overlaps = (one: LineMask, other: LineMask): boolean =>
  ((one.low & other.low) | (one.high & other.high)) !== 0;

/**
 * What the CPU and devices that do not snoop have done to the lines that the cache holds, byte by byte. The cache itself
 * tells which lines it holds, and which are dirty.
 */
export class CacheLines {
  private readonly memory: CachedMemory;
  private readonly stories = new Map<number, LineStory>();

  constructor(memory: CachedMemory) {
    this.memory = memory;
  }

  /** What is known about a line; undefined if that is nothing. */
  story(line: number): LineStory | undefined {
    return this.stories.get(line);
  }

  private tell(line: number): LineStory {
    let story = this.stories.get(line);
    if (story === undefined) {
      story = {
        soiled: { low: 0, high: 0 },
        soiledAt: null,
        overtaken: { low: 0, high: 0 },
        lease: null,
      };
      this.stories.set(line, story);
    }
    return story;
  }

  /** Visits the lines that a range touches, with the part of each that it covers. */
  private each(address: number, length: number, visit: (line: number, start: number, end: number) => void): void {
    for (let done = 0; done < length;) {
      const line = Math.floor((address + done) / LINE_SIZE);
      const start = address + done - line * LINE_SIZE;
      const end = Math.min(LINE_SIZE, start + length - done);
      visit(line, start, end);
      done += end - start;
    }
  }

  /** The CPU stores to a range. */
  stored(address: number, length: number, when: Moment): void {
    this.each(address, length, (line, start, end) => {
      const story = this.tell(line);
      addBytes(story.soiled, start, end);
      story.soiledAt = when;
    });
  }

  /**
   * A device that does not snoop has written a range. Visits the dirty lines that it wrote under.
   * @returns whether the cache holds any line of it, so that it may be read old
   */
  overtake(
    address: number,
    length: number,
    lease: Lease,
    visitDirty: (line: number, story: LineStory, written: LineMask) => void,
  ): boolean {
    const { cache } = this.memory;
    let held = false;
    this.each(address, length, (line, start, end) => {
      const slot = cache.search(line);
      if (slot < 0) return;
      held = true;
      const story = this.tell(line);
      addBytes(story.overtaken, start, end);
      story.lease = lease;
      if (cache.isDirty(slot)) visitDirty(line, story, maskOf(start, end));
    });
    return held;
  }

  /** The first byte of a range that the cache holds an old value of; -1 if there is none. */
  firstOld(address: number, length: number): number {
    const { cache } = this.memory;
    let found = -1;
    this.each(address, length, (line, start, end) => {
      const story = this.stories.get(line);
      if (found >= 0 || story === undefined || isEmptyMask(story.overtaken) || cache.search(line) < 0) return;
      for (let at = start; at < end && found < 0; at++) {
        const isOld = at < 32 ? (story.overtaken.low >>> at) & 1 : (story.overtaken.high >>> (at - 32)) & 1;
        const isOwn = at < 32 ? (story.soiled.low >>> at) & 1 : (story.soiled.high >>> (at - 32)) & 1;
        if (isOld === 1 && isOwn === 0) found = line * LINE_SIZE + at - address;
      }
    });
    return found;
  }

  /** Whether some line of a range is dirty, so that RAM has old bytes. */
  anyDirty(address: number, length: number): boolean {
    const { cache } = this.memory;
    let dirty = false;
    this.each(address, length, (line) => {
      const slot = cache.search(line);
      if (slot >= 0 && cache.isDirty(slot)) dirty = true;
    });
    return dirty;
  }

  /** A range is nobody's memory any more: what a device wrote there may be lost, and read by nobody. */
  abandon(address: number, length: number): void {
    this.each(address, length, (line, start, end) => {
      const overtaken = this.stories.get(line)?.overtaken;
      if (overtaken === undefined) return;
      const { low, high } = maskOf(start, end);
      overtaken.low &= ~low;
      overtaken.high &= ~high;
    });
  }

  /** The line was written back and stays. */
  cleaned(line: number): void {
    const story = this.stories.get(line);
    if (story === undefined) return;
    story.soiled.low = story.soiled.high = 0;
    story.soiledAt = null;
    story.overtaken.low = story.overtaken.high = 0;
  }

  /** The line is gone. */
  forget(line: number): void {
    this.stories.delete(line);
  }
}
