import fs from 'node:fs';
import { CommanderError, type Command } from 'commander';
import { UsageError } from './usage-error';

/** Has commander throw what it would print and exit with. */
const throwInstead = (command: Command): void => {
  command.exitOverride().configureOutput({ outputError: () => undefined });
  for (const child of command.commands) throwInstead(child);
};

/** Commander's message as one sentence: `unknown option '--sed': did you mean --seed?` */
const sentence = (message: string, words: readonly string[]): string => {
  const [first = '', suggestion] = message.replace(/^error: /, '').split('\n');
  if (suggestion !== undefined) return `${first}: ${suggestion.replace(/^\(D(.*)\)$/, 'd$1')}`;
  const [, word] = /^unknown command '(.*)'$/.exec(first) ?? [];
  if (word !== undefined && fs.existsSync(word)) return `${first}: did you mean 'dmalab run ${words.join(' ')}'?`;
  return `${first}; 'dmalab --help' tells what there is`;
};

/** Parses the words of a command line and acts on them. Wrong usage is a `UsageError`; help and version are printed. */
export const runCommandLine = async (program: Command, words: readonly string[]): Promise<void> => {
  throwInstead(program);
  if (words.length === 0) {
    program.outputHelp();
    return;
  }
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw new UsageError(sentence(error.message, words));
  }
};
