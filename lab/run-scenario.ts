import { LabError } from '../base/errors';
import type { Logger } from '../base/logger';
import { silentLogger } from '../base/logger';
import { Prng } from '../base/prng';
import { TraceHasher, type TraceSubscriber } from '../base/trace';
import { KernelOops } from '../kernel-api/oops';
import { ScenarioFailure } from './failure';
import { Machine } from './machine';
import type { MatrixCase } from './matrix/axes';
import { overlayMachine } from './matrix/overlay';
import type { RamPool } from './ram-pool';
import type { Scenario } from './scenario';
import { ScenarioContext } from './scenario-context';
import type { FailureReport, ScenarioResult } from './scenario-result';
import { TraceCounter } from './trace-counter';

/** How to run a scenario. */
export interface RunOptions {
  /** Everything that is left to chance follows from this. */
  readonly seed: number;
  /** Where in the matrix. Default: on the scenario's own machine. */
  readonly case?: MatrixCase;
  /** Lets the host run pending promise callbacks once; the core knows no host. */
  readonly hostTurn: () => Promise<void>;
  readonly log?: Logger;
  /** Receives every event of the trace. */
  readonly subscriber?: TraceSubscriber;
  /** Where the machine's RAM comes from, and goes when the run is over. Default: each machine has new RAM. */
  readonly ramPool?: RamPool;
}

/**
 * Builds the scenario's machine, boots it, runs the scenario on it, and tells what became of it. Never throws: whatever
 * goes wrong is the result.
 */
export const runScenario = async (scenario: Scenario, options: RunOptions): Promise<ScenarioResult> => {
  const run = new Run();
  let failure: FailureReport | null = null;
  try {
    await run.execute(scenario, options);
  } catch (error) {
    failure = describeFailure(error);
  }
  const result = run.result(scenario, options, failure);
  run.machine?.release();
  return result;
};

/** One run, as far as it got. */
class Run {
  machine: Machine | undefined;
  private context: ScenarioContext | undefined;
  private readonly hasher = new TraceHasher();
  private readonly counter = new TraceCounter();

  async execute(scenario: Scenario, options: RunOptions): Promise<void> {
    const { seed, hostTurn, log = silentLogger, subscriber, ramPool, case: matrixCase = {} } = options;
    const host = { seed, hostTurn, log, ...(ramPool === undefined ? {} : { ramPool }) };
    const machine = new Machine(overlayMachine(scenario.machine ?? {}, matrixCase), host);
    this.machine = machine;
    machine.trace.subscribe(this.hasher.add);
    machine.trace.subscribe(this.counter.add);
    if (subscriber !== undefined) machine.trace.subscribe(subscriber);
    machine.boot();
    this.context = new ScenarioContext(machine, new Prng(seed).fork('scenario'), matrixCase);
    await runOn(machine, scenario, this.context);
  }

  result(
    { name }: Scenario,
    { seed, case: matrixCase = {} }: RunOptions,
    failure: FailureReport | null,
  ): ScenarioResult {
    const { hasher, counter } = this;
    return {
      name,
      case: matrixCase,
      seed,
      status: failure === null ? 'passed' : 'failed',
      failure,
      simulatedTime: this.machine?.clock.now ?? 0,
      events: hasher.count,
      traceHash: hasher.digest(),
      warnings: counter.warnings,
      faults: counter.faults,
      bytesRead: counter.bytesRead,
      bytesWritten: counter.bytesWritten,
      interrupts: counter.interrupts,
      notes: this.context?.notes ?? [],
    };
  }
}

const runOn = async (machine: Machine, scenario: Scenario, context: ScenarioContext): Promise<void> => {
  await machine.run(() => scenario.run(context));
  const leftover = machine.kernel.sched.tasks.map((task) => task.name);
  if (leftover.length > 0) {
    throw new ScenarioFailure(`the scenario returned while tasks still exist: ${leftover.join(', ')}; stop them first`);
  }
};

const kindOf = (error: unknown): FailureReport['kind'] => {
  if (error instanceof ScenarioFailure) return 'check';
  if (error instanceof KernelOops) return 'oops';
  return error instanceof LabError ? 'lab' : 'exception';
};

/** Anything can be thrown, an object that cannot be turned into text included. */
const describeThrown = (thrown: unknown): string => {
  if (typeof thrown !== 'object' || thrown === null) return `threw ${String(thrown)}`;
  return 'threw an object that is no Error';
};

const describeFailure = (error: unknown): FailureReport => {
  if (!(error instanceof Error)) return { kind: 'exception', message: describeThrown(error), stack: undefined };
  const kind = kindOf(error);
  return {
    kind,
    message: kind === 'exception' ? `${error.name}: ${error.message}` : error.message,
    stack: error.stack,
  };
};
