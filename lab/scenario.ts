import { LabError } from '../base/errors';
import type { MachineOptions } from './machine-options';
import type { Matrix } from './matrix/axes';
import { matrixValues } from './matrix/check-matrix';
import { checkExpectation, type ReportExpectation } from './sanitizer/expectation';
import type { ScenarioContext } from './scenario-context';

/** What a scenario module default-exports: a machine, and what happens on it. */
export interface ScenarioSpec {
  /** Its name in lists and reports: lower case, words joined by hyphens. */
  readonly name: string;
  /** One line for `dmalab list`. */
  readonly description?: string;
  /** The machine to build for it. Default: the default board. */
  readonly machine?: MachineOptions;
  /**
   * On which other machines the scenario holds: axes, and which of their values, or `'all'`. Each combination is a case
   * that `dmalab run --matrix` runs. On an axis that is not here the scenario's own machine stays as it is.
   */
  readonly matrix?: Matrix;
  /** Which reports of the sanitizer are expected, or not of interest. Default: any error that it reports is a failure. */
  readonly reports?: ReportExpectation;
  /**
   * The scenario itself, run as a kernel task once the machine has booted. It passes if it returns and fails if it
   * throws; everything it awaits must be a kernel primitive.
   */
  readonly run: (lab: ScenarioContext) => Promise<void> | void;
}

const brand: unique symbol = Symbol.for('dmalab.scenario');

/** A scenario as `scenario()` made it. */
export interface Scenario extends ScenarioSpec {
  readonly [brand]: true;
}

const NAME = /^[a-z0-9]+(?:[-./][a-z0-9]+)*$/;

/** Checks a part of a declaration; a `LabError` says which scenario it is about. */
const checkPart = (name: string, what: string, check: () => void): void => {
  try {
    check();
  } catch (error) {
    throw error instanceof LabError ? new LabError(`scenario '${name}': ${error.message}`, { what }) : error;
  }
};

/** Declares a scenario. A wrong declaration is a `LabError` at once. */
export const scenario = (spec: ScenarioSpec): Scenario => {
  // The declaration comes from a file that may not have been type-checked.
  const { name, run } = spec as { name: unknown; run: unknown };
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new LabError(
      `a scenario needs a name of lower-case words joined by hyphens, like 'sg-copy'; this one has ${JSON.stringify(name)}`,
    );
  }
  if (typeof run !== 'function') throw new LabError(`scenario '${name}' has no run function`);
  const { matrix, reports } = spec;
  if (matrix !== undefined) checkPart(name, 'matrix', () => void matrixValues(matrix));
  if (reports !== undefined) checkPart(name, 'reports', () => checkExpectation(reports));
  return { ...spec, [brand]: true };
};

/** Whether a value (the default export of some module) is a scenario. */
export const isScenario = (value: unknown): value is Scenario =>
  typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true;
