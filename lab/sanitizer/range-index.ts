/** A run of numbers, with its end left out. */
export interface Range {
  readonly from: bigint;
  readonly to: bigint;
}

/** How many ranges lie together; of twice as many, two runs are made. */
const RUN = 256;

/**
 * Ranges in their order, of which no two overlap. Made for tens of thousands: they lie in runs of some hundreds, so that finding,
 * adding and removing one costs two binary searches and a short move.
 */
export class RangeIndex<R extends Range> {
  private readonly runs: R[][] = [];

  /** A range that overlaps another one. */
  find({ from, to }: Range): R | undefined {
    // As they lie apart, only the last that begins before the end can reach in.
    const index = this.runBefore(to);
    if (index < 0) return undefined;
    const run = this.runs[index]!;
    const last = run[countBefore(run, to) - 1]!;
    return last.to > from && from < to ? last : undefined;
  }

  /** Adds a range that overlaps none and is not empty. */
  add(range: R): void {
    const index = Math.max(0, this.runBefore(range.from));
    const run = this.runs[index];
    if (run === undefined) {
      this.runs.push([range]);
      return;
    }
    run.splice(countBefore(run, range.from), 0, range);
    if (run.length === 2 * RUN) this.runs.splice(index + 1, 0, run.splice(RUN));
  }

  /** Takes a range out; one that is not there is left alone. */
  remove(range: R): void {
    const index = this.runBefore(range.from + 1n);
    const run = this.runs[index];
    if (run === undefined) return;
    const at = countBefore(run, range.from);
    if (run[at] !== range) return;
    if (run.length > 1) run.splice(at, 1);
    else this.runs.splice(index, 1);
  }

  /** The last run that begins before a number; -1 if there is none. */
  private runBefore(end: bigint): number {
    const { runs } = this;
    let [low, high] = [0, runs.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (runs[middle]![0]!.from < end) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** How many ranges of a run begin before a number. */
const countBefore = (run: readonly Range[], end: bigint): number => {
  let [low, high] = [0, run.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (run[middle]!.from < end) low = middle + 1;
    else high = middle;
  }
  return low;
};
