import { expect } from 'chai';
import fs from 'node:fs';
import path from 'node:path';
import { compilePackage } from '../support/compiled-package';
import { dmalab, makeFolder, parseJson, removeFolder, scenarioText, type CommandResult } from '../support/run-dmalab';

interface Report {
  readonly scenarios: readonly { readonly notes: string[]; readonly measures: { readonly traceHash: string } }[];
}

const chance = scenarioText('chance', '    lab.note(`drew ${lab.rng.nextU32()}`);');
const broken = scenarioText('broken', "    lab.note('so far so good');\n    lab.fail('it does not add up');");

describe('dmalab: running and reporting', () => {
  let folder: string;
  let brokenJson: CommandResult;

  before(async function () {
    this.timeout(120_000);
    compilePackage();
    folder = makeFolder({ 'chance.ts': chance, 'broken.ts': broken });
    brokenJson = await dmalab(folder, 'run', 'broken.ts', '--json', '--seed', '5');
  });

  after(() => removeFolder(folder));

  it('prints its version and its help', async () => {
    const version = await dmalab(folder, '--version');
    const { version: expected } = JSON.parse(fs.readFileSync('package.json', 'utf8')) as { version: string };
    expect(version).to.deep.equal({ code: 0, stdout: `${expected}\n`, stderr: '' });
    const help = await dmalab(folder, 'run', '--help');
    expect(help.code).to.equal(0);
    expect(help.stdout).to.include('Usage: dmalab run [options] [targets...]');
  });

  it('says in one line what is wrong with its usage, and exits with 2', async () => {
    expect(await dmalab(folder, 'run', 'nowhere.ts')).to.deep.equal({
      code: 2,
      stdout: '',
      stderr: "dmalab: there is no file, folder or shipped scenario 'nowhere.ts'\n",
    });
    expect(await dmalab(folder, 'run', '.', '--jobs', '2', '--trace', 'out.jsonl')).to.deep.equal({
      code: 2,
      stdout: '',
      stderr: 'dmalab: --trace writes one case after the other: it takes no --jobs above 1\n',
    });
    expect(fs.existsSync(path.join(folder, 'out.jsonl'))).to.equal(false);
    expect(await dmalab(folder, 'run', '.', '--filter', 'nope', '--json')).to.deep.equal({
      code: 2,
      stdout: '',
      stderr: "dmalab: no scenario's name matches --filter nope; there are: broken, chance\n",
    });
  });

  it('lists the shipped scenarios, which are named like their files and described', async () => {
    const result = await dmalab(folder, 'list', '--json');
    const { scenarios } = parseJson<{ scenarios: { name: string; description: string; file: string }[] }>(result);
    expect(result.code).to.equal(0);
    expect(scenarios).not.to.be.empty;
    for (const { name, description, file } of scenarios) {
      expect(path.basename(file, '.js')).to.equal(name);
      expect(description).not.to.equal('');
    }
  });

  it('repeats a run with the same seed, and not with another', async () => {
    const runs = ['7', '7', '8'].map((seed) => dmalab(folder, 'run', 'chance.ts', '--json', '--seed', seed));
    const [first, second, other] = (await Promise.all(runs)).map((run) => parseJson<Report>(run).scenarios[0]!);
    expect(second!.notes).to.deep.equal(first!.notes);
    expect(second!.measures).to.deep.equal(first!.measures);
    expect(other!.notes).not.to.deep.equal(first!.notes);
    expect(other!.measures.traceHash).not.to.equal(first!.measures.traceHash);
  });

  it('writes results and events to files', async () => {
    const result = await dmalab(
      folder,
      'run',
      'chance.ts',
      '--json',
      '--json-file',
      'out.json',
      '--trace',
      'out.jsonl',
    );
    const strip = (text: string): unknown =>
      JSON.parse(text.replaceAll(/"wallMilliseconds": [\d.]+/g, '"wallMilliseconds": 0'));
    expect(strip(fs.readFileSync(path.join(folder, 'out.json'), 'utf8'))).to.deep.equal(strip(result.stdout));
    const lines = fs.readFileSync(path.join(folder, 'out.jsonl'), 'utf8').trimEnd().split('\n');
    const events = lines.map(
      (line) => JSON.parse(line) as { scenario: string; ordinal: number; type: string; text?: string },
    );
    expect(events.map(({ ordinal }) => ordinal)).to.deep.equal(events.map((_, index) => index));
    const [note] = parseJson<Report>(result).scenarios[0]!.notes;
    expect(events.find(({ type }) => type === 'note')).to.include({ scenario: 'chance', text: note });
  });

  it('shows a failure with its notes, its place and the command that repeats it', async () => {
    const { code, stdout } = await dmalab(folder, 'run', 'broken.ts', '--seed', '5');
    const lines = stdout.split('\n').map((line) => line.trimEnd());
    expect(code).to.equal(1);
    expect(lines).to.include('    · so far so good');
    expect(lines).to.include('    it does not add up');
    expect(lines).to.include('    at broken.ts:6:9');
    expect(lines).to.include('    again with dmalab run broken.ts --seed 5');
    expect(stdout).to.match(/\n {2}0 passed, 1 failed {2}in \d/);
    expect(stdout).not.to.include('\u001b');
  });

  it('prints nothing but JSON, in the documented shape', () => {
    const report = parseJson<Record<string, unknown> & { scenarios: Record<string, unknown>[] }>(brokenJson);
    const [scenario] = report.scenarios;
    expect(Object.keys(report)).to.deep.equal([
      ...['format', 'dmalab', 'seed', 'sanitizer', 'summary', 'scenarios', 'leftOut', 'notLoaded', 'baseline'],
    ]);
    expect(report.format).to.equal(1);
    expect(Object.keys(report.summary as object)).to.deep.equal(['passed', 'failed', 'notLoaded', 'wallMilliseconds']);
    expect(scenario).to.deep.include({
      name: 'broken',
      description: '',
      file: 'broken.ts',
      status: 'failed',
      failure: { kind: 'check', message: 'it does not add up', file: 'broken.ts', line: 6, column: 9, log: [] },
      notes: ['so far so good'],
      reproduce: 'dmalab run broken.ts --seed 5',
    });
    expect(Object.keys(scenario!.measures as object).sort()).to.deep.equal(
      ['simulatedTime', 'events', 'traceHash', 'warnings', 'faults', 'bytesRead', 'bytesWritten', 'interrupts'].sort(),
    );
  });

  it('documents every option and every field of the JSON', async () => {
    const page = fs.readFileSync(path.resolve(__dirname, '../../docs/cli.md'), 'utf8');
    const { stdout } = await dmalab(folder, 'run', '--help');
    const options = [...stdout.matchAll(/^ +(?:-\w, )?(--[\w-]+)/gm)].map(([, option]) => option!);
    expect(options).to.have.lengthOf(15);
    for (const option of options) expect(page, option).to.include(`\`${option}`);
    for (const [, field] of brokenJson.stdout.matchAll(/"(\w+)":/g)) expect(page, field).to.include(`\`${field!}\``);
  });
});
