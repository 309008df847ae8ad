import { expect } from 'chai';
import fs from 'node:fs';
import path from 'node:path';
import { compilePackage } from '../support/compiled-package';
import { dmalab, makeFolder, parseJson, removeFolder, scenarioText } from '../support/run-dmalab';
import { unmapsTwice } from './lib/driver-texts';

interface Case {
  readonly case: Readonly<Record<string, string>>;
  readonly shows: boolean;
  readonly detected: boolean;
  readonly reports: readonly { readonly id: string; readonly line: number }[];
}

interface Tour {
  readonly summary: Readonly<Record<string, number>>;
  readonly exhibits: readonly {
    readonly number: number;
    readonly status: string;
    readonly detectedUnder: string;
    readonly detectedCases: number;
    readonly missedCases: number;
    readonly falseAlarms: number;
    readonly dmaDebug: string;
    readonly cases: readonly Case[];
  }[];
  readonly notLoaded: readonly { readonly message: string }[];
}

interface ExhibitText {
  readonly number: number;
  readonly shows: string;
  /** When the driver unmaps twice. */
  readonly when: string;
}

/** An exhibit as those that ship are made, in one file. */
const exhibitText = ({ number, shows, when }: ExhibitText): string =>
  unmapsTwice({
    name: `bug-${number}`,
    members: `
  matrix: { translation: ['direct', 'strict'], coherency: 'all', driver: 'all' },
  reports: { allow: ['DMA-UNMAP-UNKNOWN'] },`,
    then: `if (${when}) release(dev, address);`,
  }).replace('export default scenario(', 'const exhibit = scenario(') +
  `
export default {
  ...exhibit,
  exhibit: {
    number: ${number}, name: 'twice', title: 'A buffer is unmapped twice', example: 'nobody', dmaDebug: 'Y',
    reports: ['DMA-UNMAP-UNKNOWN'], shows: ${shows},
  },
};
`;

const buggy = "lab.case.driver === 'buggy'";
const nonCoherent = `${buggy} && lab.case.coherency === 'off'`;

const MUSEUM = {
  'good/02-everywhere.ts': exhibitText({ number: 2, shows: "'everywhere'", when: buggy }),
  'good/01-somewhere.ts': exhibitText({ number: 1, shows: "[{ coherency: ['off'] }]", when: nonCoherent }),
  'good/lib/shared.ts': '',
  'missed/03-missed.ts': exhibitText({ number: 3, shows: "'everywhere'", when: nonCoherent }),
  'accused/04-accused.ts': exhibitText({
    number: 4,
    shows: "'everywhere'",
    when: "lab.case.translation === 'strict' || " + buggy,
  }),
  'strange/plain.ts': scenarioText('plain', ''),
};

