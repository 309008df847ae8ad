import type { QueueDump } from '../../lab/descriptor-watches';
import type { DumpMoment } from '../../lab/dump-moment';
import { caseName } from '../../lab/matrix/case-name';
import type { MatrixCase } from '../../lab/matrix/axes';
import type { CaseWorker } from '../case-worker';
import { ExitCode } from '../exit-code';
import { plainText } from '../worker/plain-value';
import type { LoadedScenario } from '../loaded-scenario';
import { formatProblem } from '../problem';
import { findFiles } from '../targets';
import { UsageError } from '../usage-error';
import { createCrew, loadFiltered, matrixOf, requireCases, type RunningOptions } from './common';
import { dumpImage, type ImageOptions } from './dump-image';

/** The options of `dmalab dump`. */
export interface DumpCommandOptions extends Omit<RunningOptions, 'jobs'>, Partial<ImageOptions> {
  readonly at: DumpMoment;
}

const momentText = (at: DumpMoment): string => {
  if (at.kind === 'end') return 'at its end';
  if (at.kind === 'report') return at.id === undefined ? 'at its first report' : `at its first ${at.id}`;
  return at.kind === 'time' ? `at ${at.time} ns` : `at event ${at.ordinal}`;
};

/** A case that was looked at, as `--json` has it. */
interface DumpedCase {
  readonly scenario: string;
  readonly file: string;
  readonly case: MatrixCase;
  readonly seed: number;
  /** Null if it passed. */
  readonly failure: string | null;
  readonly queues: readonly Omit<QueueDump, 'lines'>[];
}

/** Runs a case, and prints what was in its queues, or puts it in `dumped`. Returns why there is nothing. */
const dumpCase = async (
  worker: CaseWorker,
  scenario: LoadedScenario,
  matrixCase: MatrixCase,
  { seed, timeLimit, at, json }: DumpCommandOptions,
  dumped: DumpedCase[],
): Promise<string | undefined> => {
  const sanitize = at.kind === 'report';
  const common = { type: 'run', sanitize, traceFile: null, dumpAt: at, timeLimit: timeLimit ?? null } as const;
  const answer = await worker.ask({ ...common, file: scenario.file, case: matrixCase, seed });
  if (answer.type !== 'finished') return answer.type === 'lost' ? `it did not end: ${answer.detail}` : 'it was not run';
  const { dump, result } = answer;
  const failure = result.failure === null ? '' : `; it failed: ${result.failure.message}`;
  if (dump === null && sanitize) return `there was none${failure}`;
  if (dump === null) return `its run ended at ${result.simulatedTime} ns, after ${result.events} events, before that`;
  if (dump.length === 0) {
    return `it has named no queue with lab.descriptors.watch, and no device has one that it knows itself${failure}`;
  }
  if (json === true) {
    const queues = dump.map(({ lines: _lines, ...queue }) => queue);
    const { name, file } = scenario;
    dumped.push({ scenario: name, file, case: matrixCase, seed, failure: result.failure?.message ?? null, queues });
    return undefined;
  }
  process.stdout.write(`${caseName(scenario.name, matrixCase)} ${momentText(at)}${failure}\n`);
  for (const { lines } of dump) process.stdout.write(`${lines.map(plainText).join('\n')}\n`);
  return undefined;
};

const dumpScenarios = async (
  worker: CaseWorker,
  files: readonly string[],
  options: DumpCommandOptions,
): Promise<number> => {
  const selected = matrixOf(options.matrix);
  const { scenarios, problems } = await loadFiltered(worker, files, options.filter, selected?.selected ?? null);
  requireCases(scenarios, selected);
  for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`);
  let missing = problems.length;
  const dumped: DumpedCase[] = [];
  for (const scenario of scenarios) {
    for (const matrixCase of scenario.cases) {
      const why = await dumpCase(worker, scenario, matrixCase, options, dumped);
      if (why === undefined) continue;
      missing++;
      process.stderr.write(
        `${caseName(scenario.name, matrixCase)}: nothing to dump ${momentText(options.at)}: ${why}\n`,
      );
    }
  }
  if (options.json === true) process.stdout.write(`${JSON.stringify({ format: 1, cases: dumped }, null, 2)}\n`);
  return missing > 0 ? ExitCode.unusable : ExitCode.passed;
};

/** `dmalab dump`: what is in the queues of a scenario at a moment, or in an image of memory. The result is the exit code. */
export const dumpCommand = async (targets: readonly string[], options: DumpCommandOptions): Promise<number> => {
  const { format } = options;
  if (format !== undefined) return dumpImage(targets, { ...options, format });
  const wrong = (['atAddress', 'start', 'completions'] as const).find((one) => options[one] !== undefined);
  if (wrong !== undefined) throw new UsageError('--at-address, --start and --completions go with --format');
  const words = matrixOf(options.matrix)?.targets ?? [];
  if (targets.length + words.length === 0)
    throw new UsageError('dump takes a scenario, or an image of memory with --format');
  const files = findFiles([...targets, ...words]);
  const crew = createCrew(options);
  try {
    return await dumpScenarios(crew.first, files, options);
  } finally {
    await crew.close();
  }
};
