import { expect } from 'chai';
import fs from 'node:fs';
import path from 'node:path';
import { runCommandLine } from '../../cli/command-line';
import type { RunCommandOptions } from '../../cli/commands/run';
import { createOutputFile } from '../../cli/output-file';
import { createProgram } from '../../cli/program';
import { findFiles } from '../../cli/targets';
import { makeFolder, removeFolder } from '../support/run-dmalab';

/** What the command line asks for, or the sentence that refuses it. */
const parse = async (...words: string[]): Promise<{ command: string; targets: string[]; options: object } | string> => {
  let asked: { command: string; targets: string[]; options: object } | undefined;
  const note =
    (command: string) =>
    async (targets: string[], options: object): Promise<void> => {
      asked = { command, targets, options };
    };
  const actions = {
    run: note('run'),
    bugs: note('bugs'),
    list: note('list'),
    dump: note('dump'),
    compare: note('compare'),
  };
  const format = (name: string | undefined, options: object) =>
    note('format')(name === undefined ? [] : [name], options);
  const program = createProgram('1.2.3', { ...actions, format });
  try {
    await runCommandLine(program, words);
  } catch (error) {
    return (error as Error).message;
  }
  return asked!;
};

const optionsOf = async (...words: string[]): Promise<RunCommandOptions> => {
  const parsed = await parse('run', ...words);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed.options as RunCommandOptions;
};

const refusal = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  return 'not refused';
};

