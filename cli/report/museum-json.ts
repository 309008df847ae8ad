import type { JudgedReport } from '../../index';
import { displayPath } from '../display-path';
import { holds, type ExhibitCase, type ExhibitVerdict } from '../museum/verdict';
import type { Problem } from '../problem';
import { RESULT_FORMAT } from '../result-format';
import { describeCases } from './case-regions';
import { caseFields, leftOutFields, problemFields, reportFields, type JsonReportOptions } from './json-report';
import { casesPerSecond, type MuseumReport, type TourSummary } from './museum-report';

/** A report without its story. */
const shortReport = (report: JudgedReport, file: string): object => {
  const { at: _at, places: _places, picture: _picture, fix: _fix, ...rest } = reportFields(report, file);
  return rest;
};

const exhibitCase = ({ outcome, shows, detected }: ExhibitCase): object => {
  const { case: at, status, failure, measures, wallMilliseconds, reproduce } = caseFields(outcome);
  const reports = outcome.reports.map((report) => shortReport(report, outcome.scenario.file));
  return { case: at, status, shows, detected, failure, reports, measures, wallMilliseconds, reproduce };
};

const verdictFields = (verdict: ExhibitVerdict): object => {
  const { scenario, buggy, fixed, missed, falseAlarms } = verdict;
  const { number, name, title, example, dmaDebug, reports, shows } = scenario.exhibit;
  const all = buggy.map(({ outcome }) => outcome.case);
  const detected = buggy.filter(({ detected: isDetected }) => isDetected).map(({ outcome }) => outcome.case);
  return {
    number,
    name,
    title,
    example,
    file: displayPath(scenario.file),
    status: holds(verdict) ? 'passed' : 'failed',
    ids: reports,
    shows,
    detectedUnder: describeCases(all, detected),
    detectedCases: detected.length,
    buggyCases: buggy.length,
    missedCases: missed.length,
    fixedCases: fixed.length,
    falseAlarms,
    dmaDebug,
    cases: [...buggy, ...fixed].map(exhibitCase),
    leftOut: leftOutFields(scenario),
  };
};

/** What `bugs --json` prints; docs/cli.md describes it. */
export class MuseumJson implements MuseumReport {
  private readonly options: Omit<JsonReportOptions, 'sanitizer'>;
  private readonly verdicts: ExhibitVerdict[] = [];

  constructor(options: Omit<JsonReportOptions, 'sanitizer'>) {
    this.options = options;
  }

  start(): void {
    // Everything is written at the end.
  }

  verdict(verdict: ExhibitVerdict): void {
    this.verdicts.push(verdict);
  }

  end(problems: readonly Problem[], summary: TourSummary): void {
    const { version, seed, write } = this.options;
    const wallMilliseconds = Math.round(summary.wallMilliseconds * 1000) / 1000;
    const report = {
      format: RESULT_FORMAT,
      dmalab: version,
      seed,
      summary: { ...summary, wallMilliseconds, casesPerSecond: casesPerSecond(summary) },
      exhibits: this.verdicts.map(verdictFields),
      notLoaded: problems.map(problemFields),
    };
    write(`${JSON.stringify(report, null, 2)}\n`);
  }
}
