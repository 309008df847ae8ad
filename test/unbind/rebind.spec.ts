import { expect } from 'chai';
import { dma_set_master } from '../../kernel-api/dma/admission';
import { BACK_ENDS, DIRECT } from './lib/back-ends';
import { violations } from './lib/demands';
import { KINDS } from './lib/memory-kinds';
import { Point, type Course } from './lib/point';
import { EVERY, THOROUGH } from './lib/sweep';

/** Each event of two turns of the ring, or some of one. */
const MOMENTS = THOROUGH ? Array.from({ length: 32 / EVERY }, (_, moment) => moment * EVERY) : [1, 4, 7, 10, 13];
const SHARE = KINDS['streaming maps']!;

/** At each event: how many accesses got through before the next driver had stopped the device. */
const windowsOf = async (course: Omit<Course, 'share' | 'situation'>): Promise<number[]> => {
  const windows: number[] = [];
  for (const moment of MOMENTS) {
    const whole: Course = { ...course, share: SHARE, situation: 'rebound at once' };
    const outcome = await Point.run(whole, moment);
    expect(violations(whole, outcome), `event ${moment}: ${JSON.stringify(outcome)}`).to.deep.equal([]);
    windows.push(outcome.window);
  }
  return windows;
};

const none = MOMENTS.map(() => 0);

describe('a device that a careless driver left at work is bound again', () => {
  for (const backEnd of BACK_ENDS) {
    it(`${backEnd.name}: strict, the next driver stops it before it maps anything: nothing gets through`, async function () {
      this.timeout(600_000);
      expect(await windowsOf({ backEnd, revocation: 'strict', careful: false })).to.deep.equal(none);
    });

    it(`${backEnd.name}: strict, the next driver maps first: this is where the window is`, async () => {
      const windows = await windowsOf({ backEnd, revocation: 'strict', careful: false, nextSharesFirst: true });
      expect(Math.max(...windows)).to.be.greaterThan(0);
    });
  }

  it('linux: it goes on until the next driver stops it', async () => {
    const windows = await windowsOf({ backEnd: DIRECT, revocation: 'linux', careful: false });
    expect(Math.max(...windows)).to.be.greaterThan(0);
  });

  it('nothing gets through if its own driver had stopped it, whatever the next one does first', async () => {
    const course = { backEnd: DIRECT, revocation: 'strict', careful: true, nextSharesFirst: true } as const;
    expect(await windowsOf(course)).to.deep.equal(none);
  });

  it('is noticed where binding alone opens the gate', async () => {
    const course: Course = {
      backEnd: DIRECT,
      revocation: 'strict',
      careful: false,
      share: SHARE,
      situation: 'rebound at once',
      breakage: ({ drivers }) => {
        for (const hook of drivers.revocation) {
          const beforeBind = hook.beforeBind?.bind(hook);
          hook.beforeBind = async (dev) => {
            const error = (await beforeBind?.(dev)) ?? 0;
            dma_set_master(dev);
            return error;
          };
        }
      },
    };
    const found: string[] = [];
    for (const moment of MOMENTS) found.push(...violations(course, await Point.run(course, moment)));
    expect(found).to.include('the device reached memory between two drivers');
  });
});
