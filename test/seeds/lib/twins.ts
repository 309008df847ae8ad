import { exhibits } from '../../scenarios/exhibits';
import { sweepSeeds } from './sweep';
import { THOROUGH } from './thorough';

/** Of each exhibit, which is on some 30 machines: together they are six thousand. */
const SEEDS = 200;
const FEW = 4;

/** Declares the tests of some of the museum's exhibits: a sweep is shared by two processes. */
export const sweepTwins = (isMine: (number: number) => boolean): void => {
  describe('the fixed drivers of the bug museum behind adversarial caches: nothing is reported', () => {
    for (const exhibit of exhibits().values()) {
      if (!isMine(exhibit.exhibit.number)) continue;
      it(exhibit.name, async function () {
        this.timeout(600_000);
        await sweepSeeds(exhibit, () => (THOROUGH ? SEEDS : FEW), { driver: ['fixed'] });
      });
    }
  });
};
