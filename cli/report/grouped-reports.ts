import type { Harm, JudgedReport, MatrixCase } from '../../index';
import type { Outcome } from '../outcome';
import { describeCases } from './case-regions';
import { faultOf, type ToldReport } from './sanitizer-text';
import { count } from './units';

interface Occurrence {
  readonly report: JudgedReport;
  readonly at: MatrixCase;
}

const HARMS: readonly Harm[] = ['happened', 'possible', 'none'];

/** The same mistake at the same line is one, whatever the machine. What the scenario knows of is told apart from the rest. */
const keyOf = (report: JudgedReport): string =>
  [report.id, report.device, faultOf(report) ?? '', report.allowed].join('|');

/** The harm that came of it, case by case; undefined if it is the same in all. */
const harmText = (occurrences: readonly Occurrence[]): string | undefined => {
  const parts = HARMS.map((harm) => [harm, occurrences.filter(({ report }) => report.harm === harm).length] as const);
  const present = parts.filter(([, cases]) => cases > 0);
  if (present.length < 2) return undefined;
  const [first, ...others] = present.map(
    ([harm, cases], index) => `${harm} in ${index === 0 ? count(cases, 'case') : cases}`,
  );
  return [`harm ${first!}`, ...others].join(', ');
};

const whereText = (occurrences: readonly Occurrence[], all: readonly MatrixCase[]): string | undefined => {
  if (all.length < 2) return undefined;
  const cases = [...new Set(occurrences.map(({ at }) => at))];
  if (cases.length === all.length) return `in all ${all.length} cases`;
  return `in ${cases.length} of ${all.length} cases: ${describeCases(all, cases)}`;
};

/** The occurrence with the most harm, as the one to tell of, with what all of them add up to. */
const merged = (occurrences: readonly Occurrence[]): JudgedReport => {
  const reports = occurrences.map(({ report }) => report);
  const worst = HARMS.flatMap((harm) => reports.find((report) => report.harm === harm) ?? [])[0]!;
  return {
    ...worst,
    severity: reports.some(({ severity }) => severity === 'error') ? 'error' : 'warning',
    expected: reports.some(({ expected }) => expected),
    count: reports.reduce((sum, { count: times }) => sum + times, 0),
  };
};

/** What the sanitizer found in all cases of a scenario, each mistake once, with the cases in which it was found. */
export const groupReports = (outcomes: readonly Outcome[]): ToldReport[] => {
  const groups = new Map<string, Occurrence[]>();
  for (const { reports, case: at } of outcomes) {
    for (const report of reports) {
      const key = keyOf(report);
      groups.set(key, [...(groups.get(key) ?? []), { report, at }]);
    }
  }
  const all = outcomes.map(({ case: at }) => at);
  return [...groups.values()].map((occurrences) => {
    const harm = harmText(occurrences);
    const where = whereText(occurrences, all);
    return {
      report: merged(occurrences),
      ...(harm === undefined ? {} : { harm }),
      ...(where === undefined ? {} : { where }),
    };
  });
};
