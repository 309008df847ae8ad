import type { MatrixCase } from '../lab/matrix/axes';
import { caseWords } from '../lab/matrix/case-name';
import type { ScenarioResult } from '../lab/scenario-result';
import type { CaseWorker, LostAnswer } from './case-worker';
import type { LoadedScenario } from './loaded-scenario';
import type { Measures, Outcome, OutcomeFailure } from './outcome';
import type { Place } from './problem';
import { displayPath } from './display-path';
import { shippedName } from './targets';
import type { Answer, FinishedAnswer } from './worker/protocol';

/** What decides how a case goes. */
export interface CaseSettings {
  readonly seed: number;
  readonly timeoutSeconds: number;
  /** Whether the DMA sanitizer watches. */
  readonly sanitize: boolean;
  /** Simulated milliseconds that it may take; null for what its machine says. */
  readonly timeLimit: number | null;
  /** Where its events go. */
  readonly traceFile: string | null;
}

const quoted = (word: string): string =>
  /^[\w./@:+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

const reproduceCommand = ({ file }: LoadedScenario, matrixCase: MatrixCase, settings: CaseSettings): string => {
  const words = caseWords(matrixCase);
  const matrix = words.length === 0 ? [] : ['--matrix', ...words];
  const timeLimit = settings.timeLimit === null ? [] : ['--time-limit', settings.timeLimit];
  const options = ['--seed', settings.seed, ...timeLimit, ...(settings.sanitize ? [] : ['--no-sanitizer'])];
  return ['dmalab run', quoted(shippedName(file) ?? displayPath(file)), ...matrix, ...options].join(' ');
};

const lossMessage = ({ why, detail }: LostAnswer, { timeoutSeconds }: CaseSettings): string => {
  if (why === 'timeout') {
    return `did not end within ${timeoutSeconds} s of real time: does it loop without waiting on the kernel?`;
  }
  return why === 'memory' ? 'ran out of memory: --memory allows more' : `stopped for no known reason: ${detail}`;
};

const failureOf = ({ result, place, log }: FinishedAnswer, file: string): OutcomeFailure | null => {
  if (result.failure === null) return null;
  const { kind, message, stack } = result.failure;
  return { kind, message, stack, place: place ?? { file }, log };
};

const measuresOf = (result: ScenarioResult): Measures => {
  const { simulatedTime, events, traceHash, warnings, faults, bytesRead, bytesWritten, interrupts } = result;
  return { simulatedTime, events, traceHash, warnings, faults, bytesRead, bytesWritten, interrupts };
};

/** Why a case that was to be run has no result. */
const lossOf = (answer: Exclude<Answer, FinishedAnswer> | LostAnswer, settings: CaseSettings): Loss => {
  if (answer.type === 'lost') return [answer.why, lossMessage(answer, settings), answer.place];
  return [
    'crash',
    answer.type === 'refused' ? answer.problems.map(({ message }) => message).join('; ') : 'was not run',
  ];
};

type Loss = readonly [kind: OutcomeFailure['kind'], message: string, place?: Place | undefined];

/** Runs one case of a scenario in the worker, whatever it does there. */
export const runOne = async (
  worker: CaseWorker,
  scenario: LoadedScenario,
  matrixCase: MatrixCase,
  settings: CaseSettings,
): Promise<Outcome> => {
  const { file } = scenario;
  const { seed, sanitize, timeLimit, traceFile } = settings;
  const start = performance.now();
  const answer = await worker.ask({ type: 'run', file, case: matrixCase, seed, sanitize, timeLimit, traceFile });
  const common = { scenario, case: matrixCase, reproduce: reproduceCommand(scenario, matrixCase, settings) };
  if (answer.type === 'finished') {
    const { result, wallMilliseconds } = answer;
    const { notes, reports } = result;
    return {
      ...common,
      failure: failureOf(answer, file),
      measures: measuresOf(result),
      reports,
      notes,
      wallMilliseconds,
    };
  }
  const [kind, message, place = { file }] = lossOf(answer, settings);
  const failure: OutcomeFailure = { kind, message, place, stack: undefined, log: [] };
  const wallMilliseconds = performance.now() - start;
  return { ...common, failure, measures: null, reports: [], notes: [], wallMilliseconds };
};
