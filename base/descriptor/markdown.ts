import { hex } from '../u64';
import type { AnyDescriptor } from './any-descriptor';
import type { LengthMeaning, Meaning } from './meaning';
import type { PlacedField } from './placed';
import { allCases } from './shapes';

const cells = (...texts: readonly string[]): string =>
  `| ${texts.map((text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;

const bitsText = (high: number, low: number): string => (high === low ? String(high) : `${high}:${low}`);

const plural = (count: number, unit: string): string => `${count} ${unit}${count === 1 ? '' : 's'}`;

const unitText = (unit: LengthMeaning['unit']): string => {
  if (typeof unit === 'string') return `2^${unit} bytes`;
  if (typeof unit === 'number') return plural(unit, 'byte');
  return `a ${unit.name} of ${unit.otherwise} bytes or as set up`;
};

/** A meaning in a few words. */
export const meaningText = (meaning: Meaning | undefined): string => {
  switch (meaning?.kind) {
    case 'address': {
      const limits = [
        meaning.align > 1 ? `aligned to ${plural(meaning.align, 'byte')}` : '',
        meaning.boundary > 0 ? `within ${hex(meaning.boundary)} bytes` : '',
      ].filter((text) => text !== '');
      return [`address of ${meaning.of}`, ...limits].join(', ');
    }
    case 'length': {
      const unit = unitText(meaning.unit);
      const convention = meaning.minusOne ? ', minus 1' : '';
      const zero = meaning.zeroMeans > 0 ? `, 0 means ${meaning.zeroMeans}` : '';
      const most = meaning.max > 0 ? `, at most ${plural(meaning.max, 'byte')}` : '';
      return `length of ${meaning.of} in units of ${unit}${convention}${zero}${most}`;
    }
    case 'mark':
      return meaning.when === 1 ? meaning.role : `${meaning.role} when ${meaning.when}`;
    case 'count':
      return meaning.role + (meaning.unit > 1 ? ` in units of ${plural(meaning.unit, 'byte')}` : '');
    case 'values':
      return Object.entries(meaning.names)
        .map(([name, value]) => `${value}: ${name}`)
        .join(', ');
    case undefined:
      return '';
  }
};

const row = (field: PlacedField): string => {
  const about = [meaningText(field.meaning), field.doc].filter((text) => text !== '').join('. ');
  const places = field.pieces.length > 1 && field.where.includes(' and ') ? field.where : '';
  return cells('', field.path, bitsText(field.high, field.low), [about, places].filter(Boolean).join(' — '));
};

/** A descriptor's words and fields as a Markdown table, in the order of their offsets. Ends with a newline. */
export const descriptorTable = (descriptor: AnyDescriptor): string => {
  const rows = [cells('Offset', 'Word or field', 'Bits', 'What it is'), cells('---', '---', '---', '---')];
  const addWords = (words: AnyDescriptor['words'], fields: readonly PlacedField[], note: string): void => {
    for (const { path, offset, word } of words) {
      const own = fields.filter((field) => field.word === path).sort((a, b) => b.high - a.high);
      const whole = word.fields === undefined ? own[0] : undefined;
      const endian = word.bigEndian ? 'big-endian' : '';
      const about = [whole === undefined ? '' : meaningText(whole.meaning), word.doc, endian, note].filter(
        (t) => t !== '',
      );
      rows.push(
        cells(`0x${offset.toString(16).padStart(2, '0')}`, `**${path}**`, `${word.bits - 1}:0`, about.join('. ')),
      );
      if (whole === undefined) rows.push(...own.map(row));
    }
  };
  addWords(descriptor.words, descriptor.placedFields, '');
  for (const { within, shape } of allCases(descriptor.placedVariants)) {
    const { words, fields } = shape.placement;
    addWords(words, fields, `if ${within.by.path} is ${shape.when.join(' or ')}`);
  }
  return [...rows, ''].join('\n');
};
