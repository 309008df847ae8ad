import {
  runScenario,
  type FailureReport,
  type MatrixCase,
  type RamPool,
  type RunOptions,
  type Scenario,
  type ScenarioResult,
  type SiteProbe,
} from '../../index';
import type { QueueDump } from '../../lab/descriptor-watches';
import type { DumpMoment } from '../../lab/dump-moment';
import type { RedirectedOutput, StrayErrors } from './containment';
import { fullHostTurn, hostTurn } from './host-turn';
import type { KernelLog } from './kernel-log';
import { describeThrown } from './load-problem';
import { plainText } from './plain-value';
import type { FinishedAnswer } from './protocol';
import type { Place } from '../problem';
import { formatSite, parseSite } from '../site';
import { authoredPlace, authoredPlaces } from '../source-position';
import type { TraceWriter } from './trace-writer';

/** One run of one scenario. */
export interface Case {
  readonly scenario: Scenario;
  readonly matrixCase: MatrixCase;
  readonly seed: number;
  /** Whether the DMA sanitizer watches. */
  readonly sanitize: boolean;
  readonly log: KernelLog;
  readonly trace: TraceWriter | undefined;
  /** When to look at its queues. */
  readonly dumpAt: DumpMoment | undefined;
  readonly strays: StrayErrors;
  readonly output: RedirectedOutput;
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

/** The lines of the author's that are at work. */
const site: SiteProbe = () => {
  const here = new Error();
  return () => authoredPlaces(here.stack).map(formatSite);
};

/** A run, of which the sanitizer may want to see everything a second time. Only the first time may be noticed. */
class Attempt {
  /** What the scenario did behind the back of its promise. */
  stray: FailureReport | null = null;
  /** What was in the scenario's queues. */
  dump: readonly QueueDump[] | null = null;
  private readonly given: Case;
  private reran = false;

  constructor(given: Case) {
    this.given = given;
  }

  get options(): RunOptions {
    const { matrixCase, seed, sanitize, log, trace, ramPool, dumpAt } = this.given;
    return {
      case: matrixCase,
      seed,
      hostTurn,
      log,
      ramPool,
      ...(trace === undefined ? {} : { subscriber: trace.add }),
      ...(dumpAt === undefined ? {} : { dump: { at: dumpAt, take: (queues) => void (this.dump = queues) } }),
      ...(sanitize ? { sanitizer: { site }, onRerun: () => this.rerun() } : {}),
    };
  }

  /** The last run is over. */
  async end(): Promise<void> {
    await fullHostTurn();
    const stray = strayFailure(this.given.strays);
    if (!this.reran) this.stray = stray;
    this.given.output.muted = false;
  }

  private async rerun(): Promise<void> {
    await this.end();
    this.reran = true;
    this.given.output.muted = true;
  }
}

const execute = async (given: Case, attempt: Attempt): Promise<ScenarioResult> => {
  await Promise.resolve(); // hostTurn may be called from promise callbacks only
  const result = await runScenario(given.scenario, attempt.options);
  await attempt.end();
  return plainResult(result, result.failure ?? attempt.stray);
};

const placeOf = (failure: FailureReport | null): Place | undefined =>
  failure?.site === undefined ? authoredPlace(failure?.stack) : parseSite(failure.site);

/** Runs a case, and finds the author's line behind its failure. */
export const runCase = async (given: Case): Promise<FinishedAnswer> => {
  given.strays.take();
  const start = performance.now();
  const attempt = new Attempt(given);
  try {
    const result = await execute(given, attempt);
    return {
      type: 'finished',
      result,
      place: placeOf(result.failure) ?? null,
      log: result.failure === null ? [] : given.log.lastMessages,
      dump: attempt.dump,
      wallMilliseconds: performance.now() - start,
    };
  } finally {
    given.output.muted = false;
    given.trace?.close();
  }
};
