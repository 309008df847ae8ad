import path from 'node:path';
import { caseName } from '../../lab/matrix/case-name';
import type { MatrixCase } from '../../lab/matrix/axes';
import { COUNTERS, type Baseline, type Counter, type RecordedCase, type RecordedReport } from './read-baseline';

/** Which case something is about. */
export interface CaseReference {
  readonly name: string;
  readonly case: MatrixCase;
}

/** A value then and now. */
export interface Change<T> {
  readonly before: T;
  readonly now: T;
}

export interface ReportReference extends CaseReference {
  readonly report: RecordedReport;
}

export interface ChangedReport extends ReportReference {
  readonly harm: Change<string> | null;
  readonly count: Change<number> | null;
}

export interface MovedCounters extends CaseReference {
  readonly changes: { readonly [C in Counter]?: Change<number> };
}

/** How a run differs from an earlier one. */
export interface Comparison {
  readonly file: string;
  readonly seed: Change<number>;
  /** Whether the sanitizer watched; reports are compared if it did both times. */
  readonly sanitizer: Change<boolean>;
  readonly newCases: readonly CaseReference[];
  readonly goneCases: readonly CaseReference[];
  readonly newlyFailing: readonly (CaseReference & { readonly message: string })[];
  readonly newlyPassing: readonly CaseReference[];
  readonly newReports: readonly ReportReference[];
  readonly fixedReports: readonly ReportReference[];
  readonly changedReports: readonly ChangedReport[];
  readonly counters: readonly MovedCounters[];
}

interface Pair {
  readonly old: RecordedCase;
  readonly current: RecordedCase;
}

const keyOf = ({ name, case: at }: CaseReference): string => caseName(name, at);
const referenceOf = ({ name, case: at }: RecordedCase): CaseReference => ({ name, case: at });

const exactly = ({ id, device, file, line }: RecordedReport): string => [id, device, file, line].join('|');

/** Where lines have moved, or the run was made in another folder: the same but for numbers. */
const looselyTheSame = ({ id, device, file, message }: RecordedReport): string =>
  [id, device, path.basename(file), message.replaceAll(/0x[0-9a-f]+|\d+/g, '#')].join('|');

/** Takes those out of both lists that have the same key. */
const match = (
  before: RecordedReport[],
  now: RecordedReport[],
  key: (report: RecordedReport) => string,
): [RecordedReport, RecordedReport][] =>
  [...before].flatMap((old) => {
    const at = now.findIndex((report) => key(report) === key(old));
    if (at < 0) return [];
    before.splice(before.indexOf(old), 1);
    return now.splice(at, 1).map((report): [RecordedReport, RecordedReport] => [old, report]);
  });

const changeOf = <T>(before: T, now: T): Change<T> | null => (before === now ? null : { before, now });

const compareReports = ({ old, current }: Pair): Pick<Comparison, 'newReports' | 'fixedReports' | 'changedReports'> => {
  const before = [...old.reports];
  const now = [...current.reports];
  const pairs = [...match(before, now, exactly), ...match(before, now, looselyTheSame)];
  const reference = referenceOf(current);
  const refer = (report: RecordedReport): ReportReference => ({ ...reference, report });
  return {
    newReports: now.map(refer),
    fixedReports: before.map(refer),
    changedReports: pairs
      .map(([was, is]) => ({ ...refer(is), harm: changeOf(was.harm, is.harm), count: changeOf(was.count, is.count) }))
      .filter(({ harm, count }) => harm !== null || count !== null),
  };
};

const compareCounters = ({ old, current }: Pair): MovedCounters[] => {
  const { measures: before } = old;
  const { measures: now } = current;
  if (before === null || now === null) return [];
  const moved = COUNTERS.filter((counter) => before[counter] !== now[counter]);
  if (moved.length === 0) return [];
  const changes = moved.map((counter) => [counter, { before: before[counter], now: now[counter] }] as const);
  return [{ ...referenceOf(current), changes: Object.fromEntries(changes) }];
};

/** Compares cases with those of an earlier run. */
export const compareWith = (baseline: Baseline, run: Omit<Baseline, 'file'>): Comparison => {
  const earlier = new Map(baseline.scenarios.map((each) => [keyOf(each), each]));
  const present = new Set(run.scenarios.map(keyOf));
  const pairs = run.scenarios.flatMap((current) => {
    const old = earlier.get(keyOf(current));
    return old === undefined ? [] : [{ old, current }];
  });
  const turned = (to: RecordedCase['status']): RecordedCase[] =>
    pairs.filter(({ old, current }) => old.status !== to && current.status === to).map(({ current }) => current);
  const reports = baseline.sanitizer && run.sanitizer ? pairs.map(compareReports) : [];
  return {
    file: baseline.file,
    seed: { before: baseline.seed, now: run.seed },
    sanitizer: { before: baseline.sanitizer, now: run.sanitizer },
    newCases: run.scenarios.filter((each) => !earlier.has(keyOf(each))).map(referenceOf),
    goneCases: baseline.scenarios.filter((each) => !present.has(keyOf(each))).map(referenceOf),
    newlyFailing: turned('failed').map((each) => ({ ...referenceOf(each), message: each.failure?.message ?? '' })),
    newlyPassing: turned('passed').map(referenceOf),
    newReports: reports.flatMap(({ newReports }) => newReports),
    fixedReports: reports.flatMap(({ fixedReports }) => fixedReports),
    changedReports: reports.flatMap(({ changedReports }) => changedReports),
    counters: pairs.flatMap(compareCounters),
  };
};

/** Whether there is something that a job should stop at: a case that failed before and does so still is not among it. */
export const isWorse = ({ newlyFailing, newReports }: Comparison): boolean =>
  newlyFailing.length > 0 || newReports.some(({ report }) => report.severity === 'error' && !report.expected);
