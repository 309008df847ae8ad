import type tableModule from 'cli-table3';

/** One column of a table without lines. */
export interface Column {
  readonly width: number;
  readonly align: 'left' | 'right';
}

const NO_LINES = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((part) => [part, '']),
);

/** Machine-readable reports have no tables: only what prints one waits for it. */
const loadTable = (): typeof tableModule => module.require('cli-table3') as typeof tableModule;

/** Rows as text, one line each; cells that are too long end in an ellipsis, or wrap. */
export const layOut = (rows: readonly (readonly string[])[], columns: readonly Column[], wrap = false): string => {
  const Table = loadTable();
  const table = new Table({
    chars: NO_LINES,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colWidths: columns.map(({ width }) => width),
    colAligns: columns.map(({ align }) => align),
    wordWrap: wrap,
  });
  table.push(...rows.map((row) => [...row]));
  const lines = table.toString().split('\n');
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
};
