/** One line of the table: a figure beside a baseline measured in the same run. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly baseline: number;
  /** value / baseline. */
  readonly ratio: number;
  /** What the baseline is. Not in the JSON. */
  readonly against: string;
}

const median = (samples: number[]): number => {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
};

/** Something to time: runs once and returns the nanoseconds that count. */
export type Sample = () => number | Promise<number>;

/** Wall-clock time in nanoseconds. */
export const wallTime = (): number => Number(process.hrtime.bigint());

/** Nanoseconds that a call takes. */
export const timed = (work: () => void): number => {
  const start = wallTime();
  work();
  return wallTime() - start;
};

/**
 * What earlier work left behind is collected now, and not while something is timed. The young generation only: a full
 * collection would throw compiled code away as well. Without `--expose-gc` it does nothing.
 */
export const collectGarbage = (): void => {
  const collect = globalThis.gc as ((options: { type: 'minor' }) => void) | undefined;
  collect?.({ type: 'minor' });
};

/** Times figure and baseline in turn, so that both see the same machine, and takes the median of each. */
export const compare = async (
  sample: Sample,
  baseline: Sample,
  rounds = 15,
  warmup = 3,
): Promise<{ value: number; baseline: number }> => {
  const values: number[] = [];
  const baselines: number[] = [];
  for (let round = -warmup; round < rounds; round++) {
    collectGarbage();
    const value = await sample();
    collectGarbage();
    const base = await baseline();
    if (round < 0) continue;
    values.push(value);
    baselines.push(base);
  }
  return { value: median(values), baseline: median(baselines) };
};

/** Puts a line together. */
export const figure = (name: string, unit: string, value: number, baseline: number, against: string): Figure => ({
  name,
  value,
  unit,
  baseline,
  ratio: value / baseline,
  against,
});
