import { expect } from 'chai';
import { compilePackage } from '../support/compiled-package';
import { dmalab, makeFolder, parseJson, removeFolder, scenarioText, type CommandResult } from '../support/run-dmalab';

interface Problem {
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
  readonly message: string;
}

interface Report {
  readonly scenarios: readonly { readonly name: string; readonly file: string; readonly status: string }[];
  readonly notLoaded: readonly Problem[];
}

const LAST_LINE = "'export default scenario({ name, run })'";
const IMPORT = "import { scenario } from 'dmalab';\n";
const PASSES = 'export default scenario({ name: "twin", run() {} });\n';

/** File -> its text, where the problem is, and the sentence. */
const unusable: Record<string, readonly [text: string, line: number | null, column: number | null, message: string]> = {
  'array.ts': [
    'export default [1];',
    null,
    null,
    `its default export is an array, not a scenario: it must be ${LAST_LINE}`,
  ],
  'await.ts': [
    `${IMPORT}await null;\n${PASSES}`,
    null,
    null,
    "has an 'await' at its top level: a scenario module must be loaded in one go",
  ],
  'exit.ts': [
    '\n  process.exit(0);',
    2,
    11,
    'process.exit(0) in a scenario: it passes by returning and fails by throwing',
  ],
  'function.ts': [
    'export default () => 1;',
    null,
    null,
    `its default export is a function, not a scenario: it must be ${LAST_LINE}`,
  ],
  'loop.ts': [
    'interface Nothing {\n  a: number;\n}\nwhile (true);',
    4,
    1,
    'is not loaded (no answer after 4 s): does it loop at its top level?',
  ],
  'misnamed.ts': [
    `${IMPORT}\nexport default scenario({ name: 'Not This', run() {} });`,
    3,
    24,
    'a scenario needs a name of lower-case words joined by hyphens, like \'sg-copy\'; this one has "Not This"',
  ],
  'missing.ts': [`${IMPORT}import { a } from './helper';\n export default a;`, 2, 1, "cannot find module './helper'"],
  'named.ts': [
    `${IMPORT}export const mine = scenario({ name: 'mine', run() {} });`,
    null,
    null,
    "it exports its scenario as 'mine': make it the default export",
  ],
  'no-default.ts': [
    'export const mine = 1;',
    null,
    null,
    `it has no default export: a scenario file needs ${LAST_LINE}`,
  ],
  'nothing.ts': ['const mine = 1;', null, null, `it exports nothing: a scenario file needs ${LAST_LINE}`],
  'rejects.ts': [
    `${IMPORT}\nvoid Promise.reject(new TypeError('lost'));\n${PASSES}`,
    3,
    21,
    'throws while it is loaded: TypeError: lost',
  ],
  'report.ts': [
    `${IMPORT}\nexport default scenario({ name: 'report', reports: { allow: ['DMA-LEEK'] }, run() {} });`,
    3,
    24,
    "scenario 'report': reports.allow: there is no report 'DMA-LEEK'; docs/reports.md lists them",
  ],
  'syntax.ts': [`${IMPORT}\nexport default scenario({ name: 'a' run() {} });`, 3, 37, "',' expected."],
  'throws.ts': [
    'interface Gone {\n  a: number;\n}\n\nthrow new RangeError("at load");',
    5,
    7,
    'throws while it is loaded: RangeError: at load',
  ],
  'throws-null.ts': ['throw null;', null, null, 'cannot be loaded: it threw null'],
  'twin-b.ts': [IMPORT + PASSES, null, null, "its name 'twin' is taken by twin-a.ts: give it another"],
};

const folders: string[] = [];
const folderOf = (files: Readonly<Record<string, string>>): string => {
  const folder = makeFolder(files);
  folders.push(folder);
  return folder;
};

