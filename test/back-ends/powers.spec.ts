import { expect } from 'chai';
import { BACK_ENDS, onBackEnd, THOROUGH } from './lib/machines';
import { circumstancesOf } from './lib/mistakes';
import { POWERS, Target, type Power } from './lib/powers';
import { settle } from './lib/usage';
import type { Bench } from './lib/machines';

/** A device that attacks can do what its back end cannot keep it from, and nothing else. */

const ATTEMPTS = THOROUGH ? 20 : 1;

const succeeds = async (bench: Bench, { attempt, low = false }: Power, seed: number): Promise<boolean> => {
  const target = new Target(bench, seed, low);
  target.remember();
  const result = await attempt(target);
  target.free();
  // An address that waits for its flush must not be taken for one that is refused.
  await settle(bench);
  return result;
};

describe('back ends: what a device can reach', () => {
  for (const [index, backEnd] of BACK_ENDS.entries()) {
    it(backEnd.name, () =>
      onBackEnd(
        backEnd,
        async (bench) => {
          const circumstances = circumstancesOf(backEnd);
          const expected = POWERS.filter(({ has }) => has(circumstances)).map(({ name }) => name);
          for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
            const found: string[] = [];
            for (const power of POWERS) if (await succeeds(bench, power, attempt)) found.push(power.name);
            expect(found).to.deep.equal(expected);
          }
        },
        index + 1,
      ),
    );
  }
});
