import { tasksOf, type Crew } from '../crew';
import { ExitCode } from '../exit-code';
import { packageVersion } from '../installation';
import type { LoadedScenario } from '../loaded-scenario';
import { holds, isDetected, judgeExhibit, type ExhibitVerdict, type LoadedExhibit } from '../museum/verdict';
import type { Outcome } from '../outcome';
import type { Problem } from '../problem';
import { MuseumJson } from '../report/museum-json';
import type { MuseumReport, TourSummary } from '../report/museum-report';
import { MuseumText } from '../report/museum-text';
import { terminalOf } from '../report/terminal';
import { findExhibits } from '../targets';
import { createCrew, jobsOf, loadFiltered, matrixOf, requireCases, type RunningOptions } from './common';

const isExhibit = (scenario: LoadedScenario): scenario is LoadedExhibit => scenario.exhibit !== undefined;

const strangers = (scenarios: readonly LoadedScenario[]): Problem[] =>
  scenarios
    .filter((scenario) => !isExhibit(scenario))
    .map(({ file, name }) => ({ file, message: `scenario '${name}' is no exhibit: 'dmalab run' runs it` }));

/** Runs all exhibits, and tells of each when the last of its cases is known. */
const runExhibits = async (
  crew: Crew,
  exhibits: readonly LoadedExhibit[],
  { seed, timeout, timeLimit }: RunningOptions,
  tell: (verdict: ExhibitVerdict) => void,
): Promise<void> => {
  const settings = { seed, timeoutSeconds: timeout, sanitize: true, timeLimit: timeLimit ?? null, traceFile: null };
  const waiting = [...exhibits];
  let outcomes: Outcome[] = [];
  const tellComplete = (): void => {
    while (waiting[0]?.cases.length === outcomes.length) {
      tell(judgeExhibit(waiting.shift()!, outcomes));
      outcomes = [];
    }
  };
  tellComplete();
  await crew.run(tasksOf(exhibits), settings, (outcome) => {
    outcomes.push(outcome);
    tellComplete();
  });
};

const summaryOf = (
  verdicts: readonly ExhibitVerdict[],
  problems: readonly Problem[],
  wallMilliseconds: number,
): TourSummary => ({
  exhibits: verdicts.length,
  tried: verdicts.filter(({ buggy }) => buggy.length > 0).length,
  detected: verdicts.filter(isDetected).length,
  failed: verdicts.filter((verdict) => !holds(verdict)).length,
  falseAlarms: verdicts.reduce((sum, { falseAlarms }) => sum + falseAlarms, 0),
  cases: verdicts.reduce((sum, { buggy, fixed }) => sum + buggy.length + fixed.length, 0),
  notLoaded: new Set(problems.map(({ file }) => file)).size,
  wallMilliseconds,
});

const tour = async (
  crew: Crew,
  files: readonly string[],
  options: RunningOptions,
  report: MuseumReport,
): Promise<TourSummary> => {
  const selected = matrixOf(options.matrix);
  const loaded = await loadFiltered(crew.first, files, options.filter, selected?.selected ?? {});
  requireCases(loaded.scenarios, selected);
  const problems = [...loaded.problems, ...strangers(loaded.scenarios)];
  const exhibits = loaded.scenarios.filter(isExhibit).sort((a, b) => a.exhibit.number - b.exhibit.number);
  report.start(exhibits);
  const start = performance.now();
  const verdicts: ExhibitVerdict[] = [];
  await runExhibits(crew, exhibits, options, (verdict) => {
    verdicts.push(verdict);
    report.verdict(verdict);
  });
  const summary = summaryOf(verdicts, problems, performance.now() - start);
  report.end(problems, summary);
  return summary;
};

/** `dmalab bugs`: runs the bug museum and prints its table. The result is the exit code. */
export const bugsCommand = async (targets: readonly string[], options: RunningOptions): Promise<number> => {
  const { seed, json, logLevel } = options;
  const words = matrixOf(options.matrix)?.targets ?? [];
  const files = findExhibits([...targets, ...words]);
  const version = packageVersion();
  const report =
    json === true
      ? new MuseumJson({ version, seed, write: (text) => void process.stdout.write(text) })
      : new MuseumText(terminalOf(process.stdout), { version, seed, stacks: logLevel === 'debug' });
  const crew = createCrew(options, jobsOf(options));
  try {
    const { failed, notLoaded } = await tour(crew, files, options, report);
    if (notLoaded > 0) return ExitCode.unusable;
    return failed > 0 ? ExitCode.failed : ExitCode.passed;
  } finally {
    await crew.close();
  }
};
