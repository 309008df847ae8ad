import type { Comparison } from '../baseline/compare';
import type { LoadedScenario } from '../loaded-scenario';
import type { Outcome } from '../outcome';
import type { Problem } from '../problem';

/** The end of a run. */
export interface RunSummary {
  /** Runs: of each scenario one, or one for each of its cases. */
  readonly passed: number;
  readonly failed: number;
  /** Files. */
  readonly notLoaded: number;
  readonly wallMilliseconds: number;
}

/** Follows a run and tells people or programs about it. */
export interface RunReport {
  start(scenarios: readonly LoadedScenario[]): void;
  outcome(outcome: Outcome): void;
  /** @param comparison with an earlier run, if one was named */
  end(problems: readonly Problem[], summary: RunSummary, comparison: Comparison | null): void;
}
