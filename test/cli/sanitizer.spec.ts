import { expect } from 'chai';
import fs from 'node:fs';
import path from 'node:path';
import { compilePackage } from '../support/compiled-package';
import { dmalab, makeFolder, parseJson, removeFolder, type CommandResult } from '../support/run-dmalab';
import { unmapsTwice } from './lib/driver-texts';

interface Place {
  readonly file: string | null;
  readonly line: number | null;
}

interface ReportedScenario {
  readonly failure: ({ readonly kind: string; readonly message: string } & Place) | null;
  readonly measures: { readonly events: number };
  readonly reports: readonly (Place & {
    readonly id: string;
    readonly expected: boolean;
    readonly count: number;
    readonly at: number;
    readonly places: readonly (Place & { readonly what: string; readonly callers: readonly Place[] })[];
  })[];
  readonly reproduce: string;
}

interface Results {
  readonly sanitizer: boolean;
  readonly scenarios: readonly [ReportedScenario, ...ReportedScenario[]];
}

const onlyScenario = (result: CommandResult): ReportedScenario => parseJson<Results>(result).scenarios[0];

const linesOf = ({ stdout }: CommandResult): string[] => stdout.split('\n').map((line) => line.trimEnd());

/** So much that the lines of what comes after it are not remembered. */
const MANY_MAPPINGS =
  'for (let i = 0; i < 300; i++) { const other = dma_map_single(dev, buffer, 100, DMA_TO_DEVICE); ' +
  "lab.ok(dma_mapping_error(dev, other), 'dma_map_single'); dma_unmap_single(dev, other, 100, DMA_TO_DEVICE); }";

