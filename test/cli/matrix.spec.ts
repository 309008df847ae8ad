import { expect } from 'chai';
import fs from 'node:fs';
import path from 'node:path';
import { parseMatrixOption } from '../../cli/matrix-option';
import { UsageError } from '../../cli/usage-error';
import { compilePackage } from '../support/compiled-package';
import { dmalab, makeFolder, parseJson, removeFolder, scenarioText } from '../support/run-dmalab';

interface Run {
  readonly name: string;
  readonly case: Readonly<Record<string, string>>;
  readonly status: string;
  readonly failure: { readonly message: string } | null;
  readonly measures: { readonly traceHash: string };
  readonly reproduce: string;
}

interface Report {
  readonly summary: { readonly passed: number; readonly failed: number };
  readonly scenarios: readonly Run[];
  readonly leftOut: readonly { readonly name: string; readonly case: object; readonly reason: string }[];
}

const withMatrix = (name: string, matrix: string, body: string): string =>
  scenarioText(name, body).replace('  run:', `  matrix: ${matrix},\n  run:`);

/** Fails on one of its four cases, and says what the machine is. */
const picky = withMatrix(
  'picky',
  "{ translation: ['direct', 'lazy'], coherency: 'all' }",
  `    const { translation, coherency } = lab.case;
    lab.note([translation, coherency, lab.machine.hardware.iommu !== undefined].join(' '));
    lab.check(translation !== 'lazy' || coherency !== 'off', 'not with ' + translation);`,
);
const plain = scenarioText('plain', '    lab.note(JSON.stringify(lab.case));');
const twins = withMatrix('twins', "{ driver: 'all' }", '');
const wrong = withMatrix('wrong', "{ speed: 'all' }", '');

const words = ({ case: each }: Run): string =>
  Object.entries(each)
    .map((pair) => pair.join('='))
    .join(' ');

