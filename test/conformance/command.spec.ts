import { execFile } from 'node:child_process';
import path from 'node:path';
import { expect } from 'chai';
import { compilePackage } from '../support/compiled-package';
import { makeFolder, removeFolder, type CommandResult } from '../support/run-dmalab';
import { shortAnswers } from './fixtures';

const conformance = (cwd: string, ...words: string[]): Promise<CommandResult> =>
  new Promise((resolve) => {
    const main = path.resolve(path.dirname(compilePackage()), '../conformance/main.js');
    execFile(
      process.execPath,
      [main, ...words],
      { cwd, env: { ...process.env, NODE_OPTIONS: '' } },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
  });

const good = (): string => JSON.stringify(shortAnswers('iommu-strict.json', 2));
const bad = (): string => good().replace('"required":"ffffffff"', '"required":"ff"');

describe('conformance: the command', () => {
  let folder: string;

  before(() => {
    folder = makeFolder({
      'good/README.md': 'not an answer',
      'good/a.json': good(),
      'good/b.json': JSON.stringify(shortAnswers('swiotlb-force.json', 2)),
      'bad/a.json': bad(),
      'bad/b.json': good(),
      'broken/a.json': good(),
      'broken/b.json': '{ "mode": "iommu-strict", "mask": [1] }',
      'directory/a.json/x': '',
      'none/README.md': '',
    });
  });

  after(() => {
    removeFolder(folder);
  });

  it('replays every file of a folder and ends with the sum', async () => {
    const { code, stdout, stderr } = await conformance(folder, 'good');
    expect([code, stderr]).to.deep.equal([0, '']);
    expect(stdout.trimEnd().split('\n').at(-1)).to.equal('32 passed, 0 failed');
    expect(stdout).to.include('a.json: 16 passed, 0 failed\n').and.to.include('b.json: 16 passed, 0 failed\n');
  });

  it('exits with 1 and names what differs', async () => {
    const { code, stdout, stderr } = await conformance(folder, 'bad');
    expect([code, stderr]).to.deep.equal([1, '']);
    expect(stdout.trimEnd().split('\n').at(-1)).to.equal('31 passed, 1 failed');
    expect(stdout).to.include('a.json: mask[0]\n  input     {"bits":1}\n  expected  {"ret":0,"required":"ff"}\n');
  });

  const UNUSABLE: readonly (readonly [string, readonly string[], string])[] = [
    ['no folder', [], 'usage: npm run conformance -- <folder>\n'],
    ['two folders', ['good', 'bad'], 'usage: npm run conformance -- <folder>\n'],
    ['an option', ['--help'], 'usage: npm run conformance -- <folder>\n'],
    ['a folder that is not there', ['gone'], 'conformance: gone cannot be read: no such file or directory\n'],
    ['a file for a folder', ['good/a.json'], 'conformance: good/a.json cannot be read: not a directory\n'],
    ['a folder without answers', ['none'], 'conformance: none has no file of answers: none ends in .json\n'],
    [
      'a file that makes no sense',
      ['broken'],
      'conformance: broken/b.json is no file of answers: mask[0] is 1; it must be an object\n',
    ],
    [
      'a folder for a file',
      ['directory'],
      'conformance: directory/a.json cannot be read: illegal operation on a directory\n',
    ],
  ];
  for (const [what, words, sentence] of UNUSABLE) {
    it(`exits with 2 and one sentence for ${what}`, async () => {
      expect(await conformance(folder, ...words)).to.deep.equal({ code: 2, stdout: '', stderr: sentence });
    });
  }
});
