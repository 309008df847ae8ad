import { caseWords } from '../../lab/matrix/case-name';
import type { Comparison } from '../baseline/compare';
import type { LoadedScenario } from '../loaded-scenario';
import type { Outcome, OutcomeFailure } from '../outcome';
import type { Problem } from '../problem';
import { layOut, type Column } from './columns';
import { writeComparison } from './comparison-text';
import { INDENT, writeEnd, writeFailure, writeReproduction } from './failure-text';
import { groupReports } from './grouped-reports';
import { paragraph } from './paragraph';
import type { RunReport, RunSummary } from './run-report';
import { inOrder, isBehind, writeReport } from './sanitizer-text';
import type { Terminal } from './terminal';
import type { TextReportOptions } from './text-report';
import { count, formatWall } from './units';

const HEADER = ['', 'scenario', 'cases', 'passed', 'failed', 'left out', 'warnings', 'wall'];
const NUMBER_COLUMNS: readonly Column[] = [8, 8, 8, 10, 10, 9].map((width) => ({ width, align: 'right' }));
const MARK_COLUMN: Column = { width: 4, align: 'left' };
const NUMBERS_WIDTH = NUMBER_COLUMNS.reduce((sum, { width }) => sum + width, 0);
const DEEPER = `${INDENT}  `;

const isSame = (one: OutcomeFailure | null, other: OutcomeFailure): boolean =>
  one !== null &&
  one.message === other.message &&
  one.place.file === other.place.file &&
  one.place.line === other.place.line;

/** The report of a matrix for people: one row for all cases of a scenario, and below it the cases that failed. */
export class MatrixReport implements RunReport {
  private readonly terminal: Terminal;
  private readonly options: TextReportOptions;
  private columns: readonly Column[] = [];
  /** Of scenarios whose turn is still to come, the next one first. */
  private waiting: readonly LoadedScenario[] = [];
  /** How many combinations were left out for each reason; whole scenarios are not among them. */
  private readonly reasons = new Map<string, number>();
  /** Of the scenario that is being run. */
  private outcomes: Outcome[] = [];

  constructor(terminal: Terminal, options: TextReportOptions) {
    this.terminal = terminal;
    this.options = options;
  }

  start(scenarios: readonly LoadedScenario[]): void {
    const { colors, width, write } = this.terminal;
    const { version, seed } = this.options;
    const cases = scenarios.reduce((sum, scenario) => sum + scenario.cases.length, 0);
    const longest = Math.max(20, ...scenarios.map(({ name }) => name.length));
    const room = width - MARK_COLUMN.width - NUMBERS_WIDTH;
    this.columns = [MARK_COLUMN, { width: Math.min(room, longest + 1), align: 'left' }, ...NUMBER_COLUMNS];
    this.waiting = scenarios;
    const size = `${count(scenarios.length, 'scenario')}, ${count(cases, 'case')}, seed ${seed}`;
    write(`\n  ${colors.bold(`dmalab ${version}`)}  ${colors.dim(size)}\n`);
    if (scenarios.length > 0) write(`\n${colors.dim(layOut([HEADER], this.columns).trimEnd())}\n`);
    this.writeEmpty();
  }

  outcome(outcome: Outcome): void {
    this.outcomes.push(outcome);
    if (this.outcomes.length < outcome.scenario.cases.length) return;
    this.writeScenario(outcome.scenario, this.outcomes);
    this.outcomes = [];
    this.waiting = this.waiting.slice(1);
    this.writeEmpty();
  }

  end(problems: readonly Problem[], summary: RunSummary, comparison: Comparison | null): void {
    const { colors, write, width } = this.terminal;
    for (const [reason, times] of this.reasons) {
      write(`${colors.dim(paragraph(`${count(times, 'case')} left out: ${reason}`, width, INDENT, '\n  '))}\n`);
    }
    if (comparison !== null) writeComparison(this.terminal, comparison);
    writeEnd(this.terminal, problems, summary, this.options.stacks);
  }

  /** Scenarios of which nothing is run: there is nothing to wait for. */
  private writeEmpty(): void {
    while (this.waiting[0]?.cases.length === 0) {
      this.writeScenario(this.waiting[0], []);
      this.waiting = this.waiting.slice(1);
    }
  }

  private writeScenario(scenario: LoadedScenario, outcomes: readonly Outcome[]): void {
    const { colors, write, width } = this.terminal;
    write(layOut([this.row(scenario, outcomes)], this.columns));
    for (const { case: each, reason } of scenario.leftOut) {
      if (caseWords(each).length > 0) this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
      else write(`${colors.dim(paragraph(reason, width, INDENT))}\n`);
    }
    for (const report of inOrder(groupReports(outcomes))) writeReport(this.terminal, report, INDENT);
    let last: OutcomeFailure | null = null;
    for (const outcome of outcomes) {
      if (outcome.failure === null) continue;
      this.writeCase(outcome, outcome.failure, last);
      last = outcome.failure;
    }
  }

  /** What the reports above tell, or what is the same as in the case above, is not told again. */
  private writeCase(outcome: Outcome, failure: OutcomeFailure, last: OutcomeFailure | null): void {
    const { terminal } = this;
    const { colors, write, width } = terminal;
    const label = caseWords(outcome.case).join(' ');
    const text = label === '' ? 'on its own machine' : label;
    write(`${colors.red(paragraph(text, width, DEEPER, `${INDENT}✗ `))}\n`);
    const behind = outcome.reports.filter((report) => isBehind(report, failure)).map(({ id }) => id);
    if (behind.length > 0) write(`${paragraph([...new Set(behind)].join(', '), width, DEEPER)}\n`);
    else if (isSame(last, failure)) write(`${DEEPER}${colors.dim('the same')}\n`);
    else writeFailure(terminal, failure, { stacks: this.options.stacks, indent: DEEPER });
    writeReproduction(terminal, outcome.reproduce, DEEPER);
  }

  private row({ name, leftOut, cases }: LoadedScenario, outcomes: readonly Outcome[]): string[] {
    const { colors } = this.terminal;
    const failed = outcomes.filter(({ failure }) => failure !== null).length;
    const warnings = outcomes.reduce((sum, { measures }) => sum + (measures?.warnings ?? 0), 0);
    const wall = outcomes.reduce((sum, { wallMilliseconds }) => sum + wallMilliseconds, 0);
    const mark = cases.length === 0 ? colors.dim('-') : failed === 0 ? colors.green('✓') : colors.red('✗');
    const or = (color: (text: string) => string, amount: number): string =>
      amount === 0 ? colors.dim('0') : color(String(amount));
    return [
      `  ${mark}`,
      failed === 0 ? name : colors.red(name),
      String(cases.length),
      or(colors.green, outcomes.length - failed),
      or(colors.red, failed),
      cases.length === 0 ? colors.dim('all') : or(colors.yellow, leftOut.length),
      or(colors.yellow, warnings),
      colors.dim(formatWall(wall)),
    ];
  }
}
