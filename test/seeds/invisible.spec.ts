import { expect } from 'chai';

import { rememberCallSites } from '../../base/call-site';
import { Prng } from '../../base/prng';
import { Machine } from '../../lab/machine';
import type { MatrixCase } from '../../lab/matrix/axes';
import { caseName } from '../../lab/matrix/case-name';
import { matrixValues } from '../../lab/matrix/check-matrix';
import { expandMatrix } from '../../lab/matrix/expand';
import { overlayMachine } from '../../lab/matrix/overlay';
import { runScenario } from '../../lab/run-scenario';
import type { Scenario } from '../../lab/scenario';
import { ScenarioContext } from '../../lab/scenario-context';
import type { ScenarioResult } from '../../lab/scenario-result';
import { exhibits } from '../scenarios/exhibits';
import { shippedScenarios } from '../scenarios/shipped';
import { hashOfRam } from '../support/hash-of-ram';
import { hostTurn, ramPool } from '../support/on-machine';
import { shuffled } from './lib/sweep';
import { THOROUGH } from './lib/thorough';

/** The sanitizer never changes what the machine does, and tells the same lines whether it remembers them or runs again. */

/** Of each scenario. */
const CASES = THOROUGH ? 4 : 1;

/** What a machine was like at the end of a scenario. */
interface Ending {
  readonly time: number;
  readonly ram: number;
}

/** The same scenario, which notes what its machine is like when it ends. */
const noting = (scenario: Scenario, endings: Ending[]): Scenario => ({
  ...scenario,
  run: async (lab) => {
    try {
      await scenario.run(lab);
    } finally {
      endings.push({ time: lab.machine.clock.now, ram: hashOfRam(lab.machine) });
    }
  },
});

/** Nobody watches, and nobody listens either. @returns whether the machine has a cache */
const runAlone = async (scenario: Scenario, where: MatrixCase, seed: number): Promise<boolean> => {
  const machine = new Machine(overlayMachine(scenario.machine ?? {}, where), { seed, hostTurn, ramPool });
  machine.boot();
  expect(machine.trace.active).to.equal(false);
  const context = new ScenarioContext(machine, new Prng(seed).fork('scenario'), where);
  await machine.run(() => scenario.run(context));
  machine.release();
  return machine.hardware.memory !== undefined;
};

/** All that a run tells of what the machine did. */
const measuresOf = ({ failure: _failure, reports: _reports, status: _status, ...measures }: ScenarioResult): object =>
  measures;

/** Runs a case alone, traced, watched, and watched without remembering lines, which is twice if there is something to report. */
const compare = async (scenario: Scenario, where: MatrixCase, seed: number): Promise<number> => {
  const endings: Ending[] = [];
  const noted = noting(scenario, endings);
  const options = { seed, hostTurn, ramPool, case: where };
  const isCached = await runAlone(noted, where, seed);
  // To tell of a mapping the kernel looks things up in memory, and its cache then has lines that it would not have had.
  if (isCached) endings.length = 0;
  const plain = await runScenario(noted, options);
  const watched = await runScenario(noted, { ...options, sanitizer: true });
  const again = await runScenario(noted, { ...options, sanitizer: { site: rememberCallSites, remember: 0 } });
  const what = `${caseName(scenario.name, where)}, seed ${seed}`;
  expect(measuresOf(watched), what).to.deep.equal(measuresOf(plain));
  expect(measuresOf(again), what).to.deep.equal(measuresOf(plain));
  expect(again.reports, what).to.deep.equal(watched.reports);
  expect(endings.length, what).to.be.within(isCached ? 3 : 4, isCached ? 5 : 6);
  for (const ending of endings) expect(ending, what).to.deep.equal(endings[0]);
  return watched.reports.length;
};

const casesOf = ({ name, matrix = {}, machine = {} }: Scenario, driver?: 'buggy' | 'fixed'): readonly MatrixCase[] => {
  const selected = driver === undefined ? {} : { driver: [driver] };
  const { cases } = expandMatrix(matrixValues(matrix), selected, machine);
  return shuffled(cases, new Prng(2).fork(name)).slice(0, CASES);
};

const compareAll = async (scenario: Scenario, cases: readonly MatrixCase[]): Promise<number> => {
  const rng = new Prng(3).fork(scenario.name);
  let reports = 0;
  for (const where of cases) reports += await compare(scenario, where, rng.nextU32());
  return reports;
};

describe('with and without the sanitizer the same seed gives the same events, bytes and times', () => {
  for (const [name, scenario] of shippedScenarios()) {
    it(name, async function () {
      this.timeout(600_000);
      await compareAll(scenario, casesOf(scenario));
    });
  }

  for (const exhibit of exhibits().values()) {
    it(exhibit.name, async function () {
      this.timeout(600_000);
      await compareAll(exhibit, casesOf(exhibit, 'buggy'));
      if (THOROUGH) expect(await compareAll(exhibit, casesOf(exhibit, 'fixed')), 'reports').to.equal(0);
    });
  }
});
