import { expect } from 'chai';
import { BACK_ENDS, onBackEnd, THOROUGH, type Bench } from './lib/machines';
import { runDriver } from './lib/random-driver';

/** Whoever follows the DMA API reads the right bytes, whatever is behind it. */

const MACHINES = THOROUGH ? 12 : 1;
/** Programs of a machine: the later ones find caches, pools and tables in use. */
const PROGRAMS = THOROUGH ? 8 : 1;
const STEPS = 80;

describe('back ends: a driver that follows the rules reads every byte right', () => {
  for (const [index, backEnd] of BACK_ENDS.entries()) {
    it(backEnd.name, async () => {
      let checks = 0;
      const perform = (bench: Bench, seed: number): void => {
        const run = runDriver(bench, { seed, steps: STEPS });
        expect(run.wrong).to.deep.equal([]);
        expect(run.foretold).to.equal(false);
        expect(bench.kernel.warnings).to.equal(0);
        checks += run.checks;
      };
      for (let machine = 0; machine < MACHINES; machine++) {
        const seed = 1000 * index + PROGRAMS * machine;
        await onBackEnd(
          backEnd,
          (bench) => {
            for (let program = 0; program < PROGRAMS; program++) perform(bench, seed + program);
          },
          seed + 1,
        );
      }
      expect(checks).to.be.greaterThan(10 * PROGRAMS * MACHINES);
    });
  }
});