describe('dmalab: --matrix', () => {
  let folder: string;
  /** What every combination did. */
  let all: Report & { code: number };
  const runJson = async (...args: string[]): Promise<Report & { code: number }> => {
    const result = await dmalab(folder, 'run', ...args, '--json');
    return { ...parseJson<Report>(result), code: result.code };
  };

  before(async function () {
    this.timeout(120_000);
    compilePackage();
    folder = makeFolder({ 'picky.ts': picky, 'plain.ts': plain, 'other/wrong.ts': wrong, 'pairs/twins.ts': twins });
    all = await runJson('.', '--matrix', '--seed', '3');
  });

  after(() => removeFolder(folder));

  it('is off by default: each scenario runs once, on its own machine', async () => {
    const { scenarios, code } = await runJson('.');
    expect(scenarios.map(({ name, case: each, status }) => [name, each, status])).to.deep.equal([
      ['picky', {}, 'passed'],
      ['plain', {}, 'passed'],
    ]);
    expect(scenarios[0]!.reproduce).to.equal('dmalab run picky.ts --seed 1');
    expect(code).to.equal(0);
  });

  it('runs every declared combination, all with one seed, and counts them', async () => {
    const { scenarios, summary, leftOut, code } = all;
    expect(scenarios.map((run) => `${run.name} ${words(run)}`)).to.deep.equal([
      'picky translation=direct coherency=on',
      'picky translation=direct coherency=off',
      'picky translation=lazy coherency=on',
      'picky translation=lazy coherency=off',
      'plain ',
    ]);
    expect(summary).to.include({ passed: 4, failed: 1 });
    expect(leftOut).to.deep.equal([]);
    expect(scenarios[3]!.failure!.message).to.equal('not with lazy');
    expect(code).to.equal(1);
    const again = await runJson('--matrix', '--seed', '3', '.');
    expect(again.scenarios.map(({ measures }) => measures)).to.deep.equal(scenarios.map(({ measures }) => measures));
  });

  it('repeats exactly the case that failed with the command that it prints', async () => {
    const failed = all.scenarios.find(({ status }) => status === 'failed')!;
    expect(failed.reproduce).to.equal('dmalab run picky.ts --matrix translation=lazy coherency=off --seed 3');
    const [, ...command] = failed.reproduce.split(' ');
    const result = await dmalab(folder, ...command, '--json');
    const { scenarios } = parseJson<Report>(result);
    expect(result.code).to.equal(1);
    const withoutTime = (run: Run): object => ({ ...run, wallMilliseconds: 0 });
    expect(scenarios.map(withoutTime)).to.deep.equal([withoutTime(failed)]);
  });

  it('narrows, widens and leaves out', async () => {
    const narrowed = await runJson('.', '-m', 'translation=lazy,strict', 'mask=32');
    expect(narrowed.scenarios.map((run) => `${run.name} ${words(run)}`)).to.deep.equal([
      'picky translation=lazy coherency=on mask=32',
      'picky translation=lazy coherency=off mask=32',
      'plain translation=strict mask=32',
      'plain translation=lazy mask=32',
    ]);
    const out = await runJson('.', '-m', 'translation=swiotlb');
    expect(out.scenarios.map(({ name }) => name)).to.deep.equal(['plain']);
    expect(out.leftOut).to.deep.equal([
      { name: 'picky', case: {}, reason: 'it holds on translation=direct,lazy only' },
    ]);
    expect(out.code).to.equal(0);
  });

  it('tells of failures once, with the command for each', async () => {
    const always = withMatrix('always', "{ mask: 'all' }", "    lab.fail('no');");
    fs.writeFileSync(path.join(folder, 'other', 'always.ts'), always);
    const { stdout, code } = await dmalab(folder, 'run', 'other/always.ts', 'picky.ts', '--matrix', '--seed', '2');
    const body = stdout.split('\n').map((line) => line.trimEnd().replace(/ +[\d.]+ m?s$/, ''));
    expect(code).to.equal(1);
    expect(body.slice(1, 19)).to.deep.equal([
      body[1],
      '',
      '    scenario                cases  passed  failed  left out  warnings     wall',
      '  ✗ always                      2       0       2         0         0',
      '    ✗ mask=64',
      '      no',
      '      at other/always.ts:6:9',
      '      again with dmalab run other/always.ts --matrix mask=64 --seed 2',
      '    ✗ mask=32',
      '      the same',
      '      again with dmalab run other/always.ts --matrix mask=32 --seed 2',
      '  ✗ picky                       4       3       1         0         0',
      '    ✗ translation=lazy coherency=off',
      '      not with lazy',
      '      at picky.ts:8:9',
      '      again with dmalab run picky.ts --matrix translation=lazy coherency=off --seed 2',
      '',
      '  3 passed, 3 failed  in',
    ]);
    expect(body[1]).to.match(/2 scenarios, 6 cases, seed 2/);
  });

  it('names the case in the events and in the log', async () => {
    const told = ['--trace', 'events.jsonl', '--log-level', 'info'];
    const { stderr } = await dmalab(folder, 'run', 'plain.ts', '--matrix', 'mask=32', ...told);
    const [line] = fs.readFileSync(path.join(folder, 'events.jsonl'), 'utf8').split('\n');
    expect(JSON.parse(line!)).to.deep.include({ scenario: 'plain', case: { mask: '32' }, ordinal: 0 });
    expect(stderr).to.include('[plain[mask=32]');
  });

  it('leaves out scenarios that have no two drivers where one of these is named', async () => {
    const { scenarios, leftOut, code } = await runJson('.', 'pairs', '--matrix', 'driver=fixed', 'mask=32');
    expect(scenarios.map((run) => `${run.name} ${words(run)}`)).to.deep.equal(['twins mask=32 driver=fixed']);
    expect(leftOut).to.deep.equal(
      ['picky', 'plain'].map((name) => ({
        ...{ name, case: {}, reason: 'it does not declare axis driver, which is not about the machine' },
      })),
    );
    expect(code).to.equal(0);
  });

  it('is told by list', async () => {
    const { stdout } = await dmalab(folder, 'list', 'picky.ts', 'plain.ts');
    expect(stdout).to.include('matrix: translation=direct,lazy coherency');
    const json = parseJson<{ scenarios: { matrix: object }[] }>(await dmalab(folder, 'list', '.', '--json'));
    expect(json.scenarios.map(({ matrix }) => matrix)).to.deep.equal([
      { translation: ['direct', 'lazy'], coherency: ['on', 'off'] },
      {},
    ]);
  });

  it('is a problem of the file where the declaration is wrong', async () => {
    const { code, stdout } = await dmalab(folder, 'run', 'other/wrong.ts');
    expect(code).to.equal(2);
    expect(stdout.replaceAll(/\s+/g, ' ')).to.include(
      "wrong.ts:2:24: scenario 'wrong': the matrix has no axis 'speed'; its axes are translation, coherency, mask,",
    );
  });

  for (const [args, sentence] of [
    [['speed=all'], "--matrix: the matrix has no axis 'speed'; its axes are translation, coherency, mask, cache, "],
    [['=32'], "--matrix: the matrix has no axis ''; its axes are"],
    [['mask=16'], "--matrix: axis mask has no value '16'; it has 64, 32"],
    [['mask='], "--matrix: axis mask has no value ''; it has 64, 32"],
    [['mask=32,'], "--matrix: axis mask has no value ''; it has 64, 32"],
    [['mask'], '--matrix: axis mask needs values, as in mask=64,32'],
    [['nowhere.ts'], "there is no file, folder or shipped scenario 'nowhere.ts'"],
    [
      ['translation=swiotlb', 'picky.ts'],
      'no scenario has a case of --matrix translation=swiotlb; picky: it holds on translation=direct,lazy only',
    ],
  ] as const) {
    it(`refuses ${args.join(' ')} in one sentence`, async () => {
      const { code, stdout, stderr } = await dmalab(folder, 'run', '--matrix', ...args);
      expect([code, stdout]).to.deep.equal([2, '']);
      expect(stderr).to.match(/^dmalab: [^\n]+\n$/);
      expect(stderr).to.include(sentence);
    });
  }

  it('reads its words: values add up and are put in order, the rest are targets', () => {
    const parse = (text: string): unknown => parseMatrixOption(text.split(' ').filter((word) => word !== ''));
    expect(parse('')).to.deep.equal({ selected: {}, targets: [] });
    expect(parse('mask=32 a.ts translation=lazy,strict mask=64 sg-copy-iommu')).to.deep.equal({
      selected: { translation: ['strict', 'lazy'], mask: ['64', '32'] },
      targets: ['a.ts', 'sg-copy-iommu'],
    });
    expect(parse('cache=all')).to.deep.equal({ selected: { cache: ['plain', 'adversarial'] }, targets: [] });
    expect(() => parse('cache=all,plain')).to.throw(UsageError);
  });
});
