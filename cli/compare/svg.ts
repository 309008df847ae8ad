import type { FormatFigures } from '../../lab/compare/figures';
import { formatTime } from '../report/units';
import { FIGURE_ROWS, shareText, TIME_PARTS, type FigureRow } from './rows';

const WIDTH = 960;
const MARGIN = 28;
const GAP = 36;
const PANEL = (WIDTH - 2 * MARGIN - GAP) / 2;
const NAME = 142;
const VALUE = 84;
const BAR = 14;
const STEP = 22;
const TOP = 92;

const INK = '#1f2933';
const SOFT = '#616e7c';
const TRACK = '#eef1f4';
/** Of the formats, in their order: the Okabe–Ito palette, which colour-blind people can tell apart. */
const COLORS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00'];
/** Of the parts of the time. */
const TIME_COLORS = ['#0072b2', '#56b4e9', '#009e73', '#e69f00', '#cc79a7', '#c3cad2'];

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

interface TextStyle {
  readonly size?: number;
  readonly color?: string;
  readonly anchor?: 'start' | 'end';
  readonly bold?: boolean;
}

const text = (x: number, y: number, what: string, { size = 12, color = INK, anchor, bold }: TextStyle = {}): string =>
  `<text x="${x}" y="${y}" font-size="${size}" fill="${color}"` +
  `${anchor === 'end' ? ' text-anchor="end"' : ''}${bold ? ' font-weight="600"' : ''}>${escape(what)}</text>`;

const rect = (x: number, y: number, width: number, height: number, color: string): string =>
  `<rect x="${x}" y="${y}" width="${Number(Math.max(0, width).toFixed(2))}" height="${height}" fill="${color}"/>`;

/** A name that fits beside its bar. */
const shortName = (name: string): string => (name.length > 21 ? `${name.slice(0, 20)}…` : name);

/** Bars of one figure, a line for each format. */
const panel = (row: FigureRow, all: readonly FormatFigures[], x: number, y: number): string[] => {
  const most = Math.max(...all.map(row.value));
  const room = PANEL - NAME - VALUE;
  const head = [
    text(x, y, row.title, { size: 13, bold: true }),
    text(x + PANEL, y, `${row.better} is better`, { size: 11, color: SOFT, anchor: 'end' }),
  ];
  return head.concat(
    all.flatMap((figures, i) => {
      const line = y + 12 + i * STEP;
      const length = most === 0 ? 0 : (row.value(figures) / most) * room;
      return [
        text(x + NAME - 8, line + 11, shortName(figures.name), { color: SOFT, anchor: 'end' }),
        rect(x + NAME, line, room, BAR, TRACK),
        rect(x + NAME, line, length, BAR, COLORS[i % COLORS.length]!),
        text(x + PANEL, line + 11, row.text(figures), { anchor: 'end' }),
      ];
    }),
  );
};

const legend = (x: number, y: number): string[] => {
  let at = x;
  return TIME_PARTS.flatMap(({ label }, i) => {
    const entry = [rect(at, y - 10, 11, 11, TIME_COLORS[i]!), text(at + 16, y, label, { size: 11, color: SOFT })];
    at += 28 + 6.1 * label.length;
    return entry;
  });
};

/** Where the time of each format went: one bar of the same length for all. */
const timePanel = (all: readonly FormatFigures[], x: number, y: number): string[] => {
  const room = WIDTH - 2 * MARGIN - NAME - VALUE;
  const head = [text(x, y, 'where the time went', { size: 13, bold: true }), ...legend(x + NAME + 40, y)];
  return head.concat(
    all.flatMap((figures, i) => {
      const line = y + 12 + i * STEP;
      let at = x + NAME;
      const parts = TIME_PARTS.map(({ key, label }, part) => {
        const length = (figures.time[key] / figures.nanoseconds) * room;
        const bar = rect(Number(at.toFixed(2)), line, length, BAR, TIME_COLORS[part]!);
        at += length;
        const title = `<title>${escape(`${figures.name}: ${label} ${shareText(figures, key)}`)}</title>`;
        return bar.replace('/>', `>${title}</rect>`);
      });
      return [
        text(x + NAME - 8, line + 11, shortName(figures.name), { color: SOFT, anchor: 'end' }),
        ...parts,
        text(WIDTH - MARGIN, line + 11, formatTime(figures.nanoseconds), { anchor: 'end' }),
      ];
    }),
  );
};

/** What a picture says besides the figures. */
export interface PictureTexts {
  readonly title: string;
  /** What was sent, and on which machine. */
  readonly lines: readonly string[];
}

/** Draws a comparison: a panel for each figure, and one for where the time went. The result is a whole SVG document. */
export const drawSvg = (all: readonly FormatFigures[], { title, lines }: PictureTexts): string => {
  const panelHeight = 12 + all.length * STEP + 34;
  const rows = Math.ceil(FIGURE_ROWS.length / 2);
  const timeAt = TOP + rows * panelHeight + 8;
  const height = timeAt + 12 + all.length * STEP + 24;
  const panels = FIGURE_ROWS.flatMap((row, i) =>
    panel(row, all, MARGIN + (i % 2) * (PANEL + GAP), TOP + Math.floor(i / 2) * panelHeight + 16),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"` +
      ` font-family="system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif">`,
    rect(0, 0, WIDTH, height, '#ffffff'),
    text(MARGIN, 38, title, { size: 20, bold: true }),
    ...lines.map((line, i) => text(MARGIN, 58 + i * 17, line, { color: SOFT })),
    ...panels,
    ...timePanel(all, MARGIN, timeAt + 16),
    '</svg>',
    '',
  ].join('\n');
};
