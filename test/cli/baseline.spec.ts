import { expect } from 'chai';
import fs from 'node:fs';
import path from 'node:path';
import pc from 'picocolors';
import { compareWith, isWorse } from '../../cli/baseline/compare';
import type { Baseline, RecordedCase, RecordedReport } from '../../cli/baseline/read-baseline';
import { writeComparison } from '../../cli/report/comparison-text';
import { compilePackage } from '../support/compiled-package';
import { dmalab, makeFolder, parseJson, removeFolder } from '../support/run-dmalab';
import { unmapsTwice } from './lib/driver-texts';

const measures = {
  ...{ simulatedTime: 1000, bytesRead: 10, bytesWritten: 20, faults: 0, warnings: 0, interrupts: 1, events: 50 },
};
const aCase = (name: string, change: Partial<RecordedCase> = {}): RecordedCase => ({
  ...{ name, case: {}, status: 'passed', failure: null, measures, reports: [] },
  ...change,
});
const aReport = (change: Partial<RecordedReport> = {}): RecordedReport => ({
  ...{ id: 'DMA-LEAK', severity: 'error', harm: 'possible', device: 'd', file: 'a.ts', line: 7 },
  ...{ message: '16 bytes at 0x1000 leak', count: 1, expected: false },
  ...change,
});
const aRun = (...scenarios: RecordedCase[]): Baseline => ({ file: 'old.json', seed: 1, sanitizer: true, scenarios });

const textOf = (...[before, now]: Parameters<typeof compareWith>): string[] => {
  let text = '';
  const terminal = { width: 100, colors: pc.createColors(false), write: (more: string) => void (text += more) };
  writeComparison(terminal, compareWith(before, now));
  return text.trim().split('\n');
};

describe('dmalab: comparing two runs', () => {
  it('finds nothing where nothing differs', () => {
    const run = aRun(aCase('a', { reports: [aReport()] }));
    expect(textOf(run, run)).to.deep.equal(['Compared with old.json: nothing differs']);
    expect(isWorse(compareWith(run, run))).to.equal(false);
  });

  it('finds cases that end differently, and cases that only one run has', () => {
    const failure = { message: 'it broke' };
    const before = aRun(aCase('a'), aCase('b', { status: 'failed', failure }), aCase('gone'));
    const now = aRun(aCase('a', { status: 'failed', failure }), aCase('b'), aCase('new', { reports: [aReport()] }));
    expect(textOf(before, now)).to.deep.equal([
      ...['Compared with old.json', '    newly failing', '      a: it broke', '    newly passing', '      b'],
      ...['    new cases', '      new', '    gone cases', '      gone'],
    ]);
    expect(isWorse(compareWith(before, now))).to.equal(true);
    expect(isWorse(compareWith(now, before))).to.equal(true);
    expect(isWorse(compareWith(aRun(), now))).to.equal(false);
  });

  it('finds reports that are new, gone or changed, and knows those whose lines have moved', () => {
    const before = aRun(aCase('a', { reports: [aReport(), aReport({ id: 'DMA-MASK', line: 9 })] }));
    const moved = aReport({ line: 12, message: '16 bytes at 0x2000 leak', harm: 'happened', count: 3 });
    const now = aRun(aCase('a', { reports: [aReport({ line: 30, message: 'something else' }), moved] }));
    expect(textOf(before, now)).to.deep.equal([
      ...['Compared with old.json', '    new reports', '      a: ✗ DMA-LEAK at a.ts:30'],
      ...['    fixed reports', '      a: ✗ DMA-MASK at a.ts:9'],
      ...['    changed reports', '      a: ✗ DMA-LEAK at a.ts:12: harm possible → happened, count 1 → 3'],
    ]);
  });

  it('is worse by errors that the scenario does not expect', () => {
    const worse = (change: Partial<RecordedReport>): boolean =>
      isWorse(compareWith(aRun(aCase('a')), aRun(aCase('a', { reports: [aReport(change)] }))));
    expect([{}, { severity: 'warning' }, { expected: true }].map(worse)).to.deep.equal([true, false, false]);
  });

  it('does not compare reports of a run that was not watched, and says when seeds differ', () => {
    const before = { ...aRun(aCase('a')), sanitizer: false, seed: 7 };
    expect(textOf(before, aRun(aCase('a', { reports: [aReport()] })))).to.deep.equal([
      'Compared with old.json: nothing differs',
      '    its seed was 7',
      '    it was not watched by the sanitizer: reports are not compared',
    ]);
  });

  it('shows counters that moved, for all cases at once where they are the same', () => {
    const cases = (change: object): RecordedCase[] =>
      (['on', 'off'] as const).map((coherency) =>
        aCase('a', { case: { coherency }, measures: { ...measures, ...change } }),
      );
    expect(
      textOf(aRun(...cases({})), aRun(...cases({ simulatedTime: 2500, bytesRead: 11, events: 49 }))),
    ).to.deep.equal([
      ...['Compared with old.json', '    counters'],
      '      a, 2 cases: simulated 1.000 us → 2.500 us, read 10 B → 11 B, events 50 → 49',
    ]);
    const many = Array.from({ length: 20 }, (_, index) => aCase(`case-${index}`));
    expect(textOf(aRun(...many), aRun()).at(-1)).to.equal('      and 8 more');
  });
});

