import { expect } from 'chai';
import fs from 'node:fs';
import path from 'node:path';
import { compilePackage } from '../support/compiled-package';
import { dmalab, makeFolder, parseJson, removeFolder, type CommandResult } from '../support/run-dmalab';
import { unmapsTwice } from './lib/driver-texts';

interface Report {
  readonly scenarios: readonly {
    readonly failure: { readonly kind: string; readonly message: string; readonly file: string; readonly line: number };
    readonly measures: object;
    readonly reproduce: string;
  }[];
}

describe('dmalab: the sanitizer', () => {
  let folder: string;
  let watched: CommandResult;
  let unwatched: CommandResult;
  const eventsIn = (name: string): string => fs.readFileSync(path.join(folder, name), 'utf8');

  before(async function () {
    this.timeout(120_000);
    compilePackage();
    folder = makeFolder({ 'twice.ts': unmapsTwice({ name: 'twice' }) });
    const log = ['--json', '--log-level', 'warn'];
    watched = await dmalab(folder, 'run', 'twice.ts', ...log, '--trace', 'watched.jsonl');
    unwatched = await dmalab(folder, 'run', 'twice.ts', ...log, '--trace', 'unwatched.jsonl', '--no-sanitizer');
  });

  after(() => removeFolder(folder));

  it('watches by default, and fails a scenario by the line at fault', () => {
    const [{ failure }] = parseJson<Report>(watched).scenarios as [Report['scenarios'][0]];
    expect(failure).to.include({ kind: 'report', file: 'twice.ts', line: 5 });
    expect(failure.message).to.match(/^DMA-UNMAP-UNKNOWN: /);
    expect(watched.code).to.equal(1);
  });

  it('can be turned off', () => {
    expect(unwatched.code).to.equal(0);
    expect(parseJson<Report>(unwatched).scenarios[0]!.reproduce).to.equal(
      'dmalab run twice.ts --seed 1 --no-sanitizer',
    );
  });

  it('changes nothing of what the machine does', () => {
    const [one, other] = [watched, unwatched].map((result) => parseJson<Report>(result).scenarios[0]!.measures);
    expect(one).to.deep.equal(other);
  });

  it('prints, logs and traces once what happens twice', () => {
    expect(watched.stderr.match(/is being mapped/g)).to.have.lengthOf(1);
    expect(watched.stderr.match(/in the next turn/g)).to.have.lengthOf(1);
    expect(watched.stderr).to.equal(unwatched.stderr);
    expect(eventsIn('watched.jsonl')).to.equal(eventsIn('unwatched.jsonl'));
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
    const [{ reports }] = parseJson<{ scenarios: [{ reports: { file: string; line: number }[] }] }>(result).scenarios;
    expect(reports.map(({ file, line }) => `${file}:${line}`)).to.include(`16-unmap-wrong-address.ts:${marked}`);
  });
});
