import { rememberCallSites } from '../base/call-site';
import { LabError } from '../base/errors';
import type { Logger } from '../base/logger';
import { silentLogger } from '../base/logger';
import { Prng } from '../base/prng';
import { TraceHasher, type TraceSubscriber } from '../base/trace';
import { KernelOops } from '../kernel-api/oops';
import type { QueueDump } from './descriptor-watches';
import { atMoment, atReport, type DumpMoment } from './dump-moment';
import { ScenarioFailure } from './failure';
import { Machine } from './machine';
import type { MatrixCase } from './matrix/axes';
import { overlayMachine } from './matrix/overlay';
import type { RamPool } from './ram-pool';
import type { Scenario } from './scenario';
import { Sanitizer, type SanitizerOptions } from './sanitizer/sanitizer';
import { judgeReports, type ReportExpectation } from './sanitizer/expectation';
import type { JudgedReport, SanitizerReport } from './sanitizer/report';
import { ScenarioContext } from './scenario-context';
import type { FailureReport, ScenarioResult } from './scenario-result';
import { TraceCounter } from './trace-counter';

/** How to watch a run. Which moments a second run tells of follows from the first. */
export type WatchOptions = Omit<SanitizerOptions, 'wanted'>;

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
  /**
   * Watches the run with the DMA sanitizer. Where it finds something late in a long run, the case is run a second time, in
   * silence, to learn the driver's lines. `true` lets the core find them, which knows lines of what is executed. Default: not watched.
   */
  readonly sanitizer?: boolean | WatchOptions;
  /** Looks at the queues of the scenario's machine, once. The run does not notice. At a report: only if the sanitizer watches. */
  readonly dump?: { readonly at: DumpMoment; readonly take: (queues: readonly QueueDump[]) => void };
  /** Called between the two runs: what the scenario does from now on, it has done before. */
  readonly onRerun?: () => Promise<void> | void;
}

/**
 * Builds the scenario's machine, boots it, runs the scenario on it, and tells what became of it. Never throws: whatever
 * goes wrong is the result.
 */
export const runScenario = async (scenario: Scenario, options: RunOptions): Promise<ScenarioResult> => {
  const watching = watchingOf(options);
  const first = await execute(scenario, options, watching === null ? undefined : new Sanitizer(watching));
  if (first.sanitizer === undefined) return first.result(scenario, options, []);
  const reports = await locate(scenario, options, first, watching!);
  return first.result(scenario, options, reports);
};

const watchingOf = ({ sanitizer = false }: RunOptions): WatchOptions | null => {
  if (sanitizer === false) return null;
  return sanitizer === true ? { site: rememberCallSites } : sanitizer;
};

const execute = async (scenario: Scenario, options: RunOptions, sanitizer?: Sanitizer): Promise<Run> => {
  const run = new Run(sanitizer);
  try {
    await run.execute(scenario, options);
  } catch (error) {
    run.failure = describeFailure(error);
  }
  run.machine?.release();
  return run;
};

/** The reports of a run, with lines; those that it did not remember a second run of the same tells. */
const locate = async (
  scenario: Scenario,
  options: RunOptions,
  first: Run,
  { site }: WatchOptions,
): Promise<readonly SanitizerReport[]> => {
  const wanted = first.sanitizer!.ticksOfInterest;
  if (wanted.length === 0) return first.sanitizer!.reports;
  await options.onRerun?.();
  const { seed, hostTurn, ramPool, case: matrixCase } = options;
  const silent = {
    seed,
    hostTurn,
    ...(ramPool === undefined ? {} : { ramPool }),
    ...(matrixCase === undefined ? {} : { case: matrixCase }),
  };
  const second = await execute(scenario, silent, new Sanitizer({ site, wanted }));
  // A scenario that keeps state between runs, against the rules, does something else: its lines would be those of another.
  return second.digest === first.digest ? second.sanitizer!.reports : first.sanitizer!.reports;
};

/** One run, as far as it got. */
class Run {
  machine: Machine | undefined;
  failure: FailureReport | null = null;
  readonly sanitizer: Sanitizer | undefined;
  private context: ScenarioContext | undefined;
  private readonly hasher = new TraceHasher();
  private readonly counter = new TraceCounter();

  constructor(sanitizer: Sanitizer | undefined) {
    this.sanitizer = sanitizer;
  }

  async execute(scenario: Scenario, options: RunOptions): Promise<void> {
    const { seed, hostTurn, log = silentLogger, subscriber, ramPool, case: matrixCase = {} } = options;
    const { sanitizer } = this;
    const host = {
      seed,
      hostTurn,
      log,
      ...(ramPool === undefined ? {} : { ramPool }),
      ...(sanitizer === undefined ? {} : { watch: sanitizer }),
    };
    const machine = new Machine(overlayMachine(scenario.machine ?? {}, matrixCase), host);
    this.machine = machine;
    machine.trace.subscribe(this.hasher.add, this.hasher.addCacheLine);
    machine.trace.subscribe(this.counter.add, this.counter.ignoreCacheLine);
    if (subscriber !== undefined) machine.trace.subscribe(subscriber);
    sanitizer?.attach(machine);
    machine.boot();
    this.context = new ScenarioContext(machine, new Prng(seed).fork('scenario'), matrixCase);
    const { context } = this;
    const { dump } = options;
    if (dump === undefined) return runOn(machine, scenario, context);
    const look = (): void => dump.take(context.descriptors.dumpAll());
    const { at } = dump;
    if (at.kind === 'report') sanitizer?.onReport(atReport(at.id, look));
    else if (at.kind !== 'end') machine.trace.subscribe(atMoment(at, look));
    try {
      await machine.run(() => scenario.run(context));
    } finally {
      if (dump.at.kind === 'end') look();
    }
  }

  /** A hash over all that happened. */
  get digest(): string {
    return this.hasher.digest();
  }

  result(
    { name, reports: expectation = {} }: Scenario,
    { seed, case: matrixCase = {} }: RunOptions,
    found: readonly SanitizerReport[],
  ): ScenarioResult {
    const { hasher, counter } = this;
    const judgement = this.judge(found, expectation, matrixCase);
    const failure = this.failure ?? judgement.failure;
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
      reports: judgement.reports,
    };
  }

  private judge(
    found: readonly SanitizerReport[],
    expectation: ReportExpectation,
    at: MatrixCase,
  ): { reports: readonly JudgedReport[]; failure: FailureReport | null } {
    if (this.sanitizer === undefined) return { reports: [], failure: null };
    try {
      const { reports, failure, cause } = judgeReports(found, expectation, at);
      return { reports, failure: failure === null ? null : reportFailure(failure, cause) };
    } catch (error) {
      const reports = found.map((report) => ({ ...report, expected: false, allowed: false }));
      return { reports, failure: describeFailure(error) };
    }
  }
}

const reportFailure = (message: string, cause: SanitizerReport | null): FailureReport => {
  const site = cause?.places[cause.at]?.site ?? null;
  return { kind: 'report', message, stack: undefined, ...(site === null ? {} : { site }) };
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