describe('dmalab: the sanitizer', () => {
  let folder: string;
  let watched: CommandResult;
  let unwatched: CommandResult;
  const textOf = (name: string): string => fs.readFileSync(path.join(folder, name), 'utf8');
  const resultsIn = (name: string): Results => JSON.parse(textOf(name)) as Results;

  before(async function () {
    this.timeout(120_000);
    compilePackage();
    const matrix = "\n  matrix: { translation: ['direct', 'strict'], coherency: 'all' },";
    const members = "\n  reports: { expect: ['DMA-UNMAP-UNKNOWN'] },";
    folder = makeFolder({
      'twice.ts': unmapsTwice({ name: 'twice' }),
      'late.ts': unmapsTwice({ name: 'late', then: `${MANY_MAPPINGS} release(dev, address);` }),
      'known.ts': unmapsTwice({ name: 'known', members }),
      'missing.ts': unmapsTwice({ name: 'missing', members, then: '' }),
      'chosen.ts': unmapsTwice({ name: 'chosen', members: "\n  reports: { allow: () => ['DMA-LEEK'] }," }),
      'matrix.ts': unmapsTwice({
        name: 'matrix',
        members: matrix,
        then: "if (lab.case.coherency === 'off') release(dev, address);",
      }),
    });
    const watch = ['--json-file', 'watched.json', '--log-level', 'warn', '--trace', 'watched.jsonl'];
    watched = await dmalab(folder, 'run', 'twice.ts', ...watch);
    const blind = ['--json-file', 'unwatched.json', '--log-level', 'warn', '--trace', 'unwatched.jsonl'];
    unwatched = await dmalab(folder, 'run', 'twice.ts', ...blind, '--no-sanitizer');
  });

  after(() => removeFolder(folder));

  it('watches by default, and fails a scenario by the line at fault', () => {
    const { failure } = resultsIn('watched.json').scenarios[0];
    expect(failure).to.include({ kind: 'report', file: 'twice.ts', line: 5 });
    expect(failure!.message).to.match(/^DMA-UNMAP-UNKNOWN: /);
    expect(watched.code).to.equal(1);
  });

  it('can be turned off', () => {
    expect(unwatched.code).to.equal(0);
    const { failure, reports, reproduce } = resultsIn('unwatched.json').scenarios[0];
    expect({ failure, reports }).to.deep.equal({ failure: null, reports: [] });
    expect(reproduce).to.equal('dmalab run twice.ts --seed 1 --no-sanitizer');
    expect(['watched.json', 'unwatched.json'].map((name) => resultsIn(name).sanitizer)).to.deep.equal([true, false]);
  });

  it('changes nothing of what the machine does', () => {
    expect(resultsIn('watched.json').scenarios[0].measures).to.deep.equal(
      resultsIn('unwatched.json').scenarios[0].measures,
    );
  });

  it('tells programs the whole story', () => {
    const [report, ...others] = resultsIn('watched.json').scenarios[0].reports;
    expect(others).to.deep.equal([]);
    const { id, file, line, expected, count, at, places } = report!;
    expect({ id, file, line, expected, count, at }).to.deep.equal({
      ...{ id: 'DMA-UNMAP-UNKNOWN', file: 'twice.ts', line: 5, expected: false, count: 1, at: 1 },
    });
    expect(places.map((place) => [place.what, place.file, place.line])).to.deep.equal([
      ['unmapped before', 'twice.ts', 5],
      ['unmapped', 'twice.ts', 5],
    ]);
    expect(places.map(({ callers }) => callers)).to.deep.equal([
      [{ file: 'twice.ts', line: 19 }],
      [{ file: 'twice.ts', line: 20 }],
    ]);
  });

  it('tells people of each report, and not twice of the failure', () => {
    const lines = linesOf(watched);
    expect(lines).to.include('    ✗ DMA-UNMAP-UNKNOWN  no harm this time, but possible here');
    expect(lines).to.include('      at twice.ts:5, called from twice.ts:20');
    expect(lines.find((line) => line.includes('▸'))).to.match(/^ {6}▸ \d+\.\d{3} us {2}unmapped {9}twice\.ts:5$/);
    expect(lines.filter((line) => line.includes('DMA-UNMAP-UNKNOWN'))).to.have.lengthOf(1);
    expect(watched.stdout.replaceAll(/\s+/g, ' ')).to.include('fix: unmap the address that dma_map_* returned, once');
    expect(lines).to.include('    again with dmalab run twice.ts --seed 1');
  });

  it('tells in one line of what the scenario expects', async () => {
    const result = await dmalab(folder, 'run', 'known.ts', '--json-file', 'known.json');
    expect(result.code).to.equal(0);
    expect(linesOf(result)).to.include('    · DMA-UNMAP-UNKNOWN as expected  at known.ts:5');
    expect(result.stdout).not.to.include('fix:');
    expect(resultsIn('known.json').scenarios[0].reports[0]).to.include({ expected: true });
  });

  it('fails a scenario whose report does not come', async () => {
    const result = await dmalab(folder, 'run', 'missing.ts', '--json');
    expect(result.code).to.equal(1);
    expect(onlyScenario(result).failure).to.deep.include({
      kind: 'report',
      message: 'the sanitizer was expected to report DMA-UNMAP-UNKNOWN, and did not',
      file: 'missing.ts',
      line: null,
    });
  });

  it('fails a scenario whose choice of reports is none, and tells of the report all the same', async () => {
    const result = await dmalab(folder, 'run', 'chosen.ts', '--json');
    expect(result.code).to.equal(1);
    const { failure, reports } = onlyScenario(result);
    expect(failure).to.include({
      kind: 'lab',
      message: "reports.allow: there is no report 'DMA-LEEK'; docs/reports.md lists them",
    });
    expect(reports.map(({ id }) => id)).to.deep.equal(['DMA-UNMAP-UNKNOWN']);
  });

  it('groups the cases of a matrix: each report once, each failing case with its command', async () => {
    const result = await dmalab(folder, 'run', 'matrix.ts', '--matrix');
    const lines = linesOf(result);
    expect(result.code).to.equal(1);
    expect(lines.filter((line) => line.includes('✗ DMA-UNMAP-UNKNOWN'))).to.deep.equal([
      '    ✗ DMA-UNMAP-UNKNOWN  × 2  no harm this time, but possible here',
    ]);
    expect(lines).to.include('      in 2 of 4 cases: non-coherent');
    for (const translation of ['direct', 'strict']) {
      const words = `translation=${translation} coherency=off`;
      const at = lines.indexOf(`    ✗ ${words}`);
      expect(lines.slice(at + 1, at + 3)).to.deep.equal([
        '      DMA-UNMAP-UNKNOWN',
        `      again with dmalab run matrix.ts --matrix ${words} --seed 1`,
      ]);
    }
  });

  it('prints, logs and traces as if it were not there', () => {
    expect(watched.stderr).to.equal(unwatched.stderr);
    expect(textOf('watched.jsonl')).to.equal(textOf('unwatched.jsonl'));
  });

  it('names lines late in a long run, and prints, logs and traces once what happens twice', async () => {
    const late = await dmalab(folder, 'run', 'late.ts', '--json-file', 'late.json', '--trace', 'late.jsonl');
    const { failure, reports, measures } = resultsIn('late.json').scenarios[0];
    expect(failure).to.include({ file: 'late.ts', line: 5 });
    expect(reports[0]!.places.map(({ line }) => line)).to.deep.equal([20, 5]);
    expect(late.stderr.match(/is being mapped/g)).to.have.lengthOf(1);
    expect(late.stderr.match(/in the next turn/g)).to.have.lengthOf(1);
    expect(textOf('late.jsonl').trimEnd().split('\n')).to.have.lengthOf(measures.events);
  });

  it('names lines of shipped scenarios in their sources', async () => {
    const exhibit = path.resolve(__dirname, '../../scenarios/bugs/16-unmap-wrong-address.ts');
    const marked =
      fs
        .readFileSync(exhibit, 'utf8')
        .split('\n')
        .findIndex((line) => line.endsWith('// BUG')) + 1;
    const compiled = path.join(path.dirname(compilePackage()), '../scenarios/bugs/16-unmap-wrong-address.js');
    const result = await dmalab(path.dirname(exhibit), 'run', compiled, '--json');
    const { reports } = onlyScenario(result);
    const lines = reports.map(({ file, line }) => `${path.basename(file!)}:${line!}`);
    expect(lines).to.include(`16-unmap-wrong-address.ts:${marked}`);
  });
});