describe('dmalab: --baseline', () => {
  let folder: string;
  const write = (then: string): void =>
    fs.writeFileSync(path.join(folder, 'mine.ts'), unmapsTwice({ name: 'mine', then }));

  before(async function () {
    this.timeout(120_000);
    compilePackage();
    folder = makeFolder({ 'text.json': 'no JSON', 'other.json': '{"format":1,"scenarios":[]}' });
    write('');
    await dmalab(folder, 'run', 'mine.ts', '--json-file', 'good.json');
    const good = fs.readFileSync(path.join(folder, 'good.json'), 'utf8');
    fs.writeFileSync(path.join(folder, 'future.json'), good.replace('"format": 1', '"format": 9'));
    fs.writeFileSync(path.join(folder, 'damaged.json'), good.replace('"status": "passed"', '"status": 3'));
  });

  after(() => removeFolder(folder));

  it('reports a mistake that was not there before, and exits with 1', async () => {
    write('release(dev, address);');
    const { code, stdout } = await dmalab(folder, 'run', 'mine.ts', '--baseline', 'good.json');
    expect(code).to.equal(1);
    expect(stdout).to.include('new reports\n      mine: ✗ DMA-UNMAP-UNKNOWN at mine.ts:5\n');
    expect(stdout).to.include('newly failing\n      mine: DMA-UNMAP-UNKNOWN: ');
  });

  it('exits with 1 for a new error even if it is allowed', async () => {
    const members = "\n  reports: { allow: ['DMA-UNMAP-UNKNOWN'] },";
    fs.writeFileSync(path.join(folder, 'mine.ts'), unmapsTwice({ name: 'mine', members }));
    const { code, stdout } = await dmalab(folder, 'run', 'mine.ts', '--baseline', 'good.json');
    expect(stdout).to.include('1 passed, 0 failed');
    expect(code).to.equal(1);
  });

  it('tells programs, too, and may have its results in the file that it was compared with', async () => {
    fs.copyFileSync(path.join(folder, 'good.json'), path.join(folder, 'rolling.json'));
    write('release(dev, address);');
    const files = ['--baseline', 'rolling.json', '--json-file', 'rolling.json'];
    const result = await dmalab(folder, 'run', 'mine.ts', '--json', ...files);
    interface Compared {
      readonly baseline: { readonly newReports: readonly { readonly report: { readonly id: string } }[] } & object;
    }
    const { baseline } = parseJson<Compared>(result);
    expect(baseline).to.include({ file: 'rolling.json' });
    expect(baseline.newReports.map(({ report }) => report.id)).to.deep.equal(['DMA-UNMAP-UNKNOWN']);
    const page = fs.readFileSync(path.resolve(__dirname, '../../docs/cli.md'), 'utf8');
    for (const [, field] of result.stdout.matchAll(/"(\w+)":/g)) expect(page, field).to.include(`\`${field!}\``);
    const again = await dmalab(folder, 'run', 'mine.ts', '--baseline', 'rolling.json');
    expect(again.stdout).to.include('Compared with rolling.json: nothing differs');
    expect(again.code).to.equal(1);
  });

  for (const [file, sentence] of [
    ['nowhere.json', "--baseline cannot read 'nowhere.json': there is no such file"],
    ['.', "--baseline cannot read '.': it is a folder"],
    ['text.json', "--baseline 'text.json' holds no results of 'dmalab run --json'"],
    ['other.json', "--baseline 'other.json' holds no results of 'dmalab run --json'"],
    [
      'future.json',
      "--baseline 'future.json' has results of format 9, and this dmalab compares format 1 only: run it anew",
    ],
    ['damaged.json', "--baseline 'damaged.json' is damaged: scenarios[0] is no result of a case"],
  ] as const) {
    it(`refuses ${file} in one sentence`, async () => {
      expect(await dmalab(folder, 'run', 'mine.ts', '--baseline', file)).to.deep.equal({
        ...{ code: 2, stdout: '', stderr: `dmalab: ${sentence}\n` },
      });
    });
  }
});
