import {
  runScenario,
  type FailureReport,
  type MatrixCase,
  type RamPool,
  type Scenario,
  type ScenarioResult,
} from '../../index';
import type { StrayErrors } from './containment';
import { fullHostTurn, hostTurn } from './host-turn';
import type { KernelLog } from './kernel-log';
import { describeThrown } from './load-problem';
import { plainText } from './plain-value';
import type { FinishedAnswer } from './protocol';
import { authoredPlace } from '../source-position';
import type { TraceWriter } from './trace-writer';

/** One run of one scenario. */
export interface Case {
  readonly scenario: Scenario;
  readonly matrixCase: MatrixCase;
  readonly seed: number;
  readonly log: KernelLog;
  readonly trace: TraceWriter | undefined;
  readonly strays: StrayErrors;
  readonly ramPool: RamPool;
}

const strayFailure = (strays: StrayErrors): FailureReport | null => {
  const stray = strays.take();
  if (stray === undefined) return null;
  const stack = stray.error instanceof Error ? stray.error.stack : undefined;
  return { kind: 'exception', message: `nobody handles this: ${describeThrown(stray.error)}`, stack };
};

/** A result as it can cross threads, also when a scenario in JavaScript handed over other things than text. */
const plainResult = (result: ScenarioResult, failure: FailureReport | null): ScenarioResult => ({
  ...result,
  status: failure === null ? 'passed' : 'failed',
  failure: failure === null ? null : { ...failure, message: plainText(failure.message) },
  notes: result.notes.map(plainText),
});

const execute = async ({ scenario, matrixCase, seed, log, trace, strays, ramPool }: Case): Promise<ScenarioResult> => {
  const subscriber = trace === undefined ? {} : { subscriber: trace.add };
  const options = { case: matrixCase, seed, hostTurn, log, ramPool, ...subscriber };
  await Promise.resolve(); // hostTurn may be called from promise callbacks only
  const result = await runScenario(scenario, options);
  await fullHostTurn();
  return plainResult(result, result.failure ?? strayFailure(strays));
};

/** Runs a case, and finds the author's line behind its failure. */
export const runCase = async (given: Case): Promise<FinishedAnswer> => {
  given.strays.take();
  const start = performance.now();
  try {
    const result = await execute(given);
    return {
      type: 'finished',
      result,
      place: authoredPlace(result.failure?.stack) ?? null,
      log: result.failure === null ? [] : given.log.lastMessages,
      wallMilliseconds: performance.now() - start,
    };
  } finally {
    given.trace?.close();
  }
};
