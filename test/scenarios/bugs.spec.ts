import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import type { MatrixCase } from '../../lab/matrix/axes';
import { caseName } from '../../lab/matrix/case-name';
import { matrixValues } from '../../lab/matrix/check-matrix';
import { expandMatrix } from '../../lab/matrix/expand';
import { RamPool } from '../../lab/ram-pool';
import { runScenario } from '../../lab/run-scenario';
import type { ScenarioResult } from '../../lab/scenario-result';
import type { DriverChoice, Exhibit, Place } from '../../scenarios/bugs/lib/exhibit';
import { HARM } from '../../scenarios/bugs/lib/verdict';
import { hostTurn } from '../support/on-machine';
import { exhibits } from './exhibits';

const isIn = (place: Place, where: MatrixCase): boolean =>
  Object.entries(place).every(([axis, values]) =>
    (values as readonly string[]).includes(where[axis as keyof MatrixCase]!),
  );

/** Whether an exhibit says that its bug shows here. */
const claims = ({ exhibit }: Exhibit, where: MatrixCase): boolean =>
  exhibit.shows === 'everywhere' || exhibit.shows.some((place) => isIn(place, where));

const didHarm = ({ notes }: ScenarioResult): boolean => notes.some((note) => note.startsWith(HARM));

describe('the bug museum', () => {
  const ramPool = new RamPool();

  const run = async (
    exhibit: Exhibit,
    driver: DriverChoice,
    where: MatrixCase,
    seed: number,
  ): Promise<ScenarioResult> => {
    const result = await runScenario(exhibit, { seed, hostTurn, ramPool, case: { ...where, driver } as MatrixCase });
    expect(result.failure?.message, `${driver} ${caseName(exhibit.name, where)}`).to.equal(undefined);
    return result;
  };

  for (const [file, exhibit] of exhibits()) {
    const { cases } = expandMatrix(matrixValues(exhibit.matrix!), {}, exhibit.machine ?? {});

    it(`${exhibit.name}: the fixed driver holds everywhere`, async () => {
      for (const [index, where] of cases.entries()) {
        const { warnings, faults } = await run(exhibit, 'fixed', where, 1 + index);
        expect({ warnings, faults }, caseName(exhibit.name, where)).to.deep.equal({ warnings: 0, faults: 0 });
      }
    });

    it(`${exhibit.name}: the buggy driver does harm, and only where the exhibit says so; it survives everywhere`, async () => {
      const harmed: MatrixCase[] = [];
      for (const [index, where] of cases.entries()) {
        if (didHarm(await run(exhibit, 'buggy', where, 1 + index))) harmed.push(where);
      }
      expect(harmed).not.to.deep.equal([]);
      const surprises = harmed.filter((where) => !claims(exhibit, where)).map((where) => caseName('harm', where));
      expect(surprises).to.deep.equal([]);
    });

    it(`${exhibit.name}: the line at fault is marked`, () => {
      const text = readFileSync(path.resolve(__dirname, '../../scenarios/bugs', file), 'utf8');
      expect(text.match(/\/\/ BUG$/gm)).to.have.length.greaterThan(0);
      expect(file).to.equal(`${exhibit.name.replace(/^bug-/, '')}.ts`);
    });
  }
});
