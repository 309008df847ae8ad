import type { MatrixCase } from '../../lab/matrix/axes';
import type { ExhibitCard } from '../museum/exhibit-card';
import { holds, type ExhibitCase, type ExhibitVerdict, type LoadedExhibit } from '../museum/verdict';
import { formatProblem, type Problem } from '../problem';
import { describeCases } from './case-regions';
import { layOut, type Column } from './columns';
import { INDENT, writeReproduction } from './failure-text';
import { casesPerSecond, type MuseumReport, type TourSummary } from './museum-report';
import { paragraph } from './paragraph';
import { faultOf, placeText } from './sanitizer-text';
import type { Terminal } from './terminal';
import type { TextReportOptions } from './text-report';
import { count, formatWall } from './units';

const HEADER = ['', '#', 'bug, and the report of it', 'detected under', 'false alarms', 'dma-debug'];
const DMA_DEBUG: Readonly<Record<ExhibitCard['dmaDebug'], string>> = { Y: 'yes', P: 'partly', N: 'no' };
/** Of the columns that do not grow with the terminal. */
const [MARK_WIDTH, NUMBER_WIDTH, ALARMS_WIDTH, DEBUG_WIDTH] = [4, 4, 14, 11] as const;
/** The part of what is left that the bug's name has. */
const TITLE_PART = 0.6;
const GAP = 2;
const DEEPER = `${INDENT}    `;

const casesOf = (cases: readonly ExhibitCase[]): MatrixCase[] => cases.map(({ outcome }) => outcome.case);

/** The table of the bug museum for people. */
export class MuseumText implements MuseumReport {
  private readonly terminal: Terminal;
  private readonly options: TextReportOptions;
  private readonly columns: readonly Column[];
  private readonly verdicts: ExhibitVerdict[] = [];

  constructor(terminal: Terminal, options: TextReportOptions) {
    this.terminal = terminal;
    this.options = options;
    const room = terminal.width - MARK_WIDTH - NUMBER_WIDTH - ALARMS_WIDTH - DEBUG_WIDTH;
    const titleWidth = Math.floor(room * TITLE_PART);
    const widths = [MARK_WIDTH, NUMBER_WIDTH, titleWidth, room - titleWidth, ALARMS_WIDTH, DEBUG_WIDTH];
    this.columns = widths.map((width, index) => ({ width, align: index > 3 ? 'right' : 'left' }));
  }

  start(exhibits: readonly LoadedExhibit[]): void {
    const { colors, write } = this.terminal;
    const { version, seed } = this.options;
    const cases = exhibits.reduce((sum, { cases: each }) => sum + each.length, 0);
    const size = `${count(exhibits.length, 'bug')}, ${count(cases, 'case')}, seed ${seed}`;
    write(`\n  ${colors.bold(`dmalab ${version}`)}  ${colors.dim(size)}\n`);
    if (exhibits.length > 0) write(`\n${colors.dim(layOut([HEADER], this.columns).trimEnd())}\n`);
  }

  verdict(verdict: ExhibitVerdict): void {
    this.verdicts.push(verdict);
    this.terminal.write(layOut([this.row(verdict)], this.columns, true));
    this.writeMissed(verdict);
    this.writeAccused(verdict);
    this.writeFailed(verdict);
  }

  end(problems: readonly Problem[], summary: TourSummary): void {
    const { colors, write, width } = this.terminal;
    if (problems.length > 0) write(`\n  ${colors.red('Not loaded')}\n`);
    for (const problem of problems) write(`${paragraph(formatProblem(problem), width, `${INDENT}  `, INDENT)}\n`);
    const { tried, detected, falseAlarms, cases, wallMilliseconds } = summary;
    const good = (isGood: boolean, text: string): string => (isGood ? colors.green : colors.red)(text);
    const found = good(detected === tried, `${detected} of ${count(tried, 'bug')} detected`);
    const alarms = good(falseAlarms === 0, count(falseAlarms, 'false alarm'));
    const debug = (letter: ExhibitCard['dmaDebug']): number =>
      this.verdicts.filter(({ scenario }) => scenario.exhibit.dmaDebug === letter).length;
    write(`\n  ${found}, ${alarms}; dma-debug: ${debug('Y')} of them, ${debug('P')} partly\n`);
    const speed = `${casesPerSecond(summary)} per second`;
    write(`  ${colors.dim(`${count(cases, 'case')} in ${formatWall(wallMilliseconds)}, ${speed}`)}\n\n`);
  }

  private row(verdict: ExhibitVerdict): string[] {
    const { colors } = this.terminal;
    const { scenario, buggy, falseAlarms, fixed } = verdict;
    const { number, title, reports, dmaDebug } = scenario.exhibit;
    const isFine = holds(verdict);
    const detected = buggy.filter((each) => each.detected);
    const under = describeCases(casesOf(buggy), casesOf(detected));
    const share = `${detected.length} of ${count(buggy.length, 'case')}`;
    const widths = this.columns.map(({ width }) => width);
    const cell = (text: string, column: number): string => paragraph(text, widths[column]! - GAP, '');
    return [
      isFine ? `  ${colors.green('✓')}` : `  ${colors.red('✗')}`,
      String(number),
      `${cell(title, 2)}\n${colors.dim(cell(reports.join(' '), 2))}`,
      buggy.length === 0 ? colors.dim('-') : `${cell(under, 3)}\n${colors.dim(share)}`,
      fixed.length === 0 ? colors.dim('-') : falseAlarms === 0 ? colors.dim('0') : colors.red(String(falseAlarms)),
      DMA_DEBUG[dmaDebug],
    ];
  }

  private writeMissed({ buggy, missed }: ExhibitVerdict): void {
    if (missed.length === 0) return;
    const where = describeCases(casesOf(buggy), casesOf(missed));
    this.writeTrouble(`not detected in ${count(missed.length, 'case')} where it shows: ${where}`, missed);
  }

  private writeAccused({ fixed, accused }: ExhibitVerdict): void {
    const [report] = accused.flatMap(({ outcome }) => outcome.reports);
    if (report === undefined) return;
    const fault = faultOf(report);
    const what = `${report.id}${fault === null ? '' : ` at ${placeText(fault)}`}: ${report.message}`;
    const where = describeCases(casesOf(fixed), casesOf(accused));
    this.writeTrouble(`the fixed driver is reported in ${count(accused.length, 'case')}: ${where}; ${what}`, accused);
  }

  private writeFailed({ failed }: ExhibitVerdict): void {
    const [first] = failed;
    if (first === undefined) return;
    this.writeTrouble(`${count(failed.length, 'case')} failed: ${first.outcome.failure!.message}`, failed);
  }

  private writeTrouble(text: string, cases: readonly ExhibitCase[]): void {
    const { colors, write, width } = this.terminal;
    write(`${colors.red(paragraph(text, width, DEEPER))}\n`);
    writeReproduction(this.terminal, cases[0]!.outcome.reproduce, DEEPER);
  }
}