describe('dmalab: loading scenarios', () => {
  before(function () {
    this.timeout(120_000);
    compilePackage();
  });

  after(() => folders.forEach(removeFolder));

  describe('that cannot be loaded', () => {
    let report: Report;
    let result: CommandResult;

    before(async () => {
      const texts = Object.entries(unusable).map(([file, [text]]) => [file, text] as const);
      const folder = folderOf({ ...Object.fromEntries(texts), 'twin-a.ts': IMPORT + PASSES });
      result = await dmalab(folder, 'run', '.', '--json', '--timeout', '4');
      report = parseJson<Report>(result);
    });

    for (const [file, [, line, column, message]] of Object.entries(unusable)) {
      it(`tells what is wrong with ${file}`, () => {
        const problems = report.notLoaded.filter((problem) => problem.file === file);
        expect(problems).to.deep.equal([{ file, line, column, message }]);
      });
    }

    it('runs the others all the same, and exits with 2', () => {
      expect(report.scenarios.map(({ name, status }) => `${name} ${status}`)).to.deep.equal(['twin passed']);
      expect(report.notLoaded).to.have.lengthOf(Object.keys(unusable).length);
      expect(result.code).to.equal(2);
      expect(result.stderr).to.equal('');
    });
  });

  describe('from any folder', () => {
    const helper = 'export type Unused = string;\n\nexport const twice = (n: number): number => 2 * n;\n';
    const typed = `import { twice } from './lib/helper';\n${scenarioText('typed', "    lab.equal(twice(2), 4, 'twice two');")}`;
    const oldStyle =
      "const { scenario } = require('dmalab');\nmodule.exports = scenario({ name: 'old-style', run() {} });\n";
    const files = {
      'lib/helper.ts': helper,
      'typed.ts': typed,
      'declared.d.ts': 'export {};',
      'common.cts': scenarioText('common', ''),
      'script.js': scenarioText('script', ''),
      'old-style.cjs': oldStyle,
    };
    const passed = ['common', 'old-style', 'script', 'typed'];

    for (const [kind, packageFiles] of Object.entries({
      'an empty one': {},
      'one whose package.json says "type": "module"': { 'package.json': '{ "type": "module" }' },
      'one with a tsconfig of its own': {
        'tsconfig.json': '{ "compilerOptions": { "module": "esnext", "noEmit": true',
      },
      'one where another dmalab is installed': { 'node_modules/dmalab/index.js': 'throw new Error("the wrong one");' },
    })) {
      it(kind, async () => {
        const folder = folderOf({ ...files, ...packageFiles });
        const result = await dmalab(folder, 'run', '.', '--json');
        const { scenarios, notLoaded } = parseJson<Report>(result);
        expect(notLoaded).to.deep.equal([]);
        expect(scenarios.filter(({ status }) => status === 'passed').map(({ name }) => name)).to.deep.equal(passed);
        expect(result.code).to.equal(0);
      });
    }
  });

  describe('of descriptor formats', () => {
    const format = `import { descriptors } from 'dmalab';
const { addressOf, descriptor, format, lengthIn, marks, ring, word32, word64 } = descriptors;
export const mine = format({
  name: 'mine',
  entry: descriptor('d', { a: word64(addressOf('data')), l: word32(lengthIn(1)), o: word32(marks('done')) }),
  follow: ring(),
  ownership: { kind: 'indices' },
  completion: { kind: 'in-place' },
  doorbell: { register: 'TAIL', value: 'tail-index' },
});
`;
    const folder = (): string =>
      folderOf({
        'format.ts': format,
        'both.ts': `export { mine } from './format';\nexport default 1;`,
        'uses.ts': `import { mine } from './format';\n${scenarioText('uses', "    lab.equal(mine.name, 'mine', 'name');")}`,
      });

    it('passes over a module that is there for them, beside scenarios', async () => {
      const result = await dmalab(folder(), 'run', 'format.ts', 'uses.ts', '--json');
      expect(parseJson<Report>(result).notLoaded).to.deep.equal([]);
      expect(result.code).to.equal(0);
    });

    it('says so where there is nothing else, or something else is wrong with it', async () => {
      const message = "it exports descriptor formats and no scenario: 'dmalab format' prints them";
      const alone = await dmalab(folder(), 'run', 'format.ts', '--json');
      const place = { file: 'format.ts', line: null, column: null };
      expect(parseJson<Report>(alone).notLoaded).to.deep.equal([{ ...place, message }]);
      expect(alone.code).to.equal(2);
      const both = parseJson<Report>(await dmalab(folder(), 'run', '.', '--json'));
      const wrong = `its default export is a number, not a scenario: it must be ${LAST_LINE}`;
      expect(both.notLoaded).to.deep.equal([{ ...place, file: 'both.ts', message: wrong }]);
    });
  });

  describe('with --typecheck', () => {
    it('tells every type error with its place, and runs what is right', async function () {
      this.timeout(60_000);
      const wrong = `${IMPORT}const n: number = 'one';\nexport default scenario({ name: 'wrong', run: (lab) => lab.nothing(n) });\n`;
      const folder = folderOf({
        'package.json': '{ "type": "module" }',
        'wrong.ts': wrong,
        'right.ts': scenarioText('right', "    console.log('printed');\n    lab.note('fine');"),
      });
      const result = await dmalab(folder, 'run', '.', '--json', '--typecheck');
      const { scenarios, notLoaded } = parseJson<Report>(result);
      expect(notLoaded).to.deep.equal([
        { file: 'wrong.ts', line: 2, column: 7, message: "Type 'string' is not assignable to type 'number'." },
        {
          file: 'wrong.ts',
          line: 3,
          column: 60,
          message: "Property 'nothing' does not exist on type 'ScenarioContext'.",
        },
      ]);
      expect(scenarios.map(({ name, status }) => `${name} ${status}`)).to.deep.equal(['right passed']);
      expect(result.code).to.equal(2);
      expect(result.stderr).to.equal('printed\n');
    });
  });
});
