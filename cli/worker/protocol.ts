import type { MatrixCase, ScenarioResult } from '../../index';
import type { QueueDump } from '../../lab/descriptor-watches';
import type { DumpMoment } from '../../lab/dump-moment';
import type { MatrixValues } from '../../lab/matrix/axes';
import type { LoadedScenario } from '../loaded-scenario';
import type { LogLevel } from '../log-level';
import type { Place, Problem } from '../problem';

/** What a worker thread is started with. */
export interface WorkerSettings {
  readonly typecheck: boolean;
  readonly logLevel: LogLevel;
}

/** What the command asks of a worker; it asks the next thing when it has the answer to the last. */
export type Request = LoadRequest | RunRequest;

/** To load a module. */
export interface LoadRequest {
  readonly type: 'load';
  readonly file: string;
  /** Which part of the matrix is to be run; null to run scenarios on their own machines. */
  readonly selected: MatrixValues | null;
}

/** To run a module's scenario once. */
export interface RunRequest {
  readonly type: 'run';
  readonly file: string;
  readonly case: MatrixCase;
  readonly seed: number;
  /** Whether the DMA sanitizer watches. */
  readonly sanitize: boolean;
  /** Simulated milliseconds; null for what the scenario's machine says. */
  readonly timeLimit: number | null;
  readonly traceFile: string | null;
  /** When to look at the scenario's queues. Default: never. */
  readonly dumpAt?: DumpMoment;
}

/** The scenario in a module. */
export interface LoadedAnswer extends Omit<LoadedScenario, 'file'> {
  readonly type: 'loaded';
}

/** The module cannot be used. */
export interface RefusedAnswer {
  readonly type: 'refused';
  readonly problems: readonly Problem[];
  /** It is there for the descriptor formats that it exports. */
  readonly hasFormats?: true;
}

/** A scenario has run. */
export interface FinishedAnswer {
  readonly type: 'finished';
  readonly result: ScenarioResult;
  /** The author's line behind the failure. */
  readonly place: Place | null;
  /** The last messages of the kernel, for a scenario that failed. */
  readonly log: readonly string[];
  /** What was in its queues; null if the moment never came, or nobody asked. */
  readonly dump: readonly QueueDump[] | null;
  readonly wallMilliseconds: number;
}

export type Answer = LoadedAnswer | RefusedAnswer | FinishedAnswer;

/** A message of the machine's software. */
export interface LogRecord {
  readonly level: Exclude<LogLevel, 'silent'>;
  /** The scenario's name, with the case of the matrix. */
  readonly scenario: string;
  readonly fields: Readonly<Record<string, string | number | boolean | null>>;
  readonly message: string;
}

/** What a worker tells besides answers. The wall clock of a case stands still while its sources are compiled. */
export type Remark =
  | { readonly type: 'compiling' }
  | { readonly type: 'compiled' }
  | { readonly type: 'output'; readonly text: string }
  | { readonly type: 'log'; readonly record: LogRecord };

export type FromWorker = Answer | Remark;
