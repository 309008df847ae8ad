#!/usr/bin/env node
import { inspect } from 'node:util';
import { runCommandLine } from './command-line';
import { ExitCode } from './exit-code';
import { packageVersion } from './installation';
import { createProgram } from './program';
import type * as bugsModule from './commands/bugs';
import type * as dumpModule from './commands/dump';
import type * as formatModule from './commands/format';
import type * as compareModule from './commands/compare';
import type * as listModule from './commands/list';
import type * as runModule from './commands/run';
import { UsageError } from './usage-error';

// The commands bring all the rest along: help and version do not wait for it.
const program = createProgram(packageVersion(), {
  run: async (targets, options) => {
    const { runCommand } = module.require('./commands/run') as typeof runModule;
    process.exitCode = await runCommand(targets, options);
  },
  bugs: async (targets, options) => {
    const { bugsCommand } = module.require('./commands/bugs') as typeof bugsModule;
    process.exitCode = await bugsCommand(targets, options);
  },
  compare: async (formats, options) => {
    const { compareCommand } = module.require('./commands/compare') as typeof compareModule;
    process.exitCode = await compareCommand(formats, options);
  },
  list: async (targets, options) => {
    const { listCommand } = module.require('./commands/list') as typeof listModule;
    process.exitCode = await listCommand(targets, options);
  },
  dump: async (targets, options) => {
    const { dumpCommand } = module.require('./commands/dump') as typeof dumpModule;
    process.exitCode = await dumpCommand(targets, options);
  },
  format: (name, options) => {
    const { formatCommand } = module.require('./commands/format') as typeof formatModule;
    process.exitCode = formatCommand(name, options);
    return Promise.resolve();
  },
});

/** Whoever reads the output may stop reading, as `head` does. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(ExitCode.unusable);
});

runCommandLine(program, process.argv.slice(2)).catch((error: unknown) => {
  process.exitCode = ExitCode.unusable;
  // Anything else is a mistake in the command itself.
  const text = error instanceof UsageError ? error.message : inspect(error);
  process.stderr.write(`dmalab: ${text}\n`);
});
