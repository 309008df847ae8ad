import { hex } from '../../base/u64';
import { layOutField } from './field';
import type { BlockSpec, FieldSpec, RegisterSpec } from './spec';

const ACCESS_NAMES = {
  rw: 'read/write',
  ro: 'read only',
  wo: 'write only',
  w1c: 'write 1 to clear',
  w1s: 'write 1 to set',
} as const;

const cells = (...texts: readonly string[]): string =>
  `| ${texts.map((text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;

const padded = (offset: number): string => `0x${offset.toString(16).padStart(3, '0')}`;

/** `0x100 + 4n, n < 32` for an array of registers. */
const offsetText = ({ offset, count, stride, width }: RegisterSpec): string =>
  count === undefined ? padded(offset) : `${padded(offset)} + ${hex(stride ?? width)}·n, n < ${count}`;

const bitsText = ({ bits }: FieldSpec): string => (typeof bits === 'number' ? String(bits) : `${bits[0]}:${bits[1]}`);

const fieldText = (field: FieldSpec): string => {
  const values = Object.entries(field.values ?? {}).map(([value, name]) => `${value}: ${name}`);
  const parts = [field.doc ?? '', values.join(', '), field.unimplemented === true ? '*Not implemented.*' : ''];
  return parts.filter((part) => part !== '').join(' ');
};

const registerRows = (place: string, name: string, spec: RegisterSpec): string[] => {
  const access = ACCESS_NAMES[spec.access ?? 'rw'];
  const whole = spec.fields === undefined;
  const rows = [
    cells(
      offsetText(spec),
      `**${spec.count === undefined ? name : `${name}[n]`}**`,
      `${spec.width * 8 - 1}:0`,
      whole ? access : '',
      whole ? hex(spec.reset ?? 0) : '',
      spec.doc ?? '',
    ),
  ];
  const fields = Object.entries(spec.fields ?? {}).map(([field, fieldSpec]) =>
    layOutField(place, field, fieldSpec, spec.width * 8),
  );
  for (const { name: field, spec: fieldSpec } of fields.sort((a, b) => b.low - a.low)) {
    const fieldAccess = ACCESS_NAMES[fieldSpec.access ?? spec.access ?? 'rw'];
    rows.push(cells('', field, bitsText(fieldSpec), fieldAccess, hex(fieldSpec.reset ?? 0), fieldText(fieldSpec)));
  }
  return rows;
};

/** A block's registers and fields as a Markdown table, in the order of their offsets. Ends with a newline. */
export const registerTable = (block: BlockSpec): string => {
  const registers = Object.entries(block.registers).sort(([, a], [, b]) => a.offset - b.offset);
  const rows = registers.flatMap(([name, spec]) => registerRows(`${block.name}.${name}`, name, spec));
  const header = [cells('Offset', 'Register or field', 'Bits', 'Access', 'Reset', 'What it is')];
  return [...header, cells('---', '---', '---', '---', '---', '---'), ...rows, ''].join('\n');
};
