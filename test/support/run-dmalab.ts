import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { compilePackage } from './compiled-package';

/** What the command left behind. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the command keeps of a user's folder is kept in this project, not in the home of whoever runs the tests. */
export const CACHES = path.resolve(__dirname, '../../node_modules/.cache');

/** Runs the command in a folder, without colours, with more variables of the environment. */
export const dmalabWith = (
  more: Readonly<Record<string, string>>,
  cwd: string,
  ...words: string[]
): Promise<CommandResult> =>
  new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '', XDG_CACHE_HOME: CACHES, ...more };
    execFile(process.execPath, [compilePackage(), ...words], { cwd, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });

/** Runs the command in a folder, without colours. */
export const dmalab = (cwd: string, ...words: string[]): Promise<CommandResult> => dmalabWith({}, cwd, ...words);

/** The command's JSON output. */
export const parseJson = <T>(result: CommandResult): T => {
  if (result.stdout === '') throw new Error(`no output; standard error: ${result.stderr}`);
  return JSON.parse(result.stdout) as T;
};

/** Makes a folder with the given files outside of this project, as a user would have it. */
export const makeFolder = (files: Readonly<Record<string, string>>): string => {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'dmalab-cli-')));
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
  return folder;
};

export const removeFolder = (folder: string): void => fs.rmSync(folder, { recursive: true, force: true });

/** The text of a module whose scenario has this body, which begins in line 5. */
export const scenarioText = (name: string, body: string): string => `import { scenario } from 'dmalab';
export default scenario({
  name: '${name}',
  run: async (lab) => {
${body}
  },
});
`;
