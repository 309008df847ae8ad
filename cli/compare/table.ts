import type { FormatFigures } from '../../lab/compare/figures';
import { layOut } from '../report/columns';
import type { Terminal } from '../report/terminal';
import { FIGURE_ROWS, shareText, TIME_PARTS, type FigureRow } from './rows';

const LABEL_WIDTH = 27;
const LEAST_WIDTH = 14;
const INDENT = 2;

/** A name in lines that fit a column, broken after hyphens and before colons. */
const nameLines = (name: string, width: number): string[] => {
  const lines: string[] = [''];
  for (const part of name.split(/(?<=-)|(?=:)/)) {
    const last = lines.at(-1)!;
    if (last !== '' && last.length + part.length > width) lines.push(part);
    else lines[lines.length - 1] = last + part;
  }
  return lines.map((line) => (line.length > width ? `${line.slice(0, width - 1)}…` : line));
};

const header = (all: readonly FormatFigures[], width: number): string[][] => {
  const names = all.map(({ name }) => nameLines(name, width));
  const height = Math.max(...names.map(({ length }) => length));
  return Array.from({ length: height }, (_, i) => [
    '',
    ...names.map((lines) => lines[i - height + lines.length] ?? ''),
  ]);
};

/** The best of a row stands out, unless all are alike. */
const figureCells = (
  row: FigureRow,
  all: readonly FormatFigures[],
  everyone: readonly FormatFigures[],
  terminal: Terminal,
) => {
  const texts = everyone.map(row.text);
  const values = everyone.map(row.value);
  const best = row.better === 'more' ? Math.max(...values) : Math.min(...values);
  const differ = texts.some((text) => text !== texts[0]);
  return all.map((figures) => {
    const text = row.text(figures);
    return differ && row.value(figures) === best ? terminal.colors.green(text) : text;
  });
};

const MOVES = { out: 'from memory', in: 'to memory', copy: 'memory copy' } as const;

/** The figures of some formats, side by side, as many as the terminal is wide. */
export const tableText = (everyone: readonly FormatFigures[], terminal: Terminal): string => {
  const room = terminal.width - INDENT - LABEL_WIDTH;
  const perTable = Math.max(1, Math.min(everyone.length, Math.floor(room / LEAST_WIDTH)));
  const tables: string[] = [];
  for (let from = 0; from < everyone.length; from += perTable) {
    tables.push(
      oneTable(everyone.slice(from, from + perTable), everyone, terminal, Math.min(22, Math.floor(room / perTable))),
    );
  }
  return tables.join('\n');
};

const oneTable = (
  all: readonly FormatFigures[],
  everyone: readonly FormatFigures[],
  terminal: Terminal,
  width: number,
): string => {
  const rows = [
    ...header(all, width - 1),
    ['moves', ...all.map(({ moves }) => MOVES[moves])],
    ...FIGURE_ROWS.map((row) => [row.label, ...figureCells(row, all, everyone, terminal)]),
    ['where the time went', ...all.map(() => '')],
    ...TIME_PARTS.map(({ key, label }) => [`  ${label}`, ...all.map((figures) => shareText(figures, key))]),
  ];
  const columns = [
    { width: LABEL_WIDTH, align: 'left' } as const,
    ...all.map(() => ({ width, align: 'right' }) as const),
  ];
  return layOut(rows, columns)
    .split('\n')
    .map((line) => (line === '' ? '' : `${' '.repeat(INDENT)}${line}`))
    .join('\n');
};
