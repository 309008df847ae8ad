import type { JudgedReport, Harm, ReportPlace } from '../../index';
import type { OutcomeFailure } from '../outcome';
import { formatPlace } from '../problem';
import { parseSite } from '../site';
import { paragraph } from './paragraph';
import type { Terminal } from './terminal';
import { formatMoment } from './units';

/** How many of the lines that called the one at fault are shown. */
const CALLERS = 2;
/** What is said about the harm of a report in one run. */
const HARM: Readonly<Record<Harm, string>> = {
  happened: 'harm happened',
  possible: 'no harm this time, but possible here',
  none: 'harmless here, not on other machines',
};

/** A report, and what is said about it where several runs have had it. */
export interface ToldReport {
  readonly report: JudgedReport;
  /** Default: what the report says. */
  readonly harm?: string;
  /** In which runs. Default: there is one only. */
  readonly where?: string;
}

/** The driver's line at fault, where it is known. */
export const faultOf = ({ places, at }: JudgedReport): string | null => places[at]?.site ?? null;

/** Whether a failure is that this report came. */
export const isBehind = ({ allowed, severity }: JudgedReport, { kind }: OutcomeFailure): boolean =>
  kind === 'report' && severity === 'error' && !allowed;

/** Errors that nobody expects first, then warnings, then what the scenario knows of. */
export const inOrder = <T extends ToldReport>(reports: readonly T[]): T[] => {
  const rank = ({ report: { allowed, severity } }: T): number => (allowed ? 2 : severity === 'error' ? 0 : 1);
  return [...reports].sort((a, b) => rank(a) - rank(b));
};

export const placeText = (site: string): string => formatPlace(parseSite(site));

/** Half as wide, for narrow terminals: a mark stands for what it or its neighbour marked. */
const halved = (line: string): string => {
  const [, name, bar, rest] = /^([^|]*\|)([^|]*)(\|.*)$/.exec(line) ?? [];
  if (name === undefined || bar === undefined || rest === undefined) return line;
  return name + bar.replaceAll(/(.)(.)/g, (_, one: string, other: string) => (one === '.' ? other : one)) + rest;
};

const cut = (text: string, width: number): string => (text.length > width ? `${text.slice(0, width - 1)}…` : text);

const writePicture = ({ colors, write, width }: Terminal, picture: readonly string[], indent: string): void => {
  const room = width - indent.length;
  const fits = picture.every(({ length }) => length <= room);
  for (const line of fits ? picture : picture.map(halved)) write(`${indent}${colors.dim(cut(line, room))}\n`);
};

/** The story: when, what, and where in the source; the line at fault is marked. */
const writeStory = ({ colors, write, width }: Terminal, { places, at }: JudgedReport, indent: string): void => {
  const rows = places.map(
    ({ time, what, site }: ReportPlace) => [formatMoment(time), what, site === null ? '' : placeText(site)] as const,
  );
  const [times, whats] = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const [index, [time, what, where]] of rows.entries()) {
    const isFault = index === at && where !== '';
    const start = `${indent}${isFault ? '▸ ' : '  '}${time.padStart(times!)}  `;
    const line = `${start}${what.padEnd(whats!)}  ${where}`.trimEnd();
    const text =
      line.length <= width ? line : `${paragraph(what, width, ' '.repeat(start.length), start)}\n${indent}    ${where}`;
    write(`${isFault ? text : colors.dim(text)}\n`);
  }
};

const writeFault = ({ colors, write, width }: Terminal, report: JudgedReport, indent: string): void => {
  const fault = faultOf(report);
  if (fault === null) return;
  const callers = report.places[report.at]!.callers.filter((site, index, all) => site !== (all[index - 1] ?? fault))
    .slice(0, CALLERS)
    .map(placeText);
  const from = callers.length === 0 ? '' : `, called from ${callers.join(', ')}`;
  const text = paragraph(`at ${placeText(fault)}${from}`, width, `${indent}   `, indent).slice(indent.length + 2);
  write(`${indent}${colors.dim('at')}${text}\n`);
};

const times = (count: number): string => (count > 1 ? `  × ${count}` : '');

/** One line about a report that the scenario knows of, two where it does not fit. */
const writeShort = ({ colors, write, width }: Terminal, { report, where }: ToldReport, indent: string): void => {
  const { id, expected, count } = report;
  const fault = faultOf(report);
  const text = `${id} ${expected ? 'as expected' : 'is allowed'}${times(count)}`;
  const parts = [text, ...(fault === null ? [] : [`at ${placeText(fault)}`]), ...(where === undefined ? [] : [where])];
  const inner = `${indent}  `;
  const isShort = inner.length + parts.join('  ').length <= width;
  for (const [index, part] of (isShort ? [parts.join('  ')] : parts).entries()) {
    write(`${colors.dim(paragraph(part, width, inner, index === 0 ? `${indent}· ` : inner))}\n`);
  }
};

const harmColor = ({ colors }: Terminal, { harm }: JudgedReport): ((text: string) => string) =>
  harm === 'happened' ? colors.red : harm === 'possible' ? colors.yellow : colors.dim;

const writeFull = (terminal: Terminal, told: ToldReport, indent: string): void => {
  const { colors, write, width } = terminal;
  const { report, harm = HARM[told.report.harm], where } = told;
  const inner = `${indent}  `;
  const color = report.severity === 'error' ? colors.red : colors.yellow;
  const mark = report.severity === 'error' ? '✗' : '!';
  write(
    `${indent}${color(`${mark} ${colors.bold(report.id)}`)}${times(report.count)}  ${harmColor(terminal, report)(harm)}\n`,
  );
  if (where !== undefined) write(`${colors.dim(paragraph(where, width, inner))}\n`);
  write(`${paragraph(report.message, width, inner)}\n`);
  writeFault(terminal, report, inner);
  writeStory(terminal, report, inner);
  writePicture(terminal, report.picture, `${inner}  `);
  write(`${colors.green(paragraph(`fix: ${report.fix}`, width, `${inner}     `, inner))}\n`);
};

/** Tells people of a report: all of it, or in one line if the scenario knows of it. */
export const writeReport = (terminal: Terminal, told: ToldReport, indent: string): void =>
  (told.report.allowed ? writeShort : writeFull)(terminal, told, indent);
