import { shippedScenarios } from '../scenarios/shipped';
import { sweepSeeds } from './lib/sweep';
import { THOROUGH } from './lib/thorough';

/** Together they are on some 350 machines: so that is a thousand seeds. */
const ROUNDS = 3;
const FEW = 2;

describe('shipped scenarios behind adversarial caches: nothing is reported but what they declare', () => {
  for (const [name, scenario] of shippedScenarios()) {
    it(name, async function () {
      this.timeout(600_000);
      await sweepSeeds(scenario, (machines) => (THOROUGH ? ROUNDS * machines : FEW));
    });
  }
});
