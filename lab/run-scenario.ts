import { LabError } from '../base/errors';
import type { Logger } from '../base/logger';
import { silentLogger } from '../base/logger';
import { Prng } from '../base/prng';
import { TraceHasher, type TraceSubscriber } from '../base/trace';
import { KernelOops } from '../kernel-api/oops';
import { ScenarioFailure } from './failure';
import { Machine } from './machine';
import type { Scenario } from './scenario';
import { ScenarioContext } from './scenario-context';
import type { FailureReport, ScenarioResult } from './scenario-result';
import { TraceCounter } from './trace-counter';

/** How to run a scenario. */
export interface RunOptions {
  /** Everything that is left to chance follows from this. */
  readonly seed: number;
  /** Lets the host run pending promise callbacks once; the core knows no host. */
  readonly hostTurn: () => Promise<void>;
  readonly log?: Logger;
  /** Receives every event of the trace. */
  readonly subscriber?: TraceSubscriber;
}

/**
 * Builds the scenario's machine, boots it, runs the scenario on it, and tells what became of it. Never throws: whatever
 * goes wrong is the result.
 */
export const runScenario = async (scenario: Scenario, options: RunOptions): Promise<ScenarioResult> => {
  const hasher = new TraceHasher();
  const counter = new TraceCounter();
  let machine: Machine | undefined;
  let context: ScenarioContext | undefined;
  let failure: FailureReport | null = null;
  try {
    machine = new Machine(scenario.machine ?? {}, {
      seed: options.seed,
      hostTurn: options.hostTurn,
      log: options.log ?? silentLogger,
    });
    machine.trace.subscribe(hasher.add);
    machine.trace.subscribe(counter.add);
    if (options.subscriber !== undefined) machine.trace.subscribe(options.subscriber);
    machine.boot();
    context = new ScenarioContext(machine, new Prng(options.seed).fork('scenario'));
    await runOn(machine, scenario, context);
  } catch (error) {
    failure = describeFailure(error);
  }
  return {
    name: scenario.name,
    seed: options.seed,
    status: failure === null ? 'passed' : 'failed',
    failure,
    simulatedTime: machine?.clock.now ?? 0,
    events: hasher.count,
    traceHash: hasher.digest(),
    warnings: counter.warnings,
    faults: counter.faults,
    bytesRead: counter.bytesRead,
    bytesWritten: counter.bytesWritten,
    interrupts: counter.interrupts,
    notes: context?.notes ?? [],
  };
};

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
