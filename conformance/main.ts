import fs from 'node:fs';
import path from 'node:path';
import { LabError } from '../base/errors';
import type { Answers } from './answers';
import { readAnswers } from './read-answers';
import type * as replayModule from './replay';
import type { Outcome } from './replay';
import { fileReport, summary } from './report';

const EXIT_FAILED = 1;
const EXIT_UNUSABLE = 2;
const SUFFIX = '.json';

const hostTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** What the system says about a path: without the code and the call that Node puts around it. */
const reason = (error: unknown): string =>
  (error as Error).message.replace(/^[A-Z]+: /, '').replace(/, [a-z]+(?: '.*')?$/s, '');

/** `npm run` changes to the project's folder; a relative path is meant from where the user stands. */
const standpoint = (): string =>
  (process.env.npm_lifecycle_event === 'conformance' ? process.env.INIT_CWD : undefined) ?? process.cwd();

const filesIn = (folder: string): string[] => {
  let names: string[];
  try {
    names = fs.readdirSync(path.resolve(standpoint(), folder)).sort();
  } catch (error) {
    throw new LabError(`${folder} cannot be read: ${reason(error)}`);
  }
  const files = names.filter((name) => name.endsWith(SUFFIX));
  if (files.length === 0) throw new LabError(`${folder} has no file of answers: none ends in ${SUFFIX}`);
  return files;
};

const load = (folder: string, name: string): Answers => {
  const file = path.join(folder, name);
  let text: string;
  try {
    text = fs.readFileSync(path.resolve(standpoint(), file), 'utf8');
  } catch (error) {
    throw new LabError(`${file} cannot be read: ${reason(error)}`);
  }
  try {
    return readAnswers(text);
  } catch (error) {
    if (error instanceof LabError) throw new LabError(`${file} is no file of answers: ${error.message}`);
    throw error;
  }
};

const replayAll = async (folder: string): Promise<number> => {
  const files = filesIn(folder).map((name) => ({ name, answers: load(folder, name) }));
  const outcomes: Outcome[] = [];
  // It brings all of the machine along: whoever has no answers does not wait for it.
  const { replay } = module.require('./replay') as typeof replayModule;
  for (const { name, answers } of files) {
    const outcome = await replay(answers, hostTurn);
    outcomes.push(outcome);
    process.stdout.write(`${fileReport(name, outcome).join('\n')}\n`);
  }
  process.stdout.write(`${summary(outcomes)}\n`);
  return outcomes.every(({ failures }) => failures.length === 0) ? 0 : EXIT_FAILED;
};

const main = async (args: readonly string[]): Promise<number> => {
  const [folder] = args;
  if (args.length !== 1 || folder === undefined || folder === '' || folder.startsWith('-')) {
    process.stderr.write('usage: npm run conformance -- <folder>\n');
    return EXIT_UNUSABLE;
  }
  try {
    return await replayAll(folder);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    process.stderr.write(`conformance: ${error.message}\n`);
    return EXIT_UNUSABLE;
  }
};

/** Whoever reads the output may stop reading, as `head` does. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT_UNUSABLE);
});

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
