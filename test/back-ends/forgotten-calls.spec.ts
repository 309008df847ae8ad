import { expect } from 'chai';
import type { CallKind, Mistake } from './lib/calls';
import { BACK_ENDS, onBackEnd, THOROUGH, type BackEnd, type Bench } from './lib/machines';
import { runDriver, type DriverRun } from './lib/random-driver';

/**
 * In random programs, any one call is left out, or made with a wrong direction. The plain model of two copies says whether that
 * has to make data wrong: it then is wrong where buffers are bounced, and can be where devices do not snoop.
 */

const PROGRAMS = THOROUGH ? 30 : 1;
const STEPS = 90;
const KINDS = ['page', 'phys', 'single', 'sgtable', 'sg'] as const;
const CALLS: readonly CallKind[] = ['for-device', 'for-cpu', 'unmap'];

/** The model copies in every mapping; where caches are all there is, one that skips its sync does nothing. */
const ownSyncs = ({ bounced }: BackEnd): boolean => bounced;

const drive = (bench: Bench, seed: number, mistake?: Mistake): DriverRun =>
  runDriver(bench, {
    seed,
    steps: STEPS,
    kinds: KINDS,
    coherentMemory: false,
    ownSyncs: ownSyncs(bench.backEnd),
    ...(mistake === undefined ? {} : { mistake }),
  });

/** Every mistake that can be made in a program, with what came of it. */
const tryAll = (bench: Bench, seed: number): { mistake: Mistake; run: DriverRun }[] => {
  const { calls } = drive(bench, seed);
  const mistakes = CALLS.flatMap((kind) =>
    Array.from({ length: calls[kind] }, (_, nth) =>
      (['left out', 'wrong direction'] as const).map((how) => ({ kind, nth, how })),
    ).flat(),
  );
  return mistakes.map((mistake) => ({ mistake, run: drive(bench, seed, mistake) }));
};

interface Tally {
  foretold: number;
  shown: number;
}

/** For each kind of mistake, how many had to show, and how many of those did. */
const tally = async (
  backEnd: BackEnd,
  check: (run: DriverRun, what: string, mistake: Mistake) => void,
): Promise<Record<string, Tally>> => {
  const tallies: Record<string, Tally> = {};
  await onBackEnd(backEnd, (bench) => {
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      for (const { mistake, run } of tryAll(bench, seed)) {
        const kind = `${mistake.kind} ${mistake.how}`;
        check(
          run,
          `${backEnd.name}: seed ${seed}, ${kind}, number ${mistake.nth}: ${run.wrong[0] ?? 'nothing'}`,
          mistake,
        );
        const counts = (tallies[kind] ??= { foretold: 0, shown: 0 });
        if (run.foretold) counts.foretold++;
        if (run.foretold && run.wrong.length > 0) counts.shown++;
      }
    }
  });
  return tallies;
};

const find = (name: string): BackEnd => BACK_ENDS.find((backEnd) => backEnd.name === name)!;

const BOUNCING = [
  'swiotlb, snooping, plain cache, 64 bits',
  'restricted, snooping, adversarial cache, 64 bits',
  'confidential (fault), snooping, plain cache, 32 bits',
];
const STALE = ['direct, not snooping, adversarial cache, 64 bits', 'strict, not snooping, adversarial cache, 64 bits'];
const HARMLESS = ['direct, snooping, adversarial cache, 64 bits', 'strict, snooping, plain cache, 64 bits'];

describe('back ends: a call that is forgotten, or made in a wrong direction, in random programs', () => {
  for (const name of BOUNCING) {
    it(`shows exactly where the model says so: ${name}`, async () => {
      const tallies = await tally(find(name), (run, what) => expect(run.wrong.length > 0, what).to.equal(run.foretold));
      for (const [kind, { foretold }] of Object.entries(tallies)) expect(foretold, kind).to.be.greaterThan(0);
      expect(Object.keys(tallies)).to.have.length(6);
    });
  }

  for (const name of STALE) {
    it(`shows only where the model says so: ${name}`, async () => {
      const tallies = await tally(find(name), (run, what, { how }) => {
        // An invalidation that is wrong, or late, also hits what the CPU wrote next to it in a line.
        const inside = run.wrong.filter((each) => !each.includes('around it'));
        if (inside.length > 0 && how === 'left out') expect(run.foretold, what).to.equal(true);
      });
      for (const [kind, { shown }] of Object.entries(tallies)) {
        // Caches are cleaned for the device in every direction: only small buffers, which are bounced, can be wrong.
        if (kind !== 'for-device wrong direction') expect(shown, kind).to.be.greaterThan(0);
      }
    });
  }

  for (const name of HARMLESS) {
    it(`never shows: ${name}`, async () => {
      await tally(find(name), (run, what) => expect(run.wrong, what).to.deep.equal([]));
    });
  }
});
