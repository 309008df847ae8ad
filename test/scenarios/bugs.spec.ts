import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import type { MatrixCase } from '../../lab/matrix/axes';
import { caseName } from '../../lab/matrix/case-name';
import { matrixValues } from '../../lab/matrix/check-matrix';
import { expandMatrix } from '../../lab/matrix/expand';
import { runScenario } from '../../lab/run-scenario';
import type { SanitizerReport } from '../../lab/sanitizer/report';
import type { ScenarioResult } from '../../lab/scenario-result';
import { showsAt, type DriverChoice, type Exhibit } from '../../scenarios/bugs/lib/exhibit';
import { HARM } from '../../scenarios/bugs/lib/verdict';
import { hostTurn, ramPool } from '../support/on-machine';
import { exhibits } from './exhibits';

const didHarm = ({ notes }: ScenarioResult): boolean => notes.some((note) => note.startsWith(HARM));

/** The lines of a file that are marked as being at fault. */
const markedLines = (file: string): string[] => {
  const full = path.resolve(__dirname, '../../scenarios/bugs', file);
  const lines = readFileSync(full, 'utf8').split('\n');
  return lines.flatMap((text, index) => (text.endsWith('// BUG') ? [`${full}:${index + 1}`] : []));
};

/** The lines that a report blames: the driver's, and those that called it. */
const blamed = ({ places, at }: SanitizerReport): readonly (string | null)[] => {
  const place = places[at];
  return place === undefined ? [] : [place.site, ...place.callers];
};

/** Whether this is `npm run sweep:museum`. */
const THOROUGH = process.env['DMALAB_SWEEP_MUSEUM'] !== undefined;
/** Otherwise it is one case of so many: a number that no count of values divides, so that every value of an axis comes up. */
const STEP = THOROUGH ? 1 : 7;

const casesOf = (exhibit: Exhibit, driver: DriverChoice): readonly MatrixCase[] =>
  expandMatrix(matrixValues(exhibit.matrix!), { driver: [driver] }, exhibit.machine ?? {}).cases.filter(
    (_, index) => (index + exhibit.exhibit.number) % STEP === 0,
  );

describe('the bug museum', () => {
  const run = async (exhibit: Exhibit, where: MatrixCase, seed: number): Promise<ScenarioResult> => {
    const result = await runScenario(exhibit, { seed, hostTurn, ramPool, case: where, sanitizer: true });
    expect(result.failure?.message, caseName(exhibit.name, where)).to.equal(undefined);
    return result;
  };

  it('has one exhibit for each of its classes', () => {
    const numbers = [...exhibits().values()].map(({ exhibit }) => exhibit.number);
    expect(numbers).to.deep.equal(Array.from({ length: 32 }, (_, index) => index + 1));
  });

  for (const [file, exhibit] of exhibits()) {
    it(`${exhibit.name}: the fixed driver holds everywhere, and nothing is said about it`, async () => {
      for (const [index, where] of casesOf(exhibit, 'fixed').entries()) {
        const { warnings, faults, reports } = await run(exhibit, where, 1 + index);
        const found = { warnings, faults, reports: reports.map(({ id, message }) => `${id}: ${message}`) };
        expect(found, caseName(exhibit.name, where)).to.deep.equal({ warnings: 0, faults: 0, reports: [] });
      }
    });

    it(`${exhibit.name}: the buggy driver does harm only where the exhibit says so, and is reported there with its line`, async () => {
      const marked = markedLines(file);
      const harmed: MatrixCase[] = [];
      for (const [index, where] of casesOf(exhibit, 'buggy').entries()) {
        const result = await run(exhibit, where, 1 + index);
        if (didHarm(result)) harmed.push(where);
        if (!showsAt(exhibit.exhibit, where)) continue;
        const reports = result.reports.filter(
          ({ id, severity }) => id === exhibit.exhibit.reports[0] && severity === 'error',
        );
        const lines = reports.flatMap(blamed);
        expect(lines, caseName(exhibit.name, where)).to.satisfy(() => marked.some((line) => lines.includes(line)));
      }
      const surprises = harmed
        .filter((where) => !showsAt(exhibit.exhibit, where))
        .map((where) => caseName('harm', where));
      // There are exhibits that do harm in few cases.
      expect({ some: !THOROUGH || harmed.length > 0, surprises }).to.deep.equal({ some: true, surprises: [] });
    });

    it(`${exhibit.name}: run by itself, it shows its bug`, async () => {
      await run(exhibit, {}, 1);
      expect(file).to.equal(`${exhibit.name.replace(/^bug-/, '')}.ts`);
    });
  }
});
