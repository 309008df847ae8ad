import fs from 'node:fs';
import path from 'node:path';
import type { MatrixCase } from '../lab/matrix/axes';
import { matrixValues } from '../lab/matrix/check-matrix';
import { expandMatrix } from '../lab/matrix/expand';
import { RamPool } from '../lab/ram-pool';
import { runScenario } from '../lab/run-scenario';
import { isScenario, type Scenario } from '../lab/scenario';
import dmatest from '../scenarios/dmatest';
import sgCopyDirect from '../scenarios/sg-copy-direct';
import { hostTurn } from './host';
import { compare, figure, wallTime, type Figure } from './measure';

const MUSEUM = path.join(__dirname, '..', 'scenarios', 'bugs');
/** Of each exhibit's driver without the bug. */
const CASES_OF_EACH = 4;
const NOT_COHERENT: MatrixCase = { translation: 'strict', coherency: 'off', cache: 'plain' };

interface Run {
  readonly scenario: Scenario;
  readonly where: MatrixCase;
}

/** Nanoseconds for some runs, one after another in one process. */
const sampleOf = (runs: readonly Run[], sanitizer: boolean) => {
  const ramPool = new RamPool();
  return async (): Promise<number> => {
    const start = wallTime();
    for (const { scenario, where } of runs) {
      const { failure } = await runScenario(scenario, { seed: 1, hostTurn, ramPool, case: where, sanitizer });
      if (failure !== null) throw new Error(`${scenario.name}: ${failure.message}`);
    }
    return wallTime() - start;
  };
};

const watched = async (name: string, scenario: Scenario, where: MatrixCase): Promise<Figure> => {
  const runs = [{ scenario, where }];
  const { value, baseline } = await compare(sampleOf(runs, true), sampleOf(runs, false), 9);
  return figure(name, 'ms', value / 1e6, baseline / 1e6, 'the same without the sanitizer');
};

const exhibits = (): Scenario[] =>
  fs
    .readdirSync(MUSEUM)
    .filter((file) => /^\d.*\.[jt]s$/.test(file) && !file.endsWith('.d.ts'))
    .map((file) => {
      // eslint-disable-next-line @typescript-eslint/no-require-imports -- the folder is not known before
      const { default: scenario } = require(path.join(MUSEUM, file)) as { default: unknown };
      if (!isScenario(scenario)) throw new Error(`${file} exports no scenario`);
      return scenario;
    });

/** Cases from all over the matrix. */
const museumRuns = (): Run[] =>
  exhibits().flatMap((scenario) => {
    const { matrix = {}, machine = {} } = scenario;
    const { cases } = expandMatrix(matrixValues(matrix), { driver: ['fixed'] }, machine);
    const step = Math.max(1, Math.floor(cases.length / CASES_OF_EACH));
    return cases.filter((_, index) => index % step === 0).map((where) => ({ scenario, where }));
  });

/** What the sanitizer costs: scenarios that copy much, with and without it, and the museum's cases per second. */
export const sanitizer = async (): Promise<Figure[]> => {
  const runs = museumRuns();
  const museum = await compare(sampleOf(runs, true), sampleOf(runs, false), 5);
  const perSecond = (nanoseconds: number): number => (runs.length * 1e9) / nanoseconds;
  return [
    await watched('watched-dmatest', dmatest, {}),
    await watched('watched-dmatest-cached', dmatest, NOT_COHERENT),
    await watched('watched-sg-copy', sgCopyDirect, {}),
    figure('museum', 'cases/s', perSecond(museum.value), perSecond(museum.baseline), 'the same without the sanitizer'),
  ];
};
