import { expect } from 'chai';
import fc from 'fast-check';

import { Prng } from '../../base/prng';
import type { ReportId } from '../../lab/sanitizer/catalogue';
import type { SanitizerReport } from '../../lab/sanitizer/report';
import { Sanitizer } from '../../lab/sanitizer/sanitizer';
import { BACK_ENDS, onBackEnd, type BackEnd, type Bench } from '../back-ends/lib/machines';
import { runDriver } from '../back-ends/lib/random-driver';
import { CORRECT_HABITS } from './lib/correct-habits';
import { DRIVER_MISTAKES, isCached, type DriverMistake } from './lib/mistakes';
import { Episode } from './lib/episode';
import { THOROUGH } from './lib/thorough';

/** Random drivers of two devices, on every kind of machine: correct ones, and those that make one mistake. */

const CORRECT_RUNS = THOROUGH ? 700 : 30;
const RUNS_OF_EACH = THOROUGH ? 20 : 4;
const MOST_STEPS = 60;

const machine = fc.constantFrom(...BACK_ENDS);
const seed = fc.nat(0xffff_ffff);
const steps = fc.nat(MOST_STEPS);

/** What is reported about a driver, until its devices are unbound. */
const reportsOn = async (
  backEnd: BackEnd,
  seedOfAll: number,
  drive: (bench: Bench) => void | Promise<void>,
): Promise<SanitizerReport[]> => {
  const sanitizer = new Sanitizer({ site: () => () => [] });
  const body = async (bench: Bench): Promise<void> => {
    await drive(bench);
    for (const { dev } of bench.masters) await bench.kernel.drivers.unbind('bus-master', dev.name);
  };
  await onBackEnd(backEnd, body, seedOfAll, undefined, sanitizer);
  return sanitizer.reports;
};

const told = (reports: readonly SanitizerReport[]): string[] => reports.map(({ id, message }) => `${id}: ${message}`);

/** Mostly machines on which only the right calls keep CPU and device together: caches, and nothing else. */
const demanding = fc.oneof(
  { arbitrary: fc.constantFrom(...BACK_ENDS.filter(isCached)), weight: 2 },
  { arbitrary: machine, weight: 2 },
);

describe('the sanitizer about drivers that are correct', () => {
  it('reports nothing, whatever they do', async function () {
    this.timeout(600_000);
    await fc.assert(
      fc.asyncProperty(machine, seed, steps, async (backEnd, from, count) => {
        const reports = await reportsOn(backEnd, from, (bench) => {
          const { wrong } = runDriver(bench, { seed: from, steps: count, tidy: true });
          expect(wrong).to.deep.equal([]);
        });
        expect(told(reports), backEnd.name).to.deep.equal([]);
      }),
      { numRuns: CORRECT_RUNS },
    );
  });

  for (const { name, act } of CORRECT_HABITS) {
    it(`reports nothing if ${name}`, async function () {
      this.timeout(600_000);
      await fc.assert(
        fc.asyncProperty(demanding, seed, async (backEnd, from) => {
          const reports = await reportsOn(backEnd, from, (bench) => act(new Episode(bench, new Prng(from))));
          expect(told(reports), backEnd.name).to.deep.equal([]);
        }),
        { numRuns: RUNS_OF_EACH },
      );
    });
  }
});

/** Does its work before and after the mistake as well. */
const err = async (bench: Bench, from: number, count: number, mistake: DriverMistake): Promise<void> => {
  const work = (first: number): void => void runDriver(bench, { seed: first, steps: count, tidy: true });
  if (mistake.atStart === undefined) work(from);
  await mistake.make(new Episode(bench, new Prng(from)));
  if (mistake.atEnd === undefined) work(from + 1);
};

const expectedOf = ({ report }: DriverMistake, backEnd: BackEnd): ReportId[] => {
  const id = typeof report === 'function' ? report(backEnd) : report;
  return id === null ? [] : [id];
};

/** Mostly machines on which the mistake has to be reported. */
const machineFor = (mistake: DriverMistake): fc.Arbitrary<BackEnd> => {
  const shows = BACK_ENDS.filter((backEnd) => expectedOf(mistake, backEnd).length > 0);
  return fc.oneof({ arbitrary: fc.constantFrom(...shows), weight: 3 }, { arbitrary: machine, weight: 1 });
};

describe('the sanitizer about drivers that make one mistake', () => {
  for (const mistake of DRIVER_MISTAKES) {
    it(`reports it, and nothing else: ${mistake.name}`, async function () {
      this.timeout(600_000);
      await fc.assert(
        fc.asyncProperty(machineFor(mistake), seed, fc.nat(15), async (backEnd, from, count) => {
          const reports = await reportsOn(backEnd, from, (bench) => err(bench, from, count, mistake));
          const expected = expectedOf(mistake, backEnd);
          const ids = reports.map(({ id }) => id);
          expect(ids, backEnd.name).to.include.members(expected);
          const harm = mistake.harm?.(backEnd) ?? null;
          if (harm !== null) expect(reports.find(({ id }) => id === expected[0])?.harm, backEnd.name).to.equal(harm);
          const related = [...expected, ...(mistake.follows ?? [])];
          expect(told(reports.filter(({ id }) => !related.includes(id))), backEnd.name).to.deep.equal([]);
        }),
        { numRuns: RUNS_OF_EACH },
      );
    });
  }
});