describe('dmalab bugs', () => {
  let folder: string;
  let missed: Tour & { stdout: string };
  const tour = async (...words: string[]): Promise<Tour & { code: number; stdout: string }> => {
    const result = await dmalab(folder, 'bugs', ...words, '--json');
    return { ...parseJson<Tour>(result), code: result.code, stdout: result.stdout };
  };

  before(async function () {
    this.timeout(120_000);
    compilePackage();
    folder = makeFolder(MUSEUM);
    missed = await tour('missed');
  });

  after(() => removeFolder(folder));

  it('runs both drivers over the matrix, and says under which back ends a bug is detected', async () => {
    const { exhibits, summary, notLoaded, code } = await tour('good');
    expect(
      exhibits.map(({ cases: _cases, ...rest }) => rest).map((each) => [each.number, each.status, each.detectedUnder]),
    ).to.deep.equal([
      [1, 'passed', 'non-coherent'],
      [2, 'passed', 'everywhere'],
    ]);
    expect(exhibits[0]).to.include({ detectedCases: 2, missedCases: 0, falseAlarms: 0, dmaDebug: 'Y' });
    expect(exhibits[0]!.cases).to.have.lengthOf(8);
    expect(exhibits[0]!.cases[1]).to.deep.include({
      case: { translation: 'direct', coherency: 'off', driver: 'buggy' },
      ...{ shows: true, detected: true },
    });
    expect(exhibits[0]!.cases[1]!.reports[0]).to.include({ id: 'DMA-UNMAP-UNKNOWN', line: 5 });
    expect(summary).to.include({ exhibits: 2, detected: 2, failed: 0, falseAlarms: 0, cases: 16, notLoaded: 0 });
    expect(notLoaded).to.deep.equal([]);
    expect(code).to.equal(0);
  });

  it('prints the table', async () => {
    const { stdout, code } = await dmalab(folder, 'bugs', 'good');
    const text = stdout.replaceAll(/ +/g, ' ');
    expect(text).to.include('✓ 1 A buffer is unmapped twice non-coherent 0 yes\n DMA-UNMAP-UNKNOWN 2 of 4 cases\n');
    expect(text).to.include('✓ 2 A buffer is unmapped twice everywhere 0 yes\n DMA-UNMAP-UNKNOWN 4 of 4 cases\n');
    expect(text).to.include('\n 2 of 2 bugs detected, 0 false alarms; dma-debug: 2 of them, 0 partly\n');
    expect(text).to.match(/\n 16 cases in \d.* per second\n/);
    expect(code).to.equal(0);
  });

  it('fails where a bug is not detected although it shows', async () => {
    const { stdout, code } = await dmalab(folder, 'bugs', 'missed');
    expect(stdout).to.include('not detected in 2 cases where it shows: coherent\n');
    const words = 'translation=direct coherency=on driver=buggy';
    expect(stdout).to.include(`again with dmalab run missed/03-missed.ts --matrix ${words} --seed 1\n`);
    expect(code).to.equal(1);
    expect(missed.exhibits[0]).to.include({ status: 'failed', missedCases: 2 });
  });

  it('fails where the fixed driver is reported', async () => {
    const { stdout, code } = await dmalab(folder, 'bugs', 'accused');
    expect(stdout.replaceAll(/\s+/g, ' ')).to.include(
      'the fixed driver is reported in 2 cases: IOMMU; DMA-UNMAP-UNKNOWN at accused/04-accused.ts:5: ',
    );
    expect(code).to.equal(1);
    expect((await tour('accused')).exhibits[0]).to.include({ status: 'failed', falseAlarms: 2 });
  });

  it('runs a part of the matrix', async () => {
    const { exhibits, code } = await tour('good', '--matrix', 'coherency=on');
    expect(exhibits.map(({ detectedUnder }) => detectedUnder)).to.deep.equal(['nowhere', 'everywhere']);
    expect(code).to.equal(0);
    const { summary } = await tour('good', '--matrix', 'driver=fixed');
    expect(summary).to.include({ exhibits: 2, tried: 0, detected: 0, failed: 0, cases: 8 });
  });

  it('takes exhibits only', async () => {
    const { notLoaded, code } = await tour('strange');
    expect(notLoaded.map(({ message }) => message)).to.deep.equal([
      "scenario 'plain' is no exhibit: 'dmalab run' runs it",
    ]);
    expect(code).to.equal(2);
  });

  it('without targets shows the museum that ships, whose exhibits run has by name', async () => {
    const { exhibits, code } = await tour(
      '--filter',
      'bug-0',
      '--matrix',
      'translation=strict',
      'coherency=off',
      'mask=64',
    );
    expect(exhibits.map(({ number }) => number)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(exhibits.flatMap(({ status }) => status)).to.not.include('failed');
    expect(code).to.equal(0);
    const one = await dmalab(folder, 'run', 'bugs/01-missing-sync-for-cpu', '--json');
    expect(one.code).to.equal(0);
  });

  it('has every option and every field of the JSON documented', async () => {
    const page = fs.readFileSync(path.resolve(__dirname, '../../docs/cli.md'), 'utf8');
    const { stdout } = await dmalab(folder, 'bugs', '--help');
    for (const [, option] of stdout.matchAll(/^ +(?:-\w, )?(--[\w-]+)/gm))
      expect(page, option).to.include(`\`${option!}`);
    for (const [, field] of missed.stdout.matchAll(/"(\w+)":/g)) {
      expect(page, field).to.include(`\`${field!}\``);
    }
  });
});
