import fs from 'node:fs';
import { compareWith, isWorse, type Comparison } from '../baseline/compare';
import { readBaseline, type Baseline } from '../baseline/read-baseline';
import { tasksOf, type Crew } from '../crew';
import { ExitCode } from '../exit-code';
import { packageVersion } from '../installation';
import type { LoadedScenario } from '../loaded-scenario';
import type { MatrixOption } from '../matrix-option';
import { createOutputFile } from '../output-file';
import type { Outcome } from '../outcome';
import { caseFields, JsonReport } from '../report/json-report';
import { MatrixReport } from '../report/matrix-report';
import type { RunReport, RunSummary } from '../report/run-report';
import { terminalOf } from '../report/terminal';
import { TextReport } from '../report/text-report';
import { findFiles } from '../targets';
import { UsageError } from '../usage-error';
import { createCrew, jobsOf, loadFiltered, matrixOf, requireCases, type RunningOptions } from './common';

/** The options of `dmalab run`. */
export interface RunCommandOptions extends RunningOptions {
  readonly sanitizer: boolean;
  readonly baseline?: string;
  readonly jsonFile?: string;
  readonly trace?: string;
}

const createReports = (options: RunCommandOptions, jsonFile: string | undefined): RunReport[] => {
  const { seed, json, logLevel, matrix, sanitizer } = options;
  const version = packageVersion();
  const Text = matrix === undefined ? TextReport : MatrixReport;
  const toStdout =
    json === true
      ? new JsonReport({ version, seed, sanitizer, write: (text) => void process.stdout.write(text) })
      : new Text(terminalOf(process.stdout), { version, seed, stacks: logLevel === 'debug' });
  if (jsonFile === undefined) return [toStdout];
  return [toStdout, new JsonReport({ version, seed, sanitizer, write: (text) => fs.writeFileSync(jsonFile, text) })];
};

/** What is run, and who is told of it. */
interface Plan {
  readonly files: readonly string[];
  readonly matrix: MatrixOption | null;
  readonly reports: readonly RunReport[];
  readonly traceFile: string | null;
  readonly baseline: Baseline | null;
}

/** How it ended. */
interface Result {
  readonly summary: RunSummary;
  readonly comparison: Comparison | null;
}

/** Runs the cases, and tells the reports in their order. */
const runCases = async (
  crew: Crew,
  scenarios: readonly LoadedScenario[],
  options: RunCommandOptions,
  { traceFile, reports }: Plan,
): Promise<Outcome[]> => {
  const { seed, timeout, sanitizer, timeLimit } = options;
  const settings = { seed, timeoutSeconds: timeout, sanitize: sanitizer, timeLimit: timeLimit ?? null, traceFile };
  const outcomes: Outcome[] = [];
  await crew.run(tasksOf(scenarios), settings, (outcome) => {
    outcomes.push(outcome);
    for (const report of reports) report.outcome(outcome);
  });
  return outcomes;
};

const runAll = async (crew: Crew, options: RunCommandOptions, plan: Plan): Promise<Result> => {
  const start = performance.now();
  const { files, matrix, reports, baseline } = plan;
  const { scenarios, problems } = await loadFiltered(crew.first, files, options.filter, matrix?.selected ?? null);
  requireCases(scenarios, matrix);
  for (const report of reports) report.start(scenarios);
  const outcomes = await runCases(crew, scenarios, options, plan);
  const failed = outcomes.filter(({ failure }) => failure !== null).length;
  const summary = {
    passed: outcomes.length - failed,
    failed,
    notLoaded: new Set(problems.map(({ file }) => file)).size,
    wallMilliseconds: performance.now() - start,
  };
  const { seed, sanitizer } = options;
  const comparison = baseline && compareWith(baseline, { seed, sanitizer, scenarios: outcomes.map(caseFields) });
  for (const report of reports) report.end(problems, summary, comparison);
  return { summary, comparison };
};

/** A file of events is written by one thread. */
const checkedJobs = (options: RunCommandOptions): number => {
  if (options.trace === undefined) return jobsOf(options);
  if ((options.jobs ?? 1) > 1)
    throw new UsageError('--trace writes one case after the other: it takes no --jobs above 1');
  return 1;
};

/** `dmalab run`: loads and runs scenarios and reports. The result is the exit code. */
export const runCommand = async (targets: readonly string[], options: RunCommandOptions): Promise<number> => {
  const jobs = checkedJobs(options);
  const matrix = matrixOf(options.matrix);
  const files = findFiles([...targets, ...(matrix?.targets ?? [])]);
  // It may be the very file that this run's results go to.
  const baseline = options.baseline === undefined ? null : readBaseline(options.baseline);
  const outputFile = (option: string, file: string | undefined): string | undefined =>
    file === undefined ? undefined : createOutputFile(option, file, files);
  const jsonFile = outputFile('--json-file', options.jsonFile);
  const traceFile = outputFile('--trace', options.trace) ?? null;
  const crew = createCrew(options, jobs);
  try {
    const reports = createReports(options, jsonFile);
    const { summary, comparison } = await runAll(crew, options, { files, matrix, reports, traceFile, baseline });
    if (summary.notLoaded > 0) return ExitCode.unusable;
    const isBad = summary.failed > 0 || (comparison !== null && isWorse(comparison));
    return isBad ? ExitCode.failed : ExitCode.passed;
  } finally {
    await crew.close();
  }
};
