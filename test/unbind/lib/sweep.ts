import { expect } from 'chai';
import { BACK_ENDS, type BackEnd } from './back-ends';
import { isLeftAlone, violations } from './demands';
import { KINDS, type Share } from './memory-kinds';
import { Point, type Course, type Situation } from './point';

const WISH = process.env['DMALAB_SWEEP_UNBIND'];

/** Whether this is `npm run sweep:unbind`. */
export const THOROUGH = WISH !== undefined;

/** In the sweep: every event, or one in so many. */
export const EVERY = Math.max(1, Number(WISH ?? 1));

/** Events of two turns of the ring, the driver's interrupts and all. */
const EVENTS = 32;
/** In the quick run moments are this far apart; a prime, so that all steps of the device come up. */
const STRIDE = THOROUGH ? EVERY : 17;

const REVOCATIONS = [
  ['linux', true],
  ['strict', true],
  ['strict', false],
  ['linux', false],
] as const;

/** The moments that are tried; the first differs from course to course, so that together they cover more. */
const momentsFrom = (first: number): number[] => {
  const moments: number[] = [];
  for (let moment = first % STRIDE; moment < EVENTS; moment += STRIDE) moments.push(moment);
  return moments;
};

const nameOf = (revocation: string, careful: boolean): string =>
  `${careful ? 'a correct' : 'a careless'} driver under ${revocation}`;

/** Unbinds at every moment. @returns how often the device did harm afterwards */
const sweepCourse = async (course: Course, moments: readonly number[], what: string): Promise<number> => {
  let harmed = 0;
  for (const moment of moments) {
    const outcome = await Point.run(course, moment);
    const at = `${what}, event ${moment}: ${JSON.stringify(outcome)}`;
    expect(violations(course, outcome), at).to.deep.equal([]);
    if (outcome.writes - outcome.attacks > 0 && outcome.changed > 0) harmed++;
  }
  return harmed;
};

const sweepBackEnd = async (backEnd: BackEnd, situation: Situation, names: readonly string[]): Promise<void> => {
  let seed = 0;
  for (const [revocation, careful] of REVOCATIONS) {
    for (const name of names) {
      const share: Share = KINDS[name]!;
      const course: Course = { backEnd, revocation, careful, share, situation };
      const what = `${name}, ${nameOf(revocation, careful)}`;
      const moments = momentsFrom((seed += 5));
      const harmed = await sweepCourse(course, moments, what);
      // What a careless driver left mapped, the device goes on changing, wherever it stands.
      const isShown = isLeftAlone(course) && !careful && name === 'streaming maps' && situation === 'by a task';
      if (isShown) expect(harmed, `${what}: damage`).to.equal(moments.length);
    }
  }
};

/** Declares the tests of a situation, one for each back end. */
export const sweep = (
  situation: Situation,
  names: readonly string[],
  backEnds: readonly BackEnd[] = BACK_ENDS,
): void => {
  describe(`a driver is unbound ${situation}`, () => {
    for (const backEnd of backEnds) {
      it(`${backEnd.name}: nothing of its device reaches memory afterwards, whatever the moment`, async function () {
        this.timeout(600_000);
        await sweepBackEnd(backEnd, situation, names);
      });
    }
  });
};
