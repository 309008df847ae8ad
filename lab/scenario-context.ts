import type { Logger } from '../base/logger';
import type { Prng } from '../base/prng';
import type { Kernel } from '../kernel-api/kernel';
import { errnoName } from '../base/errno';
import { DescriptorWatches } from './descriptor-watches';
import { ScenarioFailure } from './failure';
import type { Machine } from './machine';
import type { MatrixCase } from './matrix/axes';

const troubleWith = (result: unknown): string | undefined => {
  if (result === null) return 'NULL';
  if (result === undefined) return 'nothing';
  if (result instanceof Promise) return 'a promise: is an `await` missing?';
  if (typeof result !== 'number' || result >= 0) return undefined;
  return Number.isNaN(result) ? 'NaN' : errnoName(result);
};

/** What a scenario is handed: the machine, its booted kernel, and words for what must hold. */
export class ScenarioContext {
  readonly machine: Machine;
  readonly kernel: Kernel;
  readonly log: Logger;
  /** A random stream of the scenario's own, from the run's seed. */
  readonly rng: Prng;
  /**
   * Where in the matrix this run is: the value of each axis, undefined on those where the scenario's own machine decides.
   * For what a scenario has to expect differently: `lab.case.translation === 'direct'`.
   */
  readonly case: MatrixCase;
  /** The queues of descriptors that the scenario has named, for `dmalab dump`. */
  readonly descriptors: DescriptorWatches;
  /** Lines that the report shows below the scenario's result. */
  readonly notes: string[] = [];

  constructor(machine: Machine, rng: Prng, matrixCase: MatrixCase = {}) {
    this.machine = machine;
    this.kernel = machine.kernel;
    this.log = machine.log;
    this.descriptors = new DescriptorWatches(machine.hardware);
    this.rng = rng;
    this.case = matrixCase;
  }

  /** Adds a line to the report, and to the trace. */
  note(text: string): void {
    this.notes.push(text);
    const { trace } = this.machine;
    if (trace.active) trace.emit({ type: 'note', text });
  }

  /** Fails the scenario with a sentence. */
  fail(message: string): never {
    throw new ScenarioFailure(message);
  }

  /** Fails the scenario unless the condition holds. */
  check(condition: boolean, message: string): void {
    if (!condition) throw new ScenarioFailure(message);
  }

  /** Fails the scenario unless both are the same (`===`). */
  equal<T extends string | number | bigint | boolean | null | undefined>(actual: T, expected: T, what: string): void {
    if (actual !== expected)
      throw new ScenarioFailure(`${what}: expected ${String(expected)}, found ${String(actual)}`);
  }

  /**
   * Fails the scenario if a kernel function returned an error number, NULL, or (an `await` is missing) a promise; returns
   * its result otherwise.
   */
  ok<T>(result: T | number | null, what: string): T {
    const trouble = troubleWith(result);
    if (trouble !== undefined) throw new ScenarioFailure(`${what} returned ${trouble}`);
    return result as T;
  }
}
