import { expect } from 'chai';
import { Prng } from '../../../base/prng';
import type { MatrixCase, MatrixValues } from '../../../lab/matrix/axes';
import { caseName } from '../../../lab/matrix/case-name';
import { matrixValues } from '../../../lab/matrix/check-matrix';
import { expandMatrix } from '../../../lab/matrix/expand';
import { runScenario } from '../../../lab/run-scenario';
import type { Scenario } from '../../../lab/scenario';
import type { ScenarioResult } from '../../../lab/scenario-result';
import { hostTurn, ramPool } from '../../support/on-machine';

/** Everything that a run is not meant to end with: its failure, and reports, warnings too, that the scenario does not declare. */
export const complaintsOf = ({ failure, reports }: ScenarioResult): string[] => [
  ...(failure === null ? [] : [failure.message]),
  ...reports.filter(({ allowed }) => !allowed).map(({ id, message }) => `${id}: ${message}`),
];

/** The machines that a scenario holds on whose caches misbehave. */
const adversarialCases = ({ matrix = {}, machine = {} }: Scenario, selected: MatrixValues): readonly MatrixCase[] =>
  expandMatrix(matrixValues(matrix), { cache: ['adversarial'], ...selected }, machine).cases;

/** In an order that seeds decide, so that a few of them are not always the same kind of machine. */
export const shuffled = <T>(items: readonly T[], rng: Prng): T[] =>
  items
    .map((item) => ({ item, key: rng.nextU32() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item);

/**
 * Runs a scenario once with each of many seeds, spread over the machines that it holds on whose caches misbehave, and expects
 * nothing of the sanitizer but what the scenario declares.
 * @param seeds how many, by the number of those machines
 */
export const sweepSeeds = async (
  scenario: Scenario,
  seeds: (machines: number) => number,
  selected: MatrixValues = {},
): Promise<void> => {
  const rng = new Prng(1).fork(scenario.name);
  const cases = shuffled(adversarialCases(scenario, selected), rng);
  expect(cases, 'machines').not.to.deep.equal([]);
  const runs = seeds(cases.length);
  for (let run = 0; run < runs; run++) {
    const seed = rng.nextU32();
    const where = cases[run % cases.length]!;
    const result = await runScenario(scenario, { seed, hostTurn, ramPool, case: where, sanitizer: true });
    expect(complaintsOf(result), `${caseName(scenario.name, where)}, seed ${seed}`).to.deep.equal([]);
  }
};
