import { LabError } from '../../base/errors';
import type { MatrixCase } from '../matrix/axes';
import { REPORT_IDS, isReportId, type ReportId } from './catalogue';
import type { JudgedReport, SanitizerReport } from './report';

/** Ids of reports, the same in all cases, or by where in the matrix a run is. */
export type ReportChoice = readonly ReportId[] | ((at: MatrixCase) => readonly ReportId[]);

/** What a scenario says about the sanitizer's reports on it. Any other error that is reported fails the scenario. */
export interface ReportExpectation {
  /** These must come; the scenario fails if one does not. */
  readonly expect?: ReportChoice;
  /** These may come. */
  readonly allow?: ReportChoice;
  /** These are left out altogether. */
  readonly suppress?: ReportChoice;
}

const MEMBERS = ['expect', 'allow', 'suppress'] as const;

const checkIds = (member: string, ids: unknown): readonly ReportId[] => {
  if (!Array.isArray(ids)) throw new LabError(`reports.${member} is an array of report ids`, { what: 'reports' });
  for (const id of ids as unknown[]) {
    if (typeof id === 'string' && isReportId(id)) continue;
    const text = typeof id === 'string' ? `'${id}'` : String(id);
    throw new LabError(`reports.${member}: there is no report ${text}${nearest(id)}; docs/reports.md lists them`, {
      what: 'reports',
    });
  }
  return ids as ReportId[];
};

/** The id that was probably meant. */
const nearest = (id: unknown): string => {
  if (typeof id !== 'string') return '';
  const words = id.toUpperCase().split(/[^A-Z]+/);
  const score = (known: string): number => known.split('-').filter((word) => words.includes(word)).length;
  const best = [...REPORT_IDS].sort((a, b) => score(b) - score(a))[0]!;
  return score(best) > 1 ? ` (${best}?)` : '';
};

/** Refuses what is no expectation with a `LabError`; choices that are functions are checked when they are made. */
export const checkExpectation = (expectation: unknown): void => {
  if (typeof expectation !== 'object' || expectation === null) {
    throw new LabError("reports is an object like { expect: ['DMA-LEAK'] }", { what: 'reports' });
  }
  for (const [name, choice] of Object.entries(expectation)) {
    if (!(MEMBERS as readonly string[]).includes(name)) {
      throw new LabError(`reports has no member '${name}'; it has ${MEMBERS.join(', ')}`, { what: 'reports' });
    }
    if (choice !== undefined && typeof choice !== 'function') checkIds(name, choice);
  }
};

const chosen = (
  member: (typeof MEMBERS)[number],
  expectation: ReportExpectation,
  at: MatrixCase,
): readonly ReportId[] => {
  const choice = expectation[member];
  if (choice === undefined) return [];
  return typeof choice === 'function' ? checkIds(member, choice(at)) : choice;
};

/** What a scenario's expectation makes of its reports. */
export interface Judgement {
  /** What is left to be shown. */
  readonly reports: readonly JudgedReport[];
  /** Why the scenario fails because of them; null if it does not. */
  readonly failure: string | null;
  /** The report behind the failure: the first that nobody expects. Null if it is that one did not come. */
  readonly cause: SanitizerReport | null;
}

const sentence = (unexpected: readonly SanitizerReport[]): string => {
  const [first, ...others] = unexpected;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  return `${first!.id}: ${first!.message}${more}`;
};

/** Compares reports with what was expected. */
export const judgeReports = (
  reports: readonly SanitizerReport[],
  expectation: ReportExpectation,
  at: MatrixCase,
): Judgement => {
  const expected = chosen('expect', expectation, at);
  const allowed = chosen('allow', expectation, at);
  const suppressed = chosen('suppress', expectation, at);
  const shown = reports
    .filter(({ id }) => !suppressed.includes(id))
    .map((report) => {
      const mustCome = expected.includes(report.id);
      return { ...report, expected: mustCome, allowed: mustCome || allowed.includes(report.id) };
    });
  const unexpected = shown.filter(({ severity, allowed: mayCome }) => severity === 'error' && !mayCome);
  const missing = expected.filter((id) => !shown.some((report) => report.id === id));
  const failure =
    unexpected.length > 0
      ? sentence(unexpected)
      : missing.length > 0
        ? `the sanitizer was expected to report ${missing.join(', ')}, and did not`
        : null;
  return { reports: shown, failure, cause: unexpected[0] ?? null };
};
