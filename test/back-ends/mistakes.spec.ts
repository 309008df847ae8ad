import { expect } from 'chai';
import { BACK_ENDS, onBackEnd, THOROUGH } from './lib/machines';
import { circumstancesOf, MISTAKES, MistakeBench, type Circumstances, type DriverMistake } from './lib/mistakes';
import type { Master } from './lib/bus-master';

/** Each mistake makes data wrong exactly where the table says, and nowhere else. */

/** With an adversarial cache a mistake shows by chance; these are tried at most. */
const ATTEMPTS = 500;
/** So often it must not show where it cannot. */
const VAIN_ATTEMPTS = THOROUGH ? 500 : 8;

/** Whether a mistake makes data wrong in some attempt. */
const showsUp = (master: Master, { run, skipSync = false }: DriverMistake, attempts: number): boolean => {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const bench = new MistakeBench(master, skipSync, 100 * attempt);
    const [found, right] = run(bench);
    master.ordered = true;
    bench.memory.free();
    if (found.length !== right.length || !found.every((byte, i) => byte === right[i])) return true;
  }
  return false;
};

const attemptsAt = (circumstances: Circumstances, { shows }: DriverMistake): number => {
  if (!circumstances.adversarial) return 2;
  return shows(circumstances) ? ATTEMPTS : VAIN_ATTEMPTS;
};

describe('back ends: each mistake shows where it can', () => {
  for (const [index, backEnd] of BACK_ENDS.entries()) {
    it(backEnd.name, () =>
      onBackEnd(
        backEnd,
        ({ masters, kernel }) => {
          const circumstances = circumstancesOf(backEnd);
          const shown = MISTAKES.filter((mistake) =>
            showsUp(masters[0]!, mistake, attemptsAt(circumstances, mistake)),
          ).map(({ name }) => name);
          const expected = MISTAKES.filter(({ shows }) => shows(circumstances)).map(({ name }) => name);
          expect(shown).to.deep.equal(expected);
          expect(kernel.dma.swiotlb.defaultMem.used).to.equal(0);
        },
        index + 1,
      ),
    );
  }

  it('shows every mistake somewhere, but one', () => {
    const hidden = MISTAKES.filter(({ shows }) => !BACK_ENDS.some((backEnd) => shows(circumstancesOf(backEnd))));
    expect(hidden.map(({ name }) => name)).to.deep.equal([
      'none: the CPU writes, the device reads',
      'none: the device writes, the CPU reads',
      'mapping with FROM_DEVICE what the device reads',
    ]);
  });
});
