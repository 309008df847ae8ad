import type { OutcomeFailure } from '../outcome';
import { formatPlace, formatProblem, type Problem } from '../problem';
import { paragraph } from './paragraph';
import type { RunSummary } from './run-report';
import type { Terminal } from './terminal';
import { formatWall } from './units';

/** What stands to the left of everything that is said about a scenario. */
export const INDENT = '    ';

/** What went wrong, where, and the kernel's last messages. */
export const writeFailure = (
  terminal: Terminal,
  failure: OutcomeFailure,
  { stacks, indent = INDENT }: { readonly stacks: boolean; readonly indent?: string },
): void => {
  const { colors, write, width } = terminal;
  write(`${colors.red(paragraph(failure.message, width, indent))}\n`);
  write(`${indent}${colors.dim('at')} ${formatPlace(failure.place)}\n`);
  if (stacks) writeStack(terminal, failure.stack, indent);
  writeLog(terminal, failure, indent);
};

/** The last messages of the kernel. */
export const writeLog = ({ colors, write, width }: Terminal, { log }: OutcomeFailure, indent = INDENT): void => {
  if (log.length > 0) write(`${indent}${colors.dim('last messages of the kernel')}\n`);
  for (const line of log) write(`${colors.dim(paragraph(line, width, `${indent}    `, `${indent}  `))}\n`);
};

/** The command that repeats a run. */
export const writeReproduction = ({ colors, write }: Terminal, command: string, indent = INDENT): void =>
  write(`${indent}${colors.dim('again with')} ${command}\n`);

const writeStack = ({ colors, write }: Terminal, stack: string | undefined, indent: string): void => {
  for (const line of stack?.split('\n') ?? []) write(`${indent}  ${colors.dim(line.trim())}\n`);
};

/** The last lines of a report: what could not be loaded, and how many passed and failed. */
export const writeEnd = (
  terminal: Terminal,
  problems: readonly Problem[],
  { passed, failed, notLoaded, wallMilliseconds }: RunSummary,
  stacks: boolean,
): void => {
  const { colors, write, width } = terminal;
  if (problems.length > 0) write(`\n  ${colors.red('Not loaded')}\n`);
  for (const problem of problems) {
    write(`${paragraph(formatProblem(problem), width, `${INDENT}  `, INDENT)}\n`);
    if (stacks) writeStack(terminal, problem.stack, INDENT);
  }
  const parts = [
    passed > 0 ? colors.green(`${passed} passed`) : '0 passed',
    failed > 0 ? colors.red(`${failed} failed`) : '0 failed',
    ...(notLoaded > 0 ? [colors.red(`${notLoaded} not loaded`)] : []),
  ];
  write(`\n  ${parts.join(', ')}  ${colors.dim(`in ${formatWall(wallMilliseconds)}`)}\n\n`);
};