describe('dmalab: the command line', () => {
  it('has defaults for everything', async () => {
    expect(await parse('run')).to.deep.equal({
      command: 'run',
      targets: [],
      options: { seed: 1, sanitizer: true, timeout: 30, memory: 2048, logLevel: 'silent' },
    });
  });

  it('reads every option', async () => {
    const options = await optionsOf(
      ...[
        'a.ts',
        '--seed',
        '0x10',
        '--timeout',
        '0.5',
        '--memory',
        '64',
        '--log-level',
        'debug',
        '--json',
        '--typecheck',
      ],
      ...[
        '--time-limit',
        '2.5',
        '--no-sanitizer',
        '--baseline',
        'old.json',
        '--json-file',
        'out.json',
        '--trace',
        'out.jsonl',
        '--filter',
        'sg',
      ],
    );
    expect(options).to.deep.include({
      seed: 16,
      timeout: 0.5,
      memory: 64,
      logLevel: 'debug',
      json: true,
      typecheck: true,
    });
    expect(options).to.include({ timeLimit: 2.5, sanitizer: false, baseline: 'old.json' });
    expect(options).to.include({ jsonFile: 'out.json', trace: 'out.jsonl' });
  });

  it('filters by a part of the name or by a regular expression', async () => {
    const keeps = async (text: string): Promise<string[]> => {
      const { filter } = await optionsOf('--filter', text);
      return ['sg-copy', 'dmatest', 'copy-sg'].filter((name) => filter!.keeps(name));
    };
    expect(await keeps('sg')).to.deep.equal(['sg-copy', 'copy-sg']);
    expect(await keeps('SG-copy')).to.deep.equal(['sg-copy']);
    expect(await keeps('/^sg|TEST$/i')).to.deep.equal(['sg-copy', 'dmatest']);
    expect(await keeps('/s/g')).to.deep.equal(['sg-copy', 'dmatest', 'copy-sg']);
  });

  const refused: Record<string, string> = {
    rnu: "unknown command 'rnu': did you mean run?",
    wiggle: "unknown command 'wiggle'; 'dmalab --help' tells what there is",
    'package.json': "unknown command 'package.json': did you mean 'dmalab run package.json'?",
    'run --sed 3': "unknown option '--sed': did you mean --seed?",
    'run --wiggle': "unknown option '--wiggle'; 'dmalab --help' tells what there is",
    'list --seed 3': "unknown option '--seed'; 'dmalab --help' tells what there is",
    'run --seed': "option '-s, --seed <number>' argument missing; 'dmalab --help' tells what there is",
    'run --seed abc': "--seed takes a whole number from 0 to 4294967295, not 'abc'",
    'run --seed -1': "--seed takes a whole number from 0 to 4294967295, not '-1'",
    'run --seed 1.5': "--seed takes a whole number from 0 to 4294967295, not '1.5'",
    'run --seed 4294967296': "--seed takes a whole number from 0 to 4294967295, not '4294967296'",
    'run --jobs 0': "--jobs takes a whole number from 1 to 256, not '0'",
    'bugs -j many': "--jobs takes a whole number from 1 to 256, not 'many'",
    'run --timeout 0': "--timeout takes a number of seconds above 0, at most 2147483, not '0'",
    'run --timeout soon': "--timeout takes a number of seconds above 0, at most 2147483, not 'soon'",
    'dump --at soon':
      "--at takes 'end', a simulated time like 1.5ms or 300ns, 'event:<number>', 'report' or 'report:<id>', not 'soon'",
    'dump --at 3':
      "--at takes 'end', a simulated time like 1.5ms or 300ns, 'event:<number>', 'report' or 'report:<id>', not '3'",
    'dump --at report:DMA-NONE': "--at report:DMA-NONE: there is no report 'DMA-NONE'; docs/reports.md lists them",
    'dump --at-address -1': "--at-address takes an address of 64 bits, decimal or with 0x, not '-1'",
    'run --time-limit 0': "--time-limit takes a number of simulated milliseconds above 0, at most 9007199254, not '0'",
    'run --time-limit 1s':
      "--time-limit takes a number of simulated milliseconds above 0, at most 9007199254, not '1s'",
    'list --time-limit 3': "unknown option '--time-limit'; 'dmalab --help' tells what there is",
    'run --memory 1': "--memory takes a whole number of MiB from 16 to 65536, not '1'",
    'run --log-level loud': "--log-level takes one of silent, error, warn, info, debug, not 'loud'",
    'run --filter /(/': '--filter /(/: Invalid regular expression: /(/: Unterminated group',
  };
  for (const [words, sentence] of Object.entries(refused)) {
    it(`refuses: ${words}`, async () => {
      expect(await parse(...words.split(' '))).to.equal(sentence);
    });
  }

  describe('targets', () => {
    let folder: string;
    const found = (...targets: string[]): string[] =>
      findFiles(targets.map((target) => path.join(folder, target))).map((file) => path.relative(folder, file));

    before(() => {
      folder = makeFolder({
        'b.ts': '',
        'a.ts': '',
        'old.js': '',
        'types.d.ts': '',
        'notes.txt': '',
        'lib/helper.ts': '',
        'empty/notes.txt': '',
        'node_modules/x/index.ts': '',
      });
    });
    after(() => removeFolder(folder));

    it('are files, folders and globs, each file once, in the order given', () => {
      expect(found('b.ts', '.')).to.deep.equal(['b.ts', 'a.ts', 'old.js']);
      expect(found('**/*.ts')).to.deep.equal(['a.ts', 'b.ts', path.join('lib', 'helper.ts')]);
    });

    it('are the names of shipped scenarios, too', () => {
      const [first] = findFiles([]);
      expect(findFiles([path.basename(first!, '.ts')])).to.deep.equal([first]);
    });

    it('must lead somewhere', () => {
      expect(refusal(() => findFiles(['nowhere.ts']))).to.equal(
        "UsageError: there is no file, folder or shipped scenario 'nowhere.ts'",
      );
      expect(refusal(() => findFiles(['nowhere/*.ts']))).to.equal(
        "UsageError: no TypeScript or JavaScript file matches 'nowhere/*.ts'",
      );
      expect(refusal(() => found('empty'))).to.match(
        /^UsageError: folder '.*empty' holds no TypeScript or JavaScript file$/,
      );
      expect(refusal(() => found('notes.txt'))).to.match(
        /^UsageError: '.*notes\.txt' cannot be a scenario: that is a TypeScript or JavaScript file \(\.ts, \.cts, \.js or \.cjs\)$/,
      );
    });
  });

  describe('output files', () => {
    let folder: string;
    before(() => {
      folder = makeFolder({ 'mine.ts': 'kept' });
    });
    after(() => removeFolder(folder));

    it('are created, so that it is known at once that they can be', () => {
      const file = path.join(folder, 'out.json');
      expect(createOutputFile('--json-file', file, [])).to.equal(file);
      expect(fs.readFileSync(file, 'utf8')).to.equal('');
    });

    it('never replace a scenario', () => {
      const file = path.join(folder, 'mine.ts');
      expect(refusal(() => createOutputFile('--trace', file, [file]))).to.equal(
        `UsageError: --trace would overwrite the scenario '${file}'`,
      );
      expect(fs.readFileSync(file, 'utf8')).to.equal('kept');
    });

    it('must be writable', () => {
      const file = path.join(folder, 'nowhere', 'out.json');
      expect(refusal(() => createOutputFile('--json-file', file, []))).to.equal(
        `UsageError: --json-file cannot write '${file}': there is no such folder`,
      );
      expect(refusal(() => createOutputFile('--json-file', folder, []))).to.equal(
        `UsageError: --json-file cannot write '${folder}': it is a folder`,
      );
    });
  });
});
