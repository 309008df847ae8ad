import type { LeftOut } from '../../lab/matrix/expand';
import type { JudgedReport } from '../../lab/sanitizer/report';
import { displayPath } from '../display-path';
import type { LoadedScenario } from '../loaded-scenario';
import type { Outcome } from '../outcome';
import type { Place, Problem } from '../problem';
import { parseSite } from '../site';
import type { RunReport, RunSummary } from './run-report';

/** Raised when a field changes its meaning or goes away. */
const FORMAT = 1;

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

const problemFields = (problem: Problem): object => ({ ...placeFields(problem), message: problem.message });

const leftOutFields = ({ name, leftOut }: LoadedScenario): object[] =>
  leftOut.map(({ case: matrixCase, reason }: LeftOut) => ({ name, case: matrixCase, reason }));

const siteFields = (site: string | null): object => {
  if (site === null) return { file: null, line: null };
  const { file, line } = parseSite(site);
  return { file: displayPath(file), line };
};

/** A report of the sanitizer; a line that is not known is null, and then the file is the scenario's. */
export const reportFields = (report: JudgedReport, scenarioFile: string): object => {
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
      ...siteFields(site),
      callers: callers.map(siteFields),
    })),
    picture,
    fix,
    count,
    expected,
    allowed,
  };
};

const scenarioFields = ({
  scenario,
  case: matrixCase,
  failure,
  measures,
  reports,
  notes,
  wallMilliseconds,
  reproduce,
}: Outcome): object => ({
  name: scenario.name,
  case: matrixCase,
  description: scenario.description,
  file: displayPath(scenario.file),
  status: failure === null ? 'passed' : 'failed',
  failure: failure && {
    kind: failure.kind,
    message: failure.message,
    ...placeFields(failure.place),
    log: failure.log,
  },
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

  end(problems: readonly Problem[], summary: RunSummary): void {
    const { version, seed, sanitizer, write } = this.options;
    const report = {
      format: FORMAT,
      dmalab: version,
      seed,
      sanitizer,
      summary: { ...summary, wallMilliseconds: Math.round(summary.wallMilliseconds * 1000) / 1000 },
      scenarios: this.outcomes.map(scenarioFields),
      leftOut: this.scenarios.flatMap(leftOutFields),
      notLoaded: problems.map(problemFields),
    };
    write(`${JSON.stringify(report, null, 2)}\n`);
  }
}

/** What `list --json` prints. */
export const listAsJson = (scenarios: readonly LoadedScenario[], problems: readonly Problem[]): string => {
  const list = {
    format: FORMAT,
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
