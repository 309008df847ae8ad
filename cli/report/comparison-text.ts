import { caseName } from '../../lab/matrix/case-name';
import type { CaseReference, Change, Comparison, MovedCounters, ReportReference } from '../baseline/compare';
import type { Counter } from '../baseline/read-baseline';
import { INDENT } from './failure-text';
import { paragraph } from './paragraph';
import type { Terminal } from './terminal';
import { formatBytes, formatMoment } from './units';

/** How many lines a section has at most; `--json` has all. */
const MAX_LINES = 12;

const plain = (amount: number): string => String(amount);

const COUNTER_TEXTS: Readonly<Record<Counter, readonly [name: string, format: (amount: number) => string]>> = {
  simulatedTime: ['simulated', formatMoment],
  bytesRead: ['read', formatBytes],
  bytesWritten: ['written', formatBytes],
  faults: ['faults', plain],
  warnings: ['warnings', plain],
  interrupts: ['IRQs', plain],
  events: ['events', plain],
};

/** Something that is said about cases. */
interface Line {
  readonly cases: CaseReference;
  readonly text: string;
}

const arrow = <T>({ before, now }: Change<T>, format: (value: T) => string = String): string =>
  `${format(before)} → ${format(now)}`;

/** As text, or exactly where that looks the same. */
const counterText = ([counter, change]: [string, Change<number>]): string => {
  const [name, format] = COUNTER_TEXTS[counter as Counter];
  return `${name} ${arrow(change, format(change.before) === format(change.now) ? plain : format)}`;
};

const reportText = ({ report: { id, file, line, severity } }: ReportReference): string =>
  `${severity === 'error' ? '✗' : '!'} ${id} at ${line === null ? file : `${file}:${line}`}`;

const counterLine = ({ changes, ...cases }: MovedCounters): Line => ({
  cases,
  text: Object.entries(changes).map(counterText).join(', '),
});

const casesText = (cases: readonly CaseReference[]): string => {
  const names = new Set(cases.map(({ name, case: at }) => caseName(name, at)));
  const [only] = names;
  return names.size === 1 ? only! : `${cases[0]!.name}, ${names.size} cases`;
};

/** What is said of several cases of one scenario is said once. */
const grouped = (lines: readonly Line[]): string[] => {
  const groups = new Map<string, Line[]>();
  for (const line of lines) {
    const key = `${line.cases.name}|${line.text}`;
    groups.set(key, [...(groups.get(key) ?? []), line]);
  }
  return [...groups.values()].map((group) => {
    const { text } = group[0]!;
    const cases = casesText(group.map((line) => line.cases));
    return text === '' ? cases : `${cases}: ${text}`;
  });
};

const sections = (found: Comparison): (readonly [title: string, lines: readonly Line[]])[] => [
  ['newly failing', found.newlyFailing.map(({ message, ...cases }) => ({ cases, text: message }))],
  ['newly passing', found.newlyPassing.map((cases) => ({ cases, text: '' }))],
  ['new reports', found.newReports.map((each) => ({ cases: each, text: reportText(each) }))],
  ['fixed reports', found.fixedReports.map((each) => ({ cases: each, text: reportText(each) }))],
  [
    'changed reports',
    found.changedReports.map((each) => {
      const harm = each.harm === null ? [] : [`harm ${arrow(each.harm)}`];
      const count = each.count === null ? [] : [`count ${arrow(each.count)}`];
      return { cases: each, text: `${reportText(each)}: ${[...harm, ...count].join(', ')}` };
    }),
  ],
  ['new cases', found.newCases.map((cases) => ({ cases, text: '' }))],
  ['gone cases', found.goneCases.map((cases) => ({ cases, text: '' }))],
  ['counters', found.counters.map(counterLine)],
];

/** Why the two runs are not quite comparable. */
const reservations = ({ seed, sanitizer }: Comparison): string[] => [
  ...(seed.before === seed.now ? [] : [`its seed was ${seed.before}`]),
  ...(sanitizer.before ? [] : ['it was not watched by the sanitizer: reports are not compared']),
  ...(sanitizer.before && !sanitizer.now ? ['the sanitizer is off: reports are not compared'] : []),
];

/** What differs from an earlier run, for people. */
export const writeComparison = ({ colors, write, width }: Terminal, found: Comparison): void => {
  const different = sections(found).filter(([, lines]) => lines.length > 0);
  write(`\n  ${colors.bold('Compared with')} ${found.file}${different.length === 0 ? ': nothing differs' : ''}\n`);
  for (const text of reservations(found)) write(`${colors.yellow(paragraph(text, width, INDENT))}\n`);
  for (const [title, lines] of different) {
    const texts = grouped(lines);
    const bad = title === 'newly failing' || title === 'new reports';
    const good = title === 'newly passing' || title === 'fixed reports';
    write(`${INDENT}${(bad ? colors.red : good ? colors.green : colors.bold)(title)}\n`);
    for (const text of texts.slice(0, MAX_LINES)) write(`${paragraph(text, width, `${INDENT}    `, `${INDENT}  `)}\n`);
    if (texts.length > MAX_LINES) write(`${INDENT}  ${colors.dim(`and ${texts.length - MAX_LINES} more`)}\n`);
  }
};
