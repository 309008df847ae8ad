import type { JudgedReport, MatrixCase, ScenarioResult } from '../index';
import type { LoadedScenario } from './loaded-scenario';
import type { Place } from './problem';

/** Why a scenario did not pass. */
export interface OutcomeFailure {
  /** As in a scenario's result; also: out of memory, or its thread ended. */
  readonly kind: 'check' | 'oops' | 'lab' | 'exception' | 'timeout' | 'report' | 'memory' | 'crash';
  readonly message: string;
  /** The author's own line if it is known, the scenario's file otherwise. */
  readonly place: Place;
  readonly stack: string | undefined;
  /** The kernel's last messages. */
  readonly log: readonly string[];
}

/** What a run measured; nothing is known of a run that had to be stopped. */
export type Measures = Omit<ScenarioResult, 'name' | 'case' | 'seed' | 'status' | 'failure' | 'notes' | 'reports'>;

/** What the report says about one run of one scenario. */
export interface Outcome {
  readonly scenario: LoadedScenario;
  /** Where in the matrix; empty for the scenario's own machine. */
  readonly case: MatrixCase;
  readonly failure: OutcomeFailure | null;
  readonly measures: Measures | null;
  /** What the sanitizer found; lines are those of the author. */
  readonly reports: readonly JudgedReport[];
  readonly notes: readonly string[];
  readonly wallMilliseconds: number;
  /** The command that runs it again in the same way. */
  readonly reproduce: string;
}
