import type { Comparison } from '../baseline/compare';
import type { LoadedScenario } from '../loaded-scenario';
import type { Outcome } from '../outcome';
import type { Problem } from '../problem';
import { layOut, type Column } from './columns';
import { writeComparison } from './comparison-text';
import { INDENT, writeEnd, writeFailure, writeLog, writeReproduction } from './failure-text';
import { paragraph } from './paragraph';
import type { RunReport, RunSummary } from './run-report';
import { inOrder, isBehind, writeReport } from './sanitizer-text';
import type { Terminal } from './terminal';
import { count, formatBytes, formatTime, formatWall } from './units';

/** What the report needs to know beforehand. */
export interface TextReportOptions {
  readonly version: string;
  readonly seed: number;
  /** Show the stacks of failures. */
  readonly stacks: boolean;
}

const HEADER = ['', 'scenario', 'simulated', 'DMA bytes', 'IRQs', 'faults', 'warnings', 'wall'];
const NUMBER_COLUMNS: readonly Column[] = [10, 11, 7, 8, 10, 9].map((width) => ({ width, align: 'right' }));
const MARK_COLUMN: Column = { width: 4, align: 'left' };
const NUMBERS_WIDTH = NUMBER_COLUMNS.reduce((sum, { width }) => sum + width, 0);

/** The report for people: a row as each scenario ends, with its notes or its failure below. */
export class TextReport implements RunReport {
  private readonly terminal: Terminal;
  private readonly options: TextReportOptions;
  private columns: readonly Column[] = [];

  constructor(terminal: Terminal, options: TextReportOptions) {
    this.terminal = terminal;
    this.options = options;
  }

  start(scenarios: readonly LoadedScenario[]): void {
    const names = scenarios.map(({ name }) => name);
    const { colors, width, write } = this.terminal;
    const { version, seed } = this.options;
    const room = width - MARK_COLUMN.width - NUMBERS_WIDTH;
    const longest = Math.max(20, ...names.map((name) => name.length));
    this.columns = [MARK_COLUMN, { width: Math.min(room, longest + 1), align: 'left' }, ...NUMBER_COLUMNS];
    write(
      `\n  ${colors.bold(`dmalab ${version}`)}  ${colors.dim(`${count(names.length, 'scenario')}, seed ${seed}`)}\n`,
    );
    if (names.length > 0) write(`\n${colors.dim(layOut([HEADER], this.columns).trimEnd())}\n`);
  }

  outcome(outcome: Outcome): void {
    const { colors, write, width } = this.terminal;
    write(layOut([this.row(outcome)], this.columns));
    const { description } = outcome.scenario;
    if (description !== '') write(`${colors.dim(paragraph(description, width, INDENT))}\n`);
    for (const note of outcome.notes) write(`${colors.cyan(paragraph(note, width, `${INDENT}  `, `${INDENT}· `))}\n`);
    this.writeReports(outcome);
    if (outcome.failure !== null) writeReproduction(this.terminal, outcome.reproduce);
  }

  /** A failure that the reports tell of is not told of twice. */
  private writeReports({ failure, reports }: Outcome): void {
    const { terminal } = this;
    const isTold = failure !== null && reports.some((report) => isBehind(report, failure));
    if (failure !== null && !isTold) writeFailure(terminal, failure, this.options);
    for (const report of inOrder(reports.map((each) => ({ report: each })))) writeReport(terminal, report, INDENT);
    if (failure !== null && isTold) writeLog(terminal, failure);
  }

  end(problems: readonly Problem[], summary: RunSummary, comparison: Comparison | null): void {
    if (comparison !== null) writeComparison(this.terminal, comparison);
    writeEnd(this.terminal, problems, summary, this.options.stacks);
  }

  private row({ scenario, failure, measures, wallMilliseconds }: Outcome): string[] {
    const { colors } = this.terminal;
    const mark = failure === null ? colors.green('✓') : colors.red('✗');
    const name = failure === null ? scenario.name : colors.red(scenario.name);
    const wall = colors.dim(formatWall(wallMilliseconds));
    if (measures === null) return [`  ${mark}`, name, ...Array<string>(5).fill(colors.dim('-')), wall];
    const notable = (amount: number): string => (amount === 0 ? colors.dim('0') : colors.yellow(String(amount)));
    return [
      `  ${mark}`,
      name,
      formatTime(measures.simulatedTime),
      formatBytes(measures.bytesRead + measures.bytesWritten),
      String(measures.interrupts),
      notable(measures.faults),
      notable(measures.warnings),
      wall,
    ];
  }
}
