import { expect } from 'chai';
import { BACK_ENDS, onBackEnd, THOROUGH } from './lib/machines';
import { runDriver } from './lib/random-driver';

/** Whoever follows the DMA API reads the right bytes, whatever is behind it. */

const PROGRAMS = THOROUGH ? 150 : 2;
const STEPS = 80;

describe('back ends: a driver that follows the rules reads every byte right', () => {
  for (const [index, backEnd] of BACK_ENDS.entries()) {
    it(backEnd.name, async () => {
      let checks = 0;
      const perform = (seed: number): Promise<void> =>
        onBackEnd(
          backEnd,
          (bench) => {
            const run = runDriver(bench, { seed: 1000 * index + seed, steps: STEPS });
            expect(run.wrong).to.deep.equal([]);
            expect(run.foretold).to.equal(false);
            expect(bench.kernel.warnings).to.equal(0);
            checks += run.checks;
          },
          index + 1,
        );
      for (let seed = 1; seed <= PROGRAMS; seed++) await perform(seed);
      expect(checks).to.be.greaterThan(10 * PROGRAMS);
    });
  }
});
