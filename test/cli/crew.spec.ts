import { expect } from 'chai';
import fc from 'fast-check';
import type { CaseWorker } from '../../cli/case-worker';
import { Crew, tasksOf } from '../../cli/crew';
import type { HeldOutput } from '../../cli/held-output';
import type { LoadedScenario } from '../../cli/loaded-scenario';
import type { RunRequest } from '../../cli/worker/protocol';

const SETTINGS = {
  seed: 1,
  timeoutSeconds: 1,
  sanitize: false,
  timeLimit: null,
  traceFile: null,
} as const;

/** Scenarios of so many cases, which are told apart by name and count only. */
const scenariosOf = (counts: readonly number[]): LoadedScenario[] =>
  counts.map((count, number) => ({
    file: `/${number}.ts`,
    name: `s${number}`,
    description: '',
    matrix: {},
    cases: Array.from({ length: count }, () => ({})),
    leftOut: [],
  }));

/** A crew whose threads take a few turns of the event loop for each case, and print before and after. */
const crewOf = (jobs: number, turns: readonly number[], lines: string[]): { crew: Crew; hired: () => number } => {
  let hired = 0;
  let asked = 0;
  const make = (output: HeldOutput): CaseWorker => {
    hired++;
    const ask = async ({ file }: RunRequest): Promise<unknown> => {
      const number = asked++;
      output.say(() => lines.push(`${file} begins`));
      for (let i = 0; i < turns[number % turns.length]!; i++) await new Promise(setImmediate);
      output.say(() => lines.push(`${file} ends`));
      return { type: 'lost', why: 'crash', detail: 'a test' };
    };
    return { ask, close: () => Promise.resolve() } as unknown as CaseWorker;
  };
  return { crew: new Crew(jobs, make), hired: () => hired };
};

const expectedLines = (scenarios: readonly LoadedScenario[]): string[] =>
  scenarios.flatMap(({ file, cases }) => cases.flatMap(() => [`${file} begins`, `${file} ends`, `${file} is told`]));

describe('a crew of threads', () => {
  it('tells outcomes and what is printed in the order of the cases, however long each takes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 150 }), { maxLength: 4 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.nat(6), { minLength: 1, maxLength: 7 }),
        async (counts, jobs, turns) => {
          const scenarios = scenariosOf(counts);
          const lines: string[] = [];
          const { crew } = crewOf(jobs, turns, lines);
          await crew.run(tasksOf(scenarios), SETTINGS, ({ scenario }) => lines.push(`${scenario.file} is told`));
          await crew.close();
          expect(lines).to.deep.equal(expectedLines(scenarios));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('prints what the case whose turn it is says at once', async () => {
    const lines: string[] = [];
    const { crew } = crewOf(1, [1], lines);
    const run = crew.run(tasksOf(scenariosOf([1])), SETTINGS, () => undefined);
    expect(lines).to.deep.equal(['/0.ts begins']);
    await run;
  });

  it('starts another thread only where there is work for it', async () => {
    for (const [cases, jobs, threads] of [
      [0, 4, 1],
      [127, 4, 1],
      [128, 4, 2],
      [1000, 4, 4],
      [1000, 1, 1],
    ] as const) {
      const { crew, hired } = crewOf(jobs, [0], []);
      await crew.run(tasksOf(scenariosOf([cases])), SETTINGS, () => undefined);
      expect(hired(), `${cases} cases, ${jobs} jobs`).to.equal(threads);
    }
  });
});
