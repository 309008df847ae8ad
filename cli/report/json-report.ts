import type { LeftOut } from '../../lab/matrix/expand';
import type { JudgedReport } from '../../lab/sanitizer/report';
import type { Comparison } from '../baseline/compare';
import type { RecordedCase, RecordedReport } from '../baseline/read-baseline';
import { displayPath } from '../display-path';
import type { LoadedScenario } from '../loaded-scenario';
import type { Outcome, OutcomeFailure } from '../outcome';
import type { Place, Problem } from '../problem';
import { RESULT_FORMAT } from '../result-format';
import { parseSite } from '../site';
import type { RunReport, RunSummary } from './run-report';

/** Members that nothing here relies on. */
type Fields = Readonly<Record<string, unknown>>;

/** What the report needs to know beforehand. */
export interface JsonReportOptions {
  readonly version: string;
  readonly seed: number;
  /** Whether the sanitizer watched. */
  readonly sanitizer: boolean;
  /** Receives the whole text at the end. */
  readonly write: (text: string) => void;
}

const placeFields = ({ file, line, column }: Place): object => ({
  file: displayPath(file),
  line: line ?? null,
  column: column ?? null,
});

export const problemFields = (problem: Problem): object => ({ ...placeFields(problem), message: problem.message });

export const leftOutFields = ({ name, leftOut }: LoadedScenario): object[] =>
  leftOut.map(({ case: matrixCase, reason }: LeftOut) => ({ name, case: matrixCase, reason }));

const siteFields = (site: string): { file: string; line: number | null } => {
  const { file, line } = parseSite(site);
  return { file: displayPath(file), line: line ?? null };
};

/** A report of the sanitizer; a line that is not known is null, and then the file is the scenario's. */
export const reportFields = (report: JudgedReport, scenarioFile: string): RecordedReport & Fields => {
  const { id, severity, harm, device, message, places, at, picture, fix, count, expected, allowed } = report;
  const fault = places[at]?.site ?? null;
  return {
    id,
    severity,
    harm,
    device,
    message,
    ...(fault === null ? { file: displayPath(scenarioFile), line: null } : siteFields(fault)),
    at,
    places: places.map(({ what, time, site, callers }) => ({
      what,
      time,
      ...(site === null ? { file: null, line: null } : siteFields(site)),
      callers: callers.map(siteFields),
    })),
    picture,
    fix,
    count,
    expected,
    allowed,
  };
};

const failureFields = ({ kind, message, place, log }: OutcomeFailure): { message: string } & Fields => ({
  kind,
  message,
  ...placeFields(place),
  log,
});

/** A case as it is written. */
export const caseFields = ({
  scenario,
  case: matrixCase,
  failure,
  measures,
  reports,
  notes,
  wallMilliseconds,
  reproduce,
}: Outcome): RecordedCase & Fields => ({
  name: scenario.name,
  case: matrixCase,
  description: scenario.description,
  file: displayPath(scenario.file),
  status: failure === null ? 'passed' : 'failed',
  failure: failure && failureFields(failure),
  measures,
  reports: reports.map((report) => reportFields(report, scenario.file)),
  notes,
  wallMilliseconds: Math.round(wallMilliseconds * 1000) / 1000,
  reproduce,
});

/** What `run --json` prints; docs/cli.md describes it. */
export class JsonReport implements RunReport {
  private readonly options: JsonReportOptions;
  private readonly outcomes: Outcome[] = [];
  private scenarios: readonly LoadedScenario[] = [];

  constructor(options: JsonReportOptions) {
    this.options = options;
  }

  start(scenarios: readonly LoadedScenario[]): void {
    this.scenarios = scenarios;
  }

  outcome(outcome: Outcome): void {
    this.outcomes.push(outcome);
  }

  end(problems: readonly Problem[], summary: RunSummary, comparison: Comparison | null): void {
    const { version, seed, sanitizer, write } = this.options;
    const report = {
      format: RESULT_FORMAT,
      dmalab: version,
      seed,
      sanitizer,
      summary: { ...summary, wallMilliseconds: Math.round(summary.wallMilliseconds * 1000) / 1000 },
      scenarios: this.outcomes.map(caseFields),
      leftOut: this.scenarios.flatMap(leftOutFields),
      notLoaded: problems.map(problemFields),
      baseline: comparison,
    };
    write(`${JSON.stringify(report, null, 2)}\n`);
  }
}

/** What `list --json` prints. */
export const listAsJson = (scenarios: readonly LoadedScenario[], problems: readonly Problem[]): string => {
  const list = {
    format: RESULT_FORMAT,
    scenarios: scenarios.map(({ name, description, file, matrix }) => ({
      name,
      description,
      file: displayPath(file),
      matrix,
    })),
    notLoaded: problems.map(problemFields),
  };
  return `${JSON.stringify(list, null, 2)}\n`;
};
