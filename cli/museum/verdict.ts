import type { LoadedScenario } from '../loaded-scenario';
import type { Outcome } from '../outcome';
import { mustShow, type ExhibitCard } from './exhibit-card';

/** A scenario that is an exhibit. */
export interface LoadedExhibit extends LoadedScenario {
  readonly exhibit: ExhibitCard;
}

/** One case of an exhibit, judged. */
export interface ExhibitCase {
  readonly outcome: Outcome;
  /** Whether the bug must be detected in it. */
  readonly shows: boolean;
  /** Whether an error was reported that counts. */
  readonly detected: boolean;
}

/** What became of an exhibit. */
export interface ExhibitVerdict {
  readonly scenario: LoadedExhibit;
  /** Of the driver with the bug, and of the one without. */
  readonly buggy: readonly ExhibitCase[];
  readonly fixed: readonly ExhibitCase[];
  /** Cases in which the bug shows, and was not detected. */
  readonly missed: readonly ExhibitCase[];
  /** Cases in which something was reported about the driver without the bug. */
  readonly accused: readonly ExhibitCase[];
  /** Cases that failed in another way. */
  readonly failed: readonly ExhibitCase[];
  /** How many reports there were about the driver without the bug. */
  readonly falseAlarms: number;
}

const judgeCase = ({ exhibit }: LoadedExhibit, outcome: Outcome): ExhibitCase => ({
  outcome,
  shows: outcome.case.driver !== 'fixed' && mustShow(exhibit, outcome.case),
  detected: outcome.reports.some(({ id, severity }) => severity === 'error' && exhibit.reports.includes(id)),
});

/** Judges the cases of an exhibit. */
export const judgeExhibit = (scenario: LoadedExhibit, outcomes: readonly Outcome[]): ExhibitVerdict => {
  const cases = outcomes.map((outcome) => judgeCase(scenario, outcome));
  const isFixed = ({ outcome }: ExhibitCase): boolean => outcome.case.driver === 'fixed';
  const buggy = cases.filter((each) => !isFixed(each));
  const fixed = cases.filter(isFixed);
  const missed = buggy.filter(({ shows, detected }) => shows && !detected);
  const accused = fixed.filter(({ outcome }) => outcome.reports.length > 0);
  const told = new Set([...missed, ...accused]);
  return {
    scenario,
    buggy,
    fixed,
    missed,
    accused,
    failed: cases.filter((each) => each.outcome.failure !== null && !told.has(each)),
    falseAlarms: accused.reduce((sum, { outcome }) => sum + outcome.reports.length, 0),
  };
};

/** Whether an exhibit is as it should be. */
export const holds = ({ missed, accused, failed }: ExhibitVerdict): boolean =>
  missed.length + accused.length + failed.length === 0;

/** Whether a bug was detected at all. */
export const isDetected = ({ buggy }: ExhibitVerdict): boolean => buggy.some(({ detected }) => detected);
