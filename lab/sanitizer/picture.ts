/** Columns of a drawn buffer. */
const COLUMNS = 48;

/** A row of a picture: a name, and the ranges of bytes that it marks. */
export interface PictureRow {
  readonly name: string;
  readonly mark: string;
  readonly ranges: readonly (readonly [start: number, end: number])[];
}

const describe = (ranges: PictureRow['ranges']): string => {
  const texts = ranges.slice(0, 3).map(([start, end]) => `${start}..${end - 1}`);
  return ranges.length > 3 ? `${texts.join(', ')}, …` : texts.join(', ');
};

const bar = (length: number, { mark, ranges }: PictureRow): string => {
  const columns = Array.from({ length: COLUMNS }, () => '.');
  for (const [start, end] of ranges) {
    const first = Math.floor((Math.max(start, 0) / length) * COLUMNS);
    const last = Math.max(first, Math.ceil((Math.min(end, length) / length) * COLUMNS) - 1);
    for (let column = first; column <= Math.min(last, COLUMNS - 1); column++) columns[column] = mark;
  }
  return columns.join('');
};

/** Draws `length` bytes, a line for each row that marks something. */
export const drawBytes = (length: number, rows: readonly PictureRow[]): string[] => {
  const shown = rows.filter(({ ranges }) => ranges.length > 0);
  if (!(length > 0) || shown.length === 0) return [];
  const width = Math.max(...shown.map(({ name }) => name.length));
  return shown.map((row) => `${row.name.padEnd(width)} |${bar(length, row)}| ${describe(row.ranges)}`);
};
