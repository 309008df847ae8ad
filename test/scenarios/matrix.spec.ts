import { expect } from 'chai';

import { Prng } from '../../base/prng';
import { AXIS_NAMES, valuesOf, type MatrixCase } from '../../lab/matrix/axes';
import { caseName, caseWords } from '../../lab/matrix/case-name';
import { matrixValues } from '../../lab/matrix/check-matrix';
import { expandMatrix } from '../../lab/matrix/expand';
import { runScenario } from '../../lab/run-scenario';
import { hostTurn, ramPool } from '../support/on-machine';
import { shippedScenarios } from './shipped';

/** Of each scenario; `npm run matrix` runs them all. */
const MOST_CASES = 12;

const pairs = (words: readonly string[]): string[] =>
  words.flatMap((one, index) => words.slice(index).map((other) => `${one} ${other}`));

/** Some of the cases: each brings two values together that were not yet. */
const thinned = (cases: readonly MatrixCase[], rng: Prng): MatrixCase[] => {
  const shuffled = cases
    .map((each) => ({ each, key: rng.nextU32() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ each }) => each);
  const seen = new Set<string>();
  return shuffled
    .filter((each) => {
      const fresh = pairs(caseWords(each)).filter((pair) => !seen.has(pair));
      for (const pair of fresh) seen.add(pair);
      return fresh.length > 0;
    })
    .slice(0, MOST_CASES);
};

describe('shipped scenarios on other machines', () => {
  const ran = new Set<string>();

  for (const [name, scenario] of shippedScenarios()) {
    it(`${name} passes wherever it says that it holds`, async () => {
      expect(scenario.matrix, 'a matrix').not.to.equal(undefined);
      const { cases } = expandMatrix(matrixValues(scenario.matrix!), {}, scenario.machine ?? {});
      for (const each of thinned(cases, new Prng(7).fork(name))) {
        const { failure } = await runScenario(scenario, { seed: 1, hostTurn, ramPool, case: each });
        expect(failure?.message, caseName(name, each)).to.equal(undefined);
        for (const word of caseWords(each)) ran.add(word);
      }
    });
  }

  it('have been on every kind of machine', () => {
    // Which driver runs is a matter of exhibits, not of machines.
    const axes = AXIS_NAMES.filter((axis) => axis !== 'driver');
    const all = axes.flatMap((axis) => valuesOf(axis).map((value) => `${axis}=${value}`));
    expect(all.filter((word) => !ran.has(word))).to.deep.equal([]);
  });
});
