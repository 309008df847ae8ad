import type { CacheGeometry } from '../options';
import type { RecentTranslations } from './recent';

/** Marks of an entry. The first three are `1 << kind` of the access that the entry allows without another walk. */
export const ALLOWS_READ = 0x01;
/** Writable, and the D bit is set in memory. */
export const ALLOWS_WRITE = 0x02;
export const ALLOWS_EXECUTE = 0x04;
/** Writable, but a first write has to set the D bit, or to fault because it is clear. */
export const WRITABLE_NOT_DIRTY = 0x08;
/** Mapped as global: it belongs to all address spaces. */
export const GLOBAL = 0x10;
/** The marks that are bits of access kinds. */
export const ALLOWED_KINDS = ALLOWS_READ | ALLOWS_WRITE | ALLOWS_EXECUTE;

const ORDER_SHIFT = 8;
const MARKS_MASK = 0xff;

/** Marks of a part of a leaf of `2 ** order` pages. */
export const withOrder = (marks: number, order: number): number => marks | (order << ORDER_SHIFT);

/** Says that an invalidation is for all address spaces, global mappings included. */
export const ALL_SPACES = -1;

/** An entry has its page number and this in one array, */
const FRAME = 1;
/** and its address space and this in another: marks, and above them log2 of the pages in the leaf that it came from. */
const MARKS = 1;
const STRIDE = 2;

/** As page number: the entry is free. */
const NO_PAGE = -1;
/** As address space: a global mapping. */
const EVERY_SPACE = -2;

/**
 * First-stage translations by page and address space (`PSCID`). An entry stays, whatever happens in memory, until it is
 * invalidated or replaced.
 *
 * Every entry translates one 4 KiB page: larger leaves are split, so that one lookup finds any page. An entry remembers
 * the size of its leaf, because an invalidation of any address in a leaf must reach all of its parts. The set is chosen
 * by the page number alone, so that an invalidation by address has one set to look at unless large leaves are around.
 * Replacement goes round in each set, free entries or not.
 */
export class Iotlb {
  /** Page numbers of up to 52 bits. */
  private readonly entries: Float64Array;
  /** What fits 32-bit integers. */
  private readonly details: Int32Array;
  /** The way of each set that is replaced next. */
  private readonly victims: Uint8Array;
  private readonly setMask: number;
  private readonly ways: number;
  private readonly recent: RecentTranslations;
  /** How many entries came from leaves larger than a page. */
  private largeEntries = 0;

  /** @param recent is cleared at every invalidation */
  constructor({ sets, ways }: CacheGeometry, recent: RecentTranslations) {
    this.recent = recent;
    this.ways = ways;
    this.setMask = sets - 1;
    this.entries = new Float64Array(sets * ways * STRIDE).fill(NO_PAGE);
    this.details = new Int32Array(sets * ways * STRIDE);
    this.victims = new Uint8Array(sets);
  }

  /** The entry that translates a page for an address space, or -1. */
  find(page: number, space: number): number {
    const { entries, ways } = this;
    const first = (page & this.setMask) * ways * STRIDE;
    const end = first + ways * STRIDE;
    for (let at = first; at < end; at += STRIDE) {
      if (entries[at] !== page) continue;
      const owner = this.details[at]!;
      if (owner === space || owner === EVERY_SPACE) return at;
    }
    return -1;
  }

  /** The physical page number of an entry. */
  frameOf(entry: number): number {
    return this.entries[entry + FRAME]!;
  }

  /** The marks of an entry. */
  marksOf(entry: number): number {
    return this.details[entry + MARKS]! & MARKS_MASK;
  }

  /**
   * Puts a translation in.
   *
   * @param known what `find` said: the entry to replace, or -1
   * @param marks with the size of the leaf
   */
  fill(known: number, page: number, space: number, frame: number, marks: number): void {
    const { entries, details } = this;
    const at = known >= 0 ? known : this.place(page & this.setMask);
    if (details[at + MARKS]! > MARKS_MASK) this.largeEntries--;
    if (marks > MARKS_MASK) this.largeEntries++;
    entries[at] = page;
    entries[at + FRAME] = frame;
    details[at] = (marks & GLOBAL) !== 0 ? EVERY_SPACE : space;
    details[at + MARKS] = marks;
  }

  private place(set: number): number {
    const way = this.victims[set]!;
    this.victims[set] = (way + 1) & (this.ways - 1);
    return (set * this.ways + way) * STRIDE;
  }

  private forget(at: number): void {
    if (this.orderOf(at) !== 0) this.largeEntries--;
    this.entries[at] = NO_PAGE;
    this.details[at + MARKS] = 0;
  }

  private orderOf(at: number): number {
    return this.details[at + MARKS]! >>> ORDER_SHIFT;
  }

  /** Everything goes, global mappings included. */
  invalidateAll(): void {
    this.recent.clear();
    this.entries.fill(NO_PAGE);
    this.details.fill(0);
    this.victims.fill(0);
    this.largeEntries = 0;
  }

  /** All translations of an address space go, except global ones. */
  invalidateSpace(space: number): void {
    this.recent.clear();
    const { entries, details } = this;
    for (let at = 0; at < entries.length; at += STRIDE) {
      if (details[at] === space && entries[at] !== NO_PAGE) this.forget(at);
    }
  }

  /** All translations by leaves that cover a page go, of one space (except global ones) or of `ALL_SPACES`. */
  invalidatePage(page: number, space: number): void {
    if (this.largeEntries !== 0) {
      this.invalidateRange(page, 1, space);
      return;
    }
    this.recent.clear();
    const { entries } = this;
    const first = (page & this.setMask) * this.ways * STRIDE;
    for (let at = first; at < first + this.ways * STRIDE; at += STRIDE) {
      if (entries[at] === page && this.belongs(at, space)) this.forget(at);
    }
  }

  /** All translations by leaves that cover one of `count` pages from `start` on go; spaces as in `invalidatePage`. */
  invalidateRange(start: number, count: number, space: number): void {
    this.recent.clear();
    const { entries } = this;
    for (let at = 0; at < entries.length; at += STRIDE) {
      const page = entries[at]!;
      if (page === NO_PAGE || !this.belongs(at, space)) continue;
      const leafPages = 2 ** this.orderOf(at);
      const leafStart = Math.floor(page / leafPages) * leafPages;
      if (leafStart < start + count && start < leafStart + leafPages) this.forget(at);
    }
  }

  private belongs(at: number, space: number): boolean {
    return space === ALL_SPACES || this.details[at] === space;
  }
}
