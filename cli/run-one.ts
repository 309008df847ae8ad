import type { MatrixCase } from '../lab/matrix/axes';
import { caseWords } from '../lab/matrix/case-name';
import type { CaseWorker, LostAnswer } from './case-worker';
import type { LoadedScenario } from './loaded-scenario';
import type { Outcome, OutcomeFailure } from './outcome';
import { displayPath } from './display-path';
import { shippedName } from './targets';
import type { FinishedAnswer } from './worker/protocol';

/** What decides how a case goes. */
export interface CaseSettings {
  readonly seed: number;
  readonly timeoutSeconds: number;
  /** Where its events go. */
  readonly traceFile: string | null;
}

const quoted = (word: string): string =>
  /^[\w./@:+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

const reproduceCommand = ({ file }: LoadedScenario, matrixCase: MatrixCase, seed: number): string => {
  const words = caseWords(matrixCase);
  const matrix = words.length === 0 ? [] : ['--matrix', ...words];
  return ['dmalab run', quoted(shippedName(file) ?? displayPath(file)), ...matrix, '--seed', seed].join(' ');
};

const lossMessage = ({ why, detail }: LostAnswer, { timeoutSeconds }: CaseSettings): string => {
  if (why === 'timeout') {
    return `did not end within ${timeoutSeconds} s of real time: does it loop without waiting on the kernel?`;
  }
  return why === 'memory' ? 'ran out of memory: --memory allows more' : `stopped for no known reason: ${detail}`;
};

const failureOf = ({ result, place, log }: FinishedAnswer, file: string): OutcomeFailure | null =>
  result.failure && { ...result.failure, place: place ?? { file }, log };

/** Runs one case of a scenario in the worker, whatever it does there. */
export const runOne = async (
  worker: CaseWorker,
  scenario: LoadedScenario,
  matrixCase: MatrixCase,
  settings: CaseSettings,
): Promise<Outcome> => {
  const { file } = scenario;
  const { seed, traceFile } = settings;
  const start = performance.now();
  const answer = await worker.ask({ type: 'run', file, case: matrixCase, seed, traceFile });
  const common = { scenario, case: matrixCase, reproduce: reproduceCommand(scenario, matrixCase, seed) };
  if (answer.type === 'finished') {
    const {
      name: _name,
      case: _case,
      seed: _seed,
      status: _status,
      failure: _failure,
      notes,
      ...measures
    } = answer.result;
    const { wallMilliseconds } = answer;
    return { ...common, failure: failureOf(answer, file), measures, notes, wallMilliseconds };
  }
  const [kind, message] =
    answer.type === 'lost'
      ? ([answer.why, lossMessage(answer, settings)] as const)
      : ([
          'crash',
          answer.type === 'refused' ? answer.problems.map(({ message: text }) => text).join('; ') : 'was not run',
        ] as const);
  const place = (answer.type === 'lost' ? answer.place : undefined) ?? { file };
  const failure: OutcomeFailure = { kind, message, place, stack: undefined, log: [] };
  return { ...common, failure, measures: null, notes: [], wallMilliseconds: performance.now() - start };
};
