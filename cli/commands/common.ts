import os from 'node:os';
import type { MatrixValues } from '../../lab/matrix/axes';
import { valueWords } from '../../lab/matrix/case-name';
import { CaseWorker } from '../case-worker';
import { Crew } from '../crew';
import type { HeldOutput } from '../held-output';
import { loadAll, type Loaded } from '../load-all';
import type { LoadedScenario } from '../loaded-scenario';
import type { LogLevel } from '../log-level';
import { parseMatrixOption, type MatrixOption } from '../matrix-option';
import type { NameFilter } from '../option-values';
import { logPrinter } from '../report/log-printer';
import { terminalOf } from '../report/terminal';
import { UsageError } from '../usage-error';

/** Options that every command over scenarios has. */
export interface CommonOptions {
  readonly filter?: NameFilter;
  readonly timeout: number;
  readonly memory: number;
  readonly logLevel: LogLevel;
  readonly typecheck?: true;
  readonly json?: true;
}

/** What followed `--matrix`; true if nothing did. */
export type MatrixWords = true | readonly string[];

/** Options of those commands that run scenarios. */
export interface RunningOptions extends CommonOptions {
  readonly seed: number;
  readonly matrix?: MatrixWords;
  /** Simulated milliseconds. */
  readonly timeLimit?: number;
  /** Threads that share the cases. */
  readonly jobs?: number;
}

/** What `--matrix` asks for; null without it. */
export const matrixOf = (words: MatrixWords | undefined): MatrixOption | null =>
  words === undefined ? null : parseMatrixOption(words === true ? [] : words);

const createWorker = (options: CommonOptions, output: HeldOutput, typecheck: boolean): CaseWorker => {
  const printLog = logPrinter(terminalOf(process.stderr).colors.isColorSupported);
  return new CaseWorker({
    typecheck,
    logLevel: options.logLevel,
    timeoutSeconds: options.timeout,
    heapMebibytes: options.memory,
    onOutput: (text) => output.say(() => void process.stderr.write(text)),
    onLog: (record) => output.say(() => printLog(record)),
  });
};

/**
 * The threads as the options want them; one where they say nothing. What scenarios print must not get between the results.
 * Types are checked where scenarios are loaded first.
 */
export const createCrew = (options: CommonOptions, jobs = 1): Crew =>
  new Crew(jobs, (output, isFirst) => createWorker(options, output, isFirst && options.typecheck === true));

/** How many threads share the cases: as many as asked for, or as there are cores. */
export const jobsOf = ({ jobs }: RunningOptions): number => jobs ?? os.availableParallelism();

/** Loads the modules and keeps what the filter lets through. A filter that lets nothing through is a mistake. */
export const loadFiltered = async (
  worker: CaseWorker,
  files: readonly string[],
  filter: NameFilter | undefined,
  selected: MatrixValues | null = null,
): Promise<Loaded> => {
  const loaded = await loadAll(worker, files, selected);
  if (filter === undefined) return loaded;
  const scenarios = loaded.scenarios.filter(({ name }) => filter.keeps(name));
  if (scenarios.length === 0 && loaded.scenarios.length > 0) {
    const names = loaded.scenarios.map(({ name }) => name).join(', ');
    throw new UsageError(`no scenario's name matches --filter ${filter.text}; there are: ${names}`);
  }
  return { ...loaded, scenarios };
};

/** A part of the matrix that no scenario has is a mistake, like a filter that lets nothing through. */
export const requireCases = (scenarios: readonly LoadedScenario[], matrix: MatrixOption | null): void => {
  if (matrix === null || scenarios.length === 0 || scenarios.some(({ cases }) => cases.length > 0)) return;
  const reasons = scenarios.map(({ name, leftOut }) => `${name}: ${leftOut[0]?.reason ?? 'it has no cases'}`);
  const words = ['--matrix', ...valueWords(matrix.selected)].join(' ');
  throw new UsageError(`no scenario has a case of ${words}; ${reasons.join('; ')}`);
};
