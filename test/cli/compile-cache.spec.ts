import { expect } from 'chai';
import fs from 'node:fs';
import path from 'node:path';
import { keepCompiled } from '../../cli/worker/compile-cache';
import type { Compile } from '../../cli/worker/compiler';
import { compilePackage } from '../support/compiled-package';
import { dmalabWith, makeFolder, parseJson, removeFolder, scenarioText } from '../support/run-dmalab';
import { throwsInHandler, unmapsTwice } from './lib/driver-texts';

const folders: string[] = [];
const folderOf = (files: Readonly<Record<string, string>> = {}): string => {
  const folder = makeFolder(files);
  folders.push(folder);
  return folder;
};

const filesBelow = (folder: string): string[] =>
  fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => {
    return fs.statSync(path.join(folder, name)).isFile();
  });

/** Notes each time that a thread of the command loads the compiler. */
const SPY = `const Module = require('node:module');
const load = Module._load;
Module._load = function (request, ...rest) {
  if (request === 'typescript') require('node:fs').appendFileSync(__filename + '.log', 'loaded\\n');
  return load.call(this, request, ...rest);
};
`;

describe('what is kept of compiled modules', () => {
  after(() => folders.forEach(removeFolder));

  describe('for the command', () => {
    interface Report {
      readonly scenarios: readonly { readonly status: string; readonly failure: object | null }[];
      readonly notLoaded: readonly object[];
    }

    const HELPER =
      'type Gone = number;\n\nexport const fails = (n: Gone): never => {\n  throw new Error(`at ${n}`);\n};\n';
    const CALLER = `import { fails } from './lib/helper';\n${scenarioText('caller', '    fails(1);')}`;
    let home: string;
    let spy: string;

    /** Runs the command in a folder; also tells whether it loaded the compiler. */
    const run = async (cwd: string, words: string, more = {}): Promise<{ output: string; compiles: boolean }> => {
      fs.rmSync(`${spy}.log`, { force: true });
      const env = { XDG_CACHE_HOME: home, NODE_OPTIONS: `--require ${spy}`, ...more };
      const { stdout, stderr } = await dmalabWith(env, cwd, ...words.split(' '));
      const output = (stdout + stderr).replace(/ +[\d.]+ m?s$/gm, ' a while').replace(/("wall\w+"): [\d.]+/g, '$1: 0');
      return { output, compiles: fs.existsSync(`${spy}.log`) };
    };

    const json = async (cwd: string, words: string): Promise<Report & { readonly compiles: boolean }> => {
      const { output, compiles } = await run(cwd, `${words} --json`);
      return { ...parseJson<Report>({ code: 0, stdout: output, stderr: '' }), compiles };
    };

    before(function () {
      this.timeout(120_000);
      compilePackage();
      home = folderOf();
      spy = path.join(folderOf({ 'spy.cjs': SPY }), 'spy.cjs');
    });

    it('changes nothing of what is reported, line by line', async () => {
      const folder = folderOf({
        'caller.ts': CALLER,
        'lib/helper.ts': HELPER,
        'handler.ts': throwsInHandler('handler'),
        'we ird#%41.cts': unmapsTwice({ name: 'twice' }),
        'script.js': scenarioText('script', "    console.log(new Error('printed').stack);\n    lab.equal(1, 2, 'it');"),
      });
      const before = filesBelow(folder);
      const off = await run(folder, 'run . --json', { DMALAB_NO_CACHE: '1' });
      expect(off.compiles).to.equal(true);
      for (const words of ['run . --json', 'run . --log-level debug']) {
        const more = { XDG_CACHE_HOME: path.join(home, words.slice(-5)) };
        const cold = await run(folder, words, more);
        const warm = await run(folder, words, more);
        expect([cold.compiles, warm.compiles]).to.deep.equal([true, false]);
        expect(warm.output).to.equal(cold.output);
        expect(warm.output).to.contain('we ird#%41.cts').and.to.contain('lib/helper.ts');
        if (words === 'run . --json') expect(warm.output).to.equal(off.output);
      }
      expect(filesBelow(folder)).to.deep.equal(before);
    });

    it('compiles what has changed, an imported module as well, and finds lines where the files are now', async () => {
      const files = { 'caller.ts': CALLER, 'lib/helper.ts': HELPER };
      const folder = folderOf(files);
      const place = { file: 'lib/helper.ts', line: 4, column: 9, message: 'Error: at 1' };
      expect((await json(folder, 'run caller.ts')).scenarios[0]!.failure).to.include(place);
      fs.writeFileSync(path.join(folder, 'lib/helper.ts'), `\n${HELPER.replace('at', 'now at')}`);
      const changed = await json(folder, 'run caller.ts');
      expect(changed.compiles).to.equal(true);
      expect(changed.scenarios[0]!.failure).to.include({ ...place, line: 5, message: 'Error: now at 1' });
      const elsewhere = await json(folderOf(files), 'run caller.ts');
      expect(elsewhere.compiles).to.equal(false);
      expect(elsewhere.scenarios[0]!.failure).to.include(place);
    });

    it('tells each time what is wrong with a module, with or without a look at types', async () => {
      const typo = `const n: number = 'one';\n${scenarioText('typo', '    lab.note(String(n));')}`;
      const folder = folderOf({ 'typo.ts': typo, 'syntax.ts': 'const a = ;' });
      const syntax = { file: 'syntax.ts', line: 1, column: 11, message: 'Expression expected.' };
      const type = {
        file: 'typo.ts',
        line: 1,
        column: 7,
        message: "Type 'string' is not assignable to type 'number'.",
      };
      for (const time of ['first', 'second']) {
        const report = await json(folder, 'run .');
        expect(report.notLoaded, time).to.deep.equal([syntax]);
        expect(report.scenarios[0]!.status).to.equal('passed');
      }
      expect(await json(folder, 'run . --typecheck')).to.deep.include({ notLoaded: [syntax, type], scenarios: [] });
    });

    it('keeps it for the formats of dump, format and compare as well', async () => {
      const format = `import { descriptors as d } from 'dmalab';
export const mine = d.format({
  name: 'mine',
  entry: d.descriptor('entry', { a: d.word64(d.addressOf('data')), l: d.word32(d.lengthIn(1)), o: d.word32(d.marks('done')) }),
  follow: d.ring(),
  ownership: { kind: 'indices' },
  completion: { kind: 'in-place' },
  doorbell: { register: 'TAIL', value: 'tail-index' },
});
`;
      const folder = folderOf({ 'mine.ts': format });
      const first = await run(folder, 'format mine.ts');
      expect(await run(folder, 'format mine.ts')).to.deep.equal({ ...first, compiles: false });
      expect(first).to.deep.include({ compiles: true }).and.property('output').to.contain('## entry');
    });
  });

  describe('in its folder', () => {
    const compile: Compile = (source, file) => {
      compiled.push(file);
      if (source === 'wrong') throw new Error('as it is');
      return `compiled ${source}`;
    };
    const compiled: string[] = [];
    let home: string;

    /** A compiler as a command in a folder has it. */
    const start = (cwd = home, env: NodeJS.ProcessEnv = {}, version = '1'): Compile => {
      const all = { HOME: home, XDG_CACHE_HOME: home, ...env };
      return keepCompiled(compile, () => version, { cwd: () => cwd, env: all });
    };

    const kept = (...more: string[]): string[] => {
      const folder = path.join(home, ...more, 'dmalab');
      return fs.existsSync(folder) ? fs.readdirSync(folder).map((name) => path.join(folder, name)) : [];
    };

    /** Expects the right result, and compilation or not. */
    const expectOf = (one: Compile, source: string, count: number, file = '/a/b.ts'): void => {
      compiled.length = 0;
      expect(one(source, file)).to.equal(`compiled ${source}`);
      expect(compiled).to.have.lengthOf(count);
    };

    beforeEach(() => {
      home = folderOf();
    });

    it('takes what was compiled earlier, as long as nothing that matters differs', () => {
      expectOf(start(), 'x', 1);
      expectOf(start(), 'x', 0);
      expectOf(start(), 'x', 0, '/another/b.ts');
      expectOf(start(), 'y', 1);
      expectOf(start(), 'x', 1, '/a/c.ts');
      expectOf(start(), 'x', 1, '/a/b.cts');
      expectOf(start(home, {}, '2'), 'x', 1);
      expect(kept()).to.have.lengthOf(5);
    });

    it('keeps nothing of what cannot be compiled', () => {
      expect(() => start()('wrong', '/a/b.ts')).to.throw('as it is');
      expect(kept()).to.deep.equal([]);
    });

    it('keeps nothing if told so', () => {
      expectOf(start(home, { DMALAB_NO_CACHE: '1' }), 'x', 1);
      expect(fs.readdirSync(home)).to.deep.equal([]);
    });

    it('lets nobody else in', () => {
      start()('x', '/a/b.ts');
      expect(fs.statSync(path.join(home, 'dmalab')).mode & 0o777).to.equal(0o700);
      expect(fs.statSync(kept()[0]!).mode & 0o777).to.equal(0o600);
    });

    const damages: Record<string, (file: string) => void> = {
      'was cut off': (file) => fs.truncateSync(file, fs.statSync(file).size - 1),
      'is empty': (file) => fs.truncateSync(file),
      'has a byte changed': (file) => fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(/x$/, 'y')),
      "is another's": (file) =>
        fs.renameSync(
          kept().find((other) => other !== file)!,
          file,
        ),
      'could have been written by somebody else': (file) => fs.chmodSync(file, 0o666),
    };
    for (const [what, damage] of Object.entries(damages)) {
      it(`compiles anew if a kept file ${what}, and keeps that`, () => {
        start()('x', '/a/b.ts');
        const [file] = kept();
        start()('y', '/a/b.ts');
        damage(file!);
        expectOf(start(), 'x', 1);
        expectOf(start(), 'x', 0);
      });
    }

    it('goes on without if its folder is in the way, gone, or open to others', () => {
      fs.writeFileSync(path.join(home, 'dmalab'), 'a file');
      expectOf(start(), 'x', 1);
      expectOf(start(), 'x', 1);
      fs.rmSync(path.join(home, 'dmalab'));
      const one = start();
      fs.rmSync(path.join(home, 'dmalab'), { recursive: true });
      expectOf(one, 'x', 1);
      fs.mkdirSync(path.join(home, 'dmalab'));
      fs.chmodSync(path.join(home, 'dmalab'), 0o777);
      expectOf(start(), 'x', 1);
      expect(kept()).to.deep.equal([]);
      expectOf(start('/gone', { XDG_CACHE_HOME: path.join(home, 'dmalab', '\0') }), 'x', 1);
    });

    it('has it in node_modules of the package around, if there is such a folder to write to', () => {
      const inside = path.join(home, 'project', 'src');
      fs.mkdirSync(inside, { recursive: true });
      expectOf(start(inside), 'x', 1);
      expect(kept()).to.have.lengthOf(1);
      fs.writeFileSync(path.join(home, 'project', 'package.json'), '{}');
      expectOf(start(inside), 'x', 0);
      fs.mkdirSync(path.join(home, 'project', 'node_modules'));
      expectOf(start(inside), 'x', 1);
      expect(kept('project', 'node_modules', '.cache')).to.have.lengthOf(1);
      expectOf(start(inside), 'x', 0);
      fs.rmSync(path.join(home, 'project', 'node_modules'), { recursive: true });
      fs.writeFileSync(path.join(home, 'project', 'node_modules'), 'a file');
      expectOf(start(inside), 'x', 0);
    });

    it("takes the user's folder for caches where that is not said", () => {
      for (const caches of ['', 'relative/path']) {
        const one = start(home, { XDG_CACHE_HOME: caches });
        one(caches, '/a/b.ts');
      }
      expect(kept('.cache')).to.have.lengthOf(2);
    });

    it('gives up what was not used for longest', () => {
      start()('used', '/a/b.ts');
      const [used] = kept();
      const old = path.join(home, 'dmalab');
      for (let i = 0; i < 600; i++) {
        const file = path.join(old, i.toString(16).padStart(64, '0'));
        fs.writeFileSync(file, '');
        fs.utimesSync(file, 1000 + i, 1000 + i);
      }
      fs.writeFileSync(path.join(old, 'README'), 'not ours');
      fs.utimesSync(used!, 1, 1);
      expectOf(start(), 'used', 0);
      expectOf(start(), 'new', 1);
      expectOf(start(), 'used', 0);
      expectOf(start(), 'new', 0);
      expect(kept()).to.have.lengthOf(501);
      expect(kept().map((file) => path.basename(file)))
        .to.include('README')
        .and.to.include((599).toString(16).padStart(64, '0'));
      fs.writeFileSync(path.join(old, 'f'.repeat(64)), Buffer.alloc(33 << 20));
      expectOf(start(), 'newest', 1);
      expect(fs.existsSync(path.join(old, 'f'.repeat(64)))).to.equal(false);
    });
  });
});
