import { PAGE_SIZE, physAddr, type PhysAddr } from '../../base/address';

/** A range of physical memory. */
export interface MemblockRange {
  readonly base: PhysAddr;
  readonly size: number;
}

/** A range taken out of the free memory. */
export interface ReservedRange extends MemblockRange {
  /** `no-map` of the device tree: the linear map leaves it out as well. */
  readonly noMap?: boolean;
}

/** What boot code knows of the memory before there is an allocator (`mm/memblock.c`). Ranges may overlap, in any order. */
export interface Memblock {
  readonly memory: readonly MemblockRange[];
  readonly reserved: readonly ReservedRange[];
  /** Memory below this address is ZONE_DMA. Without it the machine has no such zone, like RISC-V. */
  readonly zoneDmaLimit?: PhysAddr;
}

/** Page frames `first … end - 1`. */
export interface PfnRange {
  first: number;
  end: number;
}

/** Sorts ranges and joins those that overlap or touch; drops empty ones. */
export const joinRanges = (ranges: readonly PfnRange[]): PfnRange[] => {
  const joined: PfnRange[] = [];
  const sorted = ranges.filter(({ first, end }) => end > first).sort((a, b) => a.first - b.first);
  for (const { first, end } of sorted) {
    const last = joined.at(-1);
    if (last !== undefined && first <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ first, end });
  }
  return joined;
};

/** What is left of sorted, disjoint ranges without other sorted, disjoint ranges. */
export const subtractRanges = (ranges: readonly PfnRange[], without: readonly PfnRange[]): PfnRange[] => {
  const rest: PfnRange[] = [];
  for (const range of ranges) {
    let { first } = range;
    for (const hole of without) {
      if (hole.end <= first || hole.first >= range.end) continue;
      if (hole.first > first) rest.push({ first, end: hole.first });
      first = hole.end;
    }
    if (first < range.end) rest.push({ first, end: range.end });
  }
  return rest;
};

/** The page frames of memory: a frame that is only partly there does not count. */
export const memoryFrames = (ranges: readonly MemblockRange[]): PfnRange[] =>
  joinRanges(
    ranges.map(({ base, size }) => ({
      first: Math.ceil(base / PAGE_SIZE),
      end: Math.floor((base + size) / PAGE_SIZE),
    })),
  );

/** The page frames that reserved ranges touch. */
export const reservedFrames = (ranges: readonly MemblockRange[]): PfnRange[] =>
  joinRanges(
    ranges.map(({ base, size }) => ({
      first: Math.floor(base / PAGE_SIZE),
      end: size > 0 ? Math.ceil((base + size) / PAGE_SIZE) : 0,
    })),
  );

/**
 * Finds free memory below all else, as boot code does before the allocator exists.
 * @returns its base, or undefined where there is no such run
 */
export const memblockFindLowest = (memblock: Memblock, size: number): PhysAddr | undefined => {
  const free = subtractRanges(memoryFrames(memblock.memory), reservedFrames(memblock.reserved));
  const run = free.find(({ first, end }) => (end - first) * PAGE_SIZE >= size);
  return run === undefined ? undefined : physAddr(run.first * PAGE_SIZE);
};
