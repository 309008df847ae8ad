import type { Outcome } from '../outcome';
import type { Problem } from '../problem';

/** The end of a run. */
export interface RunSummary {
  readonly passed: number;
  readonly failed: number;
  readonly notLoaded: number;
  readonly wallMilliseconds: number;
}

/** Follows a run and tells people or programs about it. */
export interface RunReport {
  start(names: readonly string[]): void;
  outcome(outcome: Outcome): void;
  end(problems: readonly Problem[], summary: RunSummary): void;
}
