import { hex } from '../u64';
import { findingsByEntry, type Finding, type Walk, type WalkedEntry } from './findings';
import { meaningText } from './markdown';
import { readNumber, readWide, type PlacedField } from './placed';
import { activeFields } from './shapes';

/** A field's value as people read it: addresses and wide numbers in hex, named values by name, lengths in bytes too. */
const valueText = (field: PlacedField, lanes: Int32Array): string => {
  if (field.kind === 'wide') return hex(readWide(field, lanes, 0));
  const value = readNumber(field, lanes, 0);
  const { meaning } = field;
  if (meaning?.kind === 'values') {
    const name = Object.entries(meaning.names).find(([, number]) => number === value)?.[0];
    return name === undefined ? String(value) : `${value} ${name}`;
  }
  if (meaning?.kind === 'length' && typeof meaning.unit === 'number') {
    const count = meaning.minusOne ? value + 1 : value === 0 ? meaning.zeroMeans : value;
    return `${value} (${count * meaning.unit} bytes)`;
  }
  return value < 10 ? String(value) : `${value} ${hex(value)}`;
};

const bitsText = ({ high, low, pieces, where }: PlacedField): string => {
  if (pieces.length > 1 && where.includes(' and ')) return 'joined';
  return high === low ? String(high) : `${high}:${low}`;
};

const about = (field: PlacedField): string => {
  const { meaning } = field;
  return meaning === undefined || meaning.kind === 'values' ? field.doc : meaningText(meaning);
};

/** What is said about a field of an entry, or about the entry. */
export interface EntryNote {
  readonly field?: string | undefined;
  readonly text: string;
}

const noteLine = ({ text }: EntryNote): string => `    ! ${text}`;
const noteOf = ({ field, kind, message }: Finding): EntryNote => ({ field, text: `${kind}: ${message}` });
const fieldLines = ({ descriptor, lanes }: WalkedEntry): readonly (readonly [field: PlacedField, line: string])[] => {
  const fields = activeFields(descriptor, lanes).sort((a, b) => a.offset - b.offset);
  const width = Math.max(...fields.map(({ path }) => path.length));
  const bits = Math.max(...fields.map((field) => bitsText(field).length));
  const values = fields.map((field) => valueText(field, lanes));
  const valueWidth = Math.max(...values.map(({ length }) => length));
  return fields.map((field, i) => {
    const place = `0x${field.offset.toString(16).padStart(2, '0')}`;
    const columns = [place, field.path.padEnd(width), bitsText(field).padStart(bits), values[i]!.padEnd(valueWidth)];
    return [field, `  ${columns.join('  ')}  ${about(field)}`.trimEnd()] as const;
  });
};

/** Notes stand below the field that they are about; those about no field that is shown, at the end. */
const annotated = (
  fields: readonly (readonly [field: PlacedField, line: string])[],
  notes: readonly EntryNote[],
): string[] => {
  const rest = new Set(notes);
  const lines: string[] = [];
  for (const [field, line] of fields) {
    lines.push(line);
    for (const note of notes) {
      if (note.field !== field.path) continue;
      rest.delete(note);
      lines.push(noteLine(note));
    }
  }
  return [...lines, ...[...rest].map(noteLine)];
};

const headLine = ({ where, address, descriptor }: WalkedEntry): string =>
  `${where} at ${hex(address)}: ${descriptor.typeName}`;

const NOT_OWNED = ", not the device's";

/** Whether an entry tells nothing: the device has not got it, and nobody has written to it. */
const isUntouched = ({ owned, lanes }: WalkedEntry): boolean => !owned && lanes.every((lane) => lane === 0);

/** A run of entries that tell nothing, in one line. */
const untouchedLine = (run: readonly WalkedEntry[]): string => {
  const first = run[0]!;
  const names = run.length === 1 ? first.where : `${first.where} to ${run.at(-1)!.where}`;
  return `${names} at ${hex(first.address)}: ${first.descriptor.typeName}${NOT_OWNED}, all zero`;
};

const entryLines = (entry: WalkedEntry, findings: readonly Finding[]): string[] => [
  `${headLine(entry)}${entry.owned ? '' : NOT_OWNED}`,
  ...annotated(fieldLines(entry), findings.map(noteOf)),
];

/** All entries in their order. */
const allLines = (of: ReadonlyMap<WalkedEntry, readonly Finding[]>): string[] => {
  const lines: string[] = [];
  let run: WalkedEntry[] = [];
  const endRun = (): void => {
    if (run.length > 0) lines.push(untouchedLine(run));
    run = [];
  };
  for (const [entry, findings] of of) {
    const isSilent = findings.length === 0 && isUntouched(entry);
    if (!isSilent || (run.length > 0 && run[0]!.descriptor !== entry.descriptor)) endRun();
    if (isSilent) run.push(entry);
    else lines.push(...entryLines(entry, findings));
  }
  endRun();
  return lines;
};

/** Fields that a small picture shows whether something is wrong with them or not. */
const TELLING: readonly string[] = ['address', 'length'];
const TELLING_MARKS: readonly string[] = ['owner', 'phase', 'last', 'more', 'indirect'];
const PICTURE_FIELDS = 8;

const isTelling = ({ meaning }: PlacedField): boolean =>
  meaning !== undefined &&
  (TELLING.includes(meaning.kind) || (meaning.kind === 'mark' && TELLING_MARKS.includes(meaning.role)));

/** One entry in a few lines: the fields that matter, each note below its field. */
export const dumpEntry = (entry: WalkedEntry, notes: readonly EntryNote[]): string[] => {
  const fields = fieldLines(entry);
  const noted = notes.map(({ field }) => field);
  const shown =
    fields.length <= PICTURE_FIELDS
      ? fields
      : fields.filter(([field]) => noted.includes(field.path) || isTelling(field)).slice(0, 2 * PICTURE_FIELDS);
  return [headLine(entry), ...annotated(shown, notes)];
};

/**
 * What a walk found, as lines of text: every entry with its fields, their bits and values, and what is wrong with them.
 * Entries that are not the device's and hold nothing but zeroes take one line together.
 * @param title what was walked: `dw-axi-dmac list of channel 0`
 */
export const dump = (title: string, { entries, findings }: Walk): string[] => {
  const count = (n: number, one: string, more: string): string => `${n} ${n === 1 ? one : more}`;
  const { of, elsewhere } = findingsByEntry({ entries, findings });
  return [
    `${title}: ${count(entries.length, 'entry', 'entries')}, ${count(findings.length, 'finding', 'findings')}`,
    ...allLines(of),
    ...elsewhere.flatMap((finding) => [`${finding.where} at ${hex(finding.address)}`, noteLine(noteOf(finding))]),
  ];
};
