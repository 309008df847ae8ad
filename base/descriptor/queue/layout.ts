import type { AnyDescriptor } from '../any-descriptor';
import type { Format } from '../format';
import { valueOf, type Parameters } from '../meaning';
import { isThat } from '../placed';
import { contradiction } from '../placement';
import { pagesOfFormat, segmentsOfFormat } from './lists';

/** How large a queue is. */
export interface QueueSize {
  /** Entries of the ring, table or list. */
  readonly entries: number;
  /** Entries of the completion queue. Default: as many as entries. */
  readonly completions?: number;
  /** Most entries or elements of one request's table or lists. Default 32. */
  readonly pieces?: number;
  /** Requests that have tables or lists at the same time. Default: as many as entries. */
  readonly tables?: number;
  /** Values of the format's parameters: bytes of a block, of a page. Default: as the format says. */
  readonly parameters?: Parameters;
}

/** Where the parts of a queue lie in its memory: byte offsets. */
export interface QueueLayout extends Required<QueueSize> {
  /** Bytes of all of it, and what its I/O address is a multiple of. */
  readonly bytes: number;
  readonly align: number;
  /** From one entry to the next. */
  readonly stride: number;
  readonly headsAt: number;
  readonly doneAt: number;
  readonly tablesAt: number;
  /** Bytes of the tables of one request; 0 if there are none. */
  readonly tableBytes: number;
}

const up = (value: number, align: number): number => Math.ceil(value / align) * align;

/** Lists of pages take one page each, of which the last element leads to the next. */
const listPages = (elements: number, perPage: number): number =>
  elements <= perPage ? 1 : 1 + Math.ceil((elements - perPage) / (perPage - 1));

/** Bytes and alignment of what one request's tables and lists need. */
const tableSize = (format: Format, most: number, parameters: Parameters): { bytes: number; align: number } => {
  const needs = [{ bytes: 0, align: 1 }];
  const pages = pagesOfFormat(format);
  if (pages !== undefined) {
    const page = valueOf(pages.page, parameters);
    needs.push({ bytes: page * listPages(most, Math.floor(page / pages.element.size)), align: page });
  }
  const element = segmentsOfFormat(format)?.element;
  if (element !== undefined) needs.push({ bytes: most * element.size, align: element.align });
  if (format.indirect) needs.push({ bytes: most * format.entry.size, align: format.entry.align });
  return {
    bytes: Math.max(...needs.map(({ bytes }) => bytes)),
    align: Math.max(...needs.map(({ align }) => align)),
  };
};

const doneParts = ({ completion }: Format, { entries, completions }: Required<QueueSize>): [number, number] => {
  if (completion.kind === 'queue') return [completions * completion.entry.size, completion.entry.align];
  if (completion.kind !== 'used-ring') return [0, 1];
  const { header, element } = completion;
  return [header.size + entries * element.size, Math.max(header.align, element.align)];
};

const headsParts = ({ follow }: Format, entries: number): [number, number] => {
  if (follow.kind !== 'heads') return [0, 1];
  const { header, element } = follow;
  return [header.size + entries * element.size, Math.max(header.align, element.align)];
};

const isSize = (value: number): boolean => Number.isSafeInteger(value) && value > 0;

/** What entries are aligned to: links may ask for more than the entry itself. */
const entryAlign = (entry: AnyDescriptor): number =>
  Math.max(
    entry.align,
    ...[...entry.placedFields, ...entry.variantFields]
      .filter((field) => isThat(field, 'address', 'next'))
      .map(({ below, meaning }) => Math.max(2 ** below, meaning?.kind === 'address' ? meaning.align : 1)),
  );

/** From one entry to the next: in rings and tables their size, which has to keep them aligned; in lists more, if need be. */
const strideOf = ({ entry, follow, indirect, jumps }: Format): number => {
  const { typeName, size } = entry;
  // A jump leads to the beginning only, and that alone is aligned as its address asks.
  const align = jumps ? entry.align : entryAlign(entry);
  if (size % align !== 0 && (follow.kind !== 'linked' || indirect)) {
    throw contradiction(typeName, `${typeName} has ${size} bytes and is aligned to ${align}: it makes no ring`);
  }
  return up(size, align);
};

/** An index that counts requests has to tell a full queue from an empty one. */
const checkIndex = (format: Format, header: AnyDescriptor, entries: number): void => {
  const [field] = header.fieldsThat('count', 'index');
  if (field === undefined || entries < 2 ** field.bits) return;
  throw contradiction(
    format.name,
    `a queue of ${format.name} has ${entries} entries, and ${header.typeName}.${field.path} has ${field.bits} bits`,
  );
};

/** Where everything lies that a queue of a format needs. Sizes that make no queue are a `LabError`. */
export const queueLayout = (format: Format, size: QueueSize): QueueLayout => {
  const { entries, completions = entries, pieces = 32, tables = entries, parameters = {} } = size;
  if (![entries, completions, pieces, tables].every(isSize) || entries < (format.jumps ? 3 : 2)) {
    const values = `${entries} entries, ${completions} completions, ${pieces} pieces and ${tables} tables`;
    throw contradiction(format.name, `a queue of ${format.name} cannot have ${values}`);
  }
  const stride = strideOf(format);
  const { follow, completion } = format;
  if (follow.kind === 'heads') checkIndex(format, follow.header, entries);
  if (completion.kind === 'used-ring') checkIndex(format, completion.header, entries);
  const full = { entries, completions, pieces, tables, parameters };
  const [headsBytes, headsAlign] = headsParts(format, entries);
  const [doneBytes, doneAlign] = doneParts(format, full);
  const table = tableSize(format, pieces, parameters);
  const headsAt = up(entries * stride, headsAlign);
  const doneAt = up(headsAt + headsBytes, doneAlign);
  const tableBytes = up(table.bytes, table.align);
  const tablesAt = up(doneAt + doneBytes, table.align);
  const align = Math.max(entryAlign(format.entry), headsAlign, doneAlign, table.align);
  return { ...full, bytes: tablesAt + tables * tableBytes, align, stride, headsAt, doneAt, tablesAt, tableBytes };
};
