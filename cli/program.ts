import { Command, Option } from 'commander';
import { AXIS_NAMES, valuesOf } from '../lab/matrix/axes';
import type { CompareCommandOptions } from './compare/options';
import {
  parseBandwidth,
  parseBurst,
  parseCoherent,
  parseDepth,
  parseDirection,
  parseLatency,
  parseOutstanding,
  parsePrefetch,
  parseRequests,
  parseScatter,
  parseSizes,
  parseTranslation,
} from './compare/options';
import type { CommonOptions, RunningOptions } from './commands/common';
import type { DumpCommandOptions } from './commands/dump';
import type { FormatOptions } from './commands/format';
import type { RunCommandOptions } from './commands/run';
import {
  parseAddress,
  parseFilter,
  parseJobs,
  parseLogLevel,
  parseMemory,
  parseMoment,
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
  dmalab dump my-driver.ts --at report      the descriptors in its queues, and what is wrong with them
  dmalab dump ring.bin --format virtio-packed --at-address 0x80000000 --start entries=256 phase=1
                                            the same of an image of memory
  dmalab format nvme-io --c                 a format as a C header
  dmalab compare virtio-split virtio-packed the same traffic through several descriptor formats

Axes of the matrix, and their values:
${AXES}
Exit code: 0 all passed, 1 a scenario failed or is worse than the baseline,
           2 wrong usage or a scenario that cannot be loaded.

Environment: NO_COLOR=1 turns colours off, DMALAB_NO_CACHE=1 has each run compile its scenarios anew.
`;

/** What the commands do; each resolves with the exit code. */
export interface Actions {
  run(targets: string[], options: RunCommandOptions): Promise<void>;
  bugs(targets: string[], options: RunningOptions): Promise<void>;
  list(targets: string[], options: CommonOptions): Promise<void>;
  dump(targets: string[], options: DumpCommandOptions): Promise<void>;
  format(name: string | undefined, options: FormatOptions): Promise<void>;
  compare(formats: string[], options: CompareCommandOptions): Promise<void>;
}

const addLoadOptions = (command: Command): Command =>
  command
    .argument('[targets...]', 'files, folders (the modules directly in them), globs, names of shipped scenarios')
    .option(
      '-f, --filter <text>',
      'only scenarios whose name contains the text or matches the /regular expression/',
      parseFilter,
    )
    .option('--typecheck', 'check the types of scenarios before they run')
    .option('--timeout <seconds>', 'real time that each scenario may take', parseTimeout, DEFAULT_TIMEOUT_SECONDS)
    .option('--memory <MiB>', 'JavaScript heap for the scenarios of each thread', parseMemory, DEFAULT_HEAP_MEBIBYTES)
    .option(
      '--log-level <level>',
      "the kernel's log on standard error: silent, error, warn, info or debug",
      parseLogLevel,
      'silent',
    );

const addCommonOptions = (command: Command): Command =>
  addLoadOptions(command).option('--json', 'machine-readable results on standard output, and nothing else');

const addCaseOptions = (command: Command): Command =>
  command
    .option('--time-limit <ms>', 'simulated time that each scenario may take', parseTimeLimit)
    .option(
      '-s, --seed <number>',
      'where chance starts from: the same seed gives the same run',
      parseSeed,
      DEFAULT_SEED,
    )
    .option(
      '-m, --matrix [axis=value...]',
      'run each scenario on all the machines of its matrix, or on those with these values',
    );

const addRunOptions = (command: Command): Command =>
  addCaseOptions(addCommonOptions(command)).option(
    '-j, --jobs <number>',
    'threads that share the cases; default: one for each core',
    parseJobs,
  );
const COMPARE_EXAMPLES = `
A format is one that ships (virtio-split, virtio-packed, nvme-io, xilinx-axi-dma-mm2s, xilinx-axi-dma-s2mm,
dw-axi-dmac), or a .ts file that exports one. virtio-split:direct has no indirect tables, :indirect always;
nvme-io:sgl has SGLs instead of PRPs.

Examples:
  dmalab compare virtio-split virtio-packed --sizes imix --depth 32
  dmalab compare virtio-split:direct virtio-split:indirect --scatter 4 --translation direct
  dmalab compare nvme-io nvme-io:sgl --sizes 64k --scatter pages --svg nvme.svg
  dmalab compare my-format.ts virtio-packed --latency 500 --json
`;

const addCompare = (command: Command): Command =>
  command
    .description('the same traffic through several descriptor formats: what each costs')
    .argument('<formats...>', 'formats that ship, by name, or files that export one')
    .addOption(
      new Option('--sizes <sizes>', 'bytes of a request: 1500, 4k, 64-1500, imix, 64:7,1500:1')
        .argParser(parseSizes)
        .default(parseSizes('imix'), 'imix'),
    )
    .option('--depth <number>', 'requests under way at once', parseDepth, 16)
    .option('--scatter <pieces>', "pieces of a request, or 'pages'", parseScatter, 1)
    .option('--requests <number>', 'how many', parseRequests, 1000)
    .option('--direction <way>', 'out of memory or in, where a format can do both', parseDirection, 'out')
    .option('-s, --seed <number>', 'where chance starts from', parseSeed, DEFAULT_SEED)
    .option('--translation <kind>', 'direct, strict, lazy or swiotlb', parseTranslation, 'strict')
    .addOption(
      new Option('--coherent <on|off>', "whether the engine snoops the CPU's cache")
        .argParser(parseCoherent)
        .default(true, 'on'),
    )
    .option('--prefetch <entries>', 'entries that the engine fetches ahead (16)', parsePrefetch)
    .option('--burst <bytes>', 'bytes of a bus request (256)', parseBurst)
    .option('--outstanding <number>', 'bus requests on their way at once (8)', parseOutstanding)
    .option('--latency <ns>', 'from a bus request to its answer (50)', parseLatency)
    .option('--bandwidth <bytes>', 'bytes per nanosecond (4)', parseBandwidth)
    .option('--json', 'machine-readable results on standard output, and nothing else')
    .option('--svg <file>', 'draw the figures')
    .addHelpText('after', COMPARE_EXAMPLES);

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
  const dump = program
    .command('dump')
    .description("print the descriptors in a scenario's queues, or in an image of memory");
  addCaseOptions(addLoadOptions(dump))
    .option(
      '--at <moment>',
      'when to look: end, a simulated time (1.5ms, 20us, 300ns), event:<number>, report, or report:<id>',
      parseMoment,
      {
        kind: 'end',
      },
    )
    .option('--format <name>', 'the target is an image of memory, in a format that ships or that a module exports')
    .option('--at-address <address>', "with --format: the I/O address of the image's first byte", parseAddress)
    .option(
      '--start <key=value...>',
      "with --format: what the queue's registers say: at, entries, from, count, phase, …",
    )
    .option('--json', 'machine-readable: queues, entries with their fields, findings')
    .option('--completions', 'with --format: look at the ends of requests')
    .action((targets: string[], options: DumpCommandOptions) => actions.dump(targets, options));
  program
    .command('format')
    .description('print a descriptor format; without a name, which formats ship')
    .argument('[name]', 'a format that ships, or a module that exports one')
    .option('--markdown', 'as tables (the default)')
    .option('--c', 'as a C header')
    .option('--rust', 'as Rust structs')
    .action((name: string | undefined, options: FormatOptions) => actions.format(name, options));
  addCompare(program.command('compare')).action((formats: string[], options: CompareCommandOptions) =>
    actions.compare(formats, options),
  );
  return program;
};
