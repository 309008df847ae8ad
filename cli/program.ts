import { Command } from 'commander';
import { AXIS_NAMES, valuesOf } from '../lab/matrix/axes';
import type { CommonOptions, RunningOptions } from './commands/common';
import type { RunCommandOptions } from './commands/run';
import {
  parseFilter,
  parseJobs,
  parseLogLevel,
  parseMemory,
  parseSeed,
  parseTimeLimit,
  parseTimeout,
} from './option-values';

/** Any run without `--seed` is the same run. */
const DEFAULT_SEED = 1;
const DEFAULT_TIMEOUT_SECONDS = 30;
const DEFAULT_HEAP_MEBIBYTES = 2048;

const AXES = AXIS_NAMES.map((axis) => `  ${axis.padEnd(12)} ${valuesOf(axis).join(', ')}\n`).join('');

const EXAMPLES = `
Examples:
  dmalab run                                the scenarios that ship with dmalab
  dmalab run my-driver.ts                   one of your own
  dmalab run tests/ 'more/**/*.ts'          folders and globs
  dmalab run --filter /^sg-/ --seed 7       some of them, with other chances
  dmalab run --matrix                       each scenario on all the machines that it holds on
  dmalab run --matrix translation=lazy,strict coherency=off
                                            on some of them
  dmalab run --json > results.json          for a CI job
  dmalab run --matrix --baseline old.json   what differs from an earlier run
  dmalab run my-driver.ts --trace out.jsonl every event of the run, one JSON object per line
  dmalab bugs                               the bug museum: what is detected, and where

Axes of the matrix, and their values:
${AXES}
Exit code: 0 all passed, 1 a scenario failed or is worse than the baseline,
           2 wrong usage or a scenario that cannot be loaded.
`;

/** What the commands do; each resolves with the exit code. */
export interface Actions {
  run(targets: string[], options: RunCommandOptions): Promise<void>;
  bugs(targets: string[], options: RunningOptions): Promise<void>;
  list(targets: string[], options: CommonOptions): Promise<void>;
}

const addCommonOptions = (command: Command): Command =>
  command
    .argument('[targets...]', 'files, folders (the modules directly in them), globs, names of shipped scenarios')
    .option(
      '-f, --filter <text>',
      'only scenarios whose name contains the text or matches the /regular expression/',
      parseFilter,
    )
    .option('--json', 'machine-readable results on standard output, and nothing else')
    .option('--typecheck', 'check the types of scenarios before they run')
    .option('--timeout <seconds>', 'real time that each scenario may take', parseTimeout, DEFAULT_TIMEOUT_SECONDS)
    .option('--memory <MiB>', 'JavaScript heap for the scenarios of each thread', parseMemory, DEFAULT_HEAP_MEBIBYTES)
    .option(
      '--log-level <level>',
      "the kernel's log on standard error: silent, error, warn, info or debug",
      parseLogLevel,
      'silent',
    );

const addRunOptions = (command: Command): Command =>
  addCommonOptions(command)
    .option('--time-limit <ms>', 'simulated time that each scenario may take', parseTimeLimit)
    .option(
      '-s, --seed <number>',
      'where chance starts from: the same seed gives the same run',
      parseSeed,
      DEFAULT_SEED,
    )
    .option('-j, --jobs <number>', 'threads that share the cases; default: one for each core', parseJobs)
    .option(
      '-m, --matrix [axis=value...]',
      'run each scenario on all the machines of its matrix, or on those with these values',
    );

/** The command line: commands, options, help. */
export const createProgram = (version: string, actions: Actions): Command => {
  const program = new Command('dmalab')
    .description('Runs device scenarios on an emulated machine whose DMA bugs really happen.')
    .version(version, '-V, --version', 'print the version')
    .addHelpText('after', EXAMPLES);
  addRunOptions(program.command('run').description('run scenarios; without targets, all that ship'))
    .option('--no-sanitizer', 'do not watch what drivers do with DMA')
    .option('--baseline <file>', "compare with an earlier run's machine-readable results")
    .option('--json-file <file>', 'write the machine-readable results to a file as well')
    .option('--trace <file>', 'write every event of the machine to a file, one JSON object per line')
    .action((targets: string[], options: RunCommandOptions) => actions.run(targets, options));
  addRunOptions(program.command('bugs').description('run the bug museum: which bugs are detected, and where')).action(
    (targets: string[], options: RunningOptions) => actions.bugs(targets, options),
  );
  addCommonOptions(program.command('list').description('name and describe scenarios without running them')).action(
    (targets: string[], options: CommonOptions) => actions.list(targets, options),
  );
  return program;
};
