import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { compilePackage } from '../support/compiled-package';
import { CACHES, makeFolder, removeFolder } from '../support/run-dmalab';
import { readTutorial, STEPS } from './tutorial-document';

/** How long things took differs each time, and so does how far to the right it stands. */
const withoutTimes = (line: string): string =>
  line
    .replace(/ +[\d.]+ (?:ms|s)$/, ' TIME')
    .replace(/ +wall$/, ' wall')
    .trimEnd();

const trimmed = (text: string): string[] => text.replace(/^\n+|\s+$/g, '').split('\n');

/** Whether lines are those of the text, in which a line with an ellipsis stands for any number of lines. */
const agree = (shown: readonly string[], printed: readonly string[]): boolean => {
  const gap = shown.indexOf('…');
  if (gap < 0) return shown.length === printed.length && shown.every((line, i) => line === printed[i]);
  if (!shown.slice(0, gap).every((line, i) => line === printed[i])) return false;
  for (let skip = gap + 1; skip <= printed.length; skip++) {
    if (agree(shown.slice(gap + 1), printed.slice(skip))) return true;
  }
  return false;
};

describe('the tutorial', () => {
  const { sessions, files } = readTutorial();
  const folders: string[] = [];
  let commands: string;

  /** What a shell prints, standard error included, in a folder with files. */
  const shell = (cwd: string, command: string): Promise<string> =>
    new Promise((resolve) => {
      const PATH = `${commands}:${process.env['PATH'] ?? ''}`;
      const env = { ...process.env, PATH, NO_COLOR: '1', NODE_OPTIONS: '', XDG_CACHE_HOME: CACHES };
      execFile('sh', ['-c', `{ ${command}\n} 2>&1`], { cwd, env }, (_error, stdout) => resolve(stdout));
    });

  before(function () {
    this.timeout(120_000);
    commands = makeFolder({ npx: `#!/bin/sh\nshift\nexec ${process.execPath} ${compilePackage()} "$@"\n` });
    fs.chmodSync(path.join(commands, 'npx'), 0o755);
    folders.push(commands);
  });

  after(() => folders.forEach(removeFolder));

  it('shows the files that ship, to the last letter', () => {
    const shipped = fs
      .readdirSync(STEPS)
      .map((name) => [name, fs.readFileSync(path.join(STEPS, name), 'utf8')] as const);
    expect(files).to.deep.equal(Object.fromEntries(shipped));
  });

  it('has as many commands as steps', () => {
    expect(sessions.length).to.be.at.least(12);
  });

  for (const session of sessions) {
    it(`prints what it shows: ${session.commands.map(({ command }) => command).join('; ')}`, async function () {
      this.timeout(60_000);
      if (/\bgcc\b/.test(JSON.stringify(session)) && (await shell('/', 'command -v gcc')) === '') this.skip();
      const folder = makeFolder(session.files);
      folders.push(folder);
      for (const { command, output } of session.commands) {
        const printed = trimmed(await shell(folder, command)).map(withoutTimes);
        const shown = trimmed(output.join('\n')).map(withoutTimes);
        if (!agree(shown, printed)) expect(printed, command).to.deep.equal(shown);
      }
    });
  }
});
