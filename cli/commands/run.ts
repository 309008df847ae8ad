import fs from 'node:fs';
import type { CaseWorker } from '../case-worker';
import { ExitCode } from '../exit-code';
import { packageVersion } from '../installation';
import { createOutputFile } from '../output-file';
import { JsonReport } from '../report/json-report';
import type { RunReport, RunSummary } from '../report/run-report';
import { terminalOf } from '../report/terminal';
import { TextReport } from '../report/text-report';
import { runOne } from '../run-one';
import { findFiles } from '../targets';
import { createWorker, loadFiltered, type CommonOptions } from './common';

/** The options of `dmalab run`. */
export interface RunCommandOptions extends CommonOptions {
  readonly seed: number;
  readonly jsonFile?: string;
  readonly trace?: string;
}

const createReports = (options: RunCommandOptions, jsonFile: string | undefined): RunReport[] => {
  const { seed, json, logLevel } = options;
  const version = packageVersion();
  const toStdout =
    json === true
      ? new JsonReport({ version, seed, write: (text) => void process.stdout.write(text) })
      : new TextReport(terminalOf(process.stdout), { version, seed, stacks: logLevel === 'debug' });
  if (jsonFile === undefined) return [toStdout];
  return [toStdout, new JsonReport({ version, seed, write: (text) => fs.writeFileSync(jsonFile, text) })];
};

const runAll = async (
  worker: CaseWorker,
  files: readonly string[],
  options: RunCommandOptions,
  { reports, traceFile }: { readonly reports: readonly RunReport[]; readonly traceFile: string | null },
): Promise<RunSummary> => {
  const start = performance.now();
  const { scenarios, problems } = await loadFiltered(worker, files, options.filter);
  for (const report of reports) report.start(scenarios.map(({ name }) => name));
  let failed = 0;
  for (const scenario of scenarios) {
    const { seed, timeout } = options;
    const outcome = await runOne(worker, scenario, { seed, timeoutSeconds: timeout, traceFile });
    if (outcome.failure !== null) failed++;
    for (const report of reports) report.outcome(outcome);
  }
  const notLoaded = new Set(problems.map(({ file }) => file)).size;
  const wallMilliseconds = performance.now() - start;
  const summary = { passed: scenarios.length - failed, failed, notLoaded, wallMilliseconds };
  for (const report of reports) report.end(problems, summary);
  return summary;
};

/** `dmalab run`: loads and runs scenarios and reports. The result is the exit code. */
export const runCommand = async (targets: readonly string[], options: RunCommandOptions): Promise<number> => {
  const files = findFiles(targets);
  const outputFile = (option: string, file: string | undefined): string | undefined =>
    file === undefined ? undefined : createOutputFile(option, file, files);
  const jsonFile = outputFile('--json-file', options.jsonFile);
  const traceFile = outputFile('--trace', options.trace) ?? null;
  const worker = createWorker(options);
  try {
    const reports = createReports(options, jsonFile);
    const { failed, notLoaded } = await runAll(worker, files, options, { reports, traceFile });
    if (notLoaded > 0) return ExitCode.unusable;
    return failed > 0 ? ExitCode.failed : ExitCode.passed;
  } finally {
    await worker.close();
  }
};
