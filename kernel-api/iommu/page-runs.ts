/**
 * Runs of contiguous physical pages that are to follow one another in an I/O address space, as the entries of a list give
 * them. One is meant to be kept and reused.
 */
export class PageRuns {
  /** The first page of each run, up to 44 bits. */
  start: Float64Array;
  /** How many pages each has, at least 1. */
  pages: Float64Array;
  /** How many runs there are. */
  count = 0;

  constructor(capacity: number) {
    this.start = new Float64Array(capacity);
    this.pages = new Float64Array(capacity);
  }

  /** Makes room for so many runs. What was in it is lost. */
  reserve(capacity: number): void {
    this.count = 0;
    if (capacity <= this.start.length) return;
    const size = Math.max(capacity, 2 * this.start.length);
    this.start = new Float64Array(size);
    this.pages = new Float64Array(size);
  }

  /** Sets it to one run. */
  setOnly(start: number, pages: number): this {
    this.start[0] = start;
    this.pages[0] = pages;
    this.count = 1;
    return this;
  }
}
