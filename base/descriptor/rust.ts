import type { AnyDescriptor } from './any-descriptor';
import type { AnyWord } from './members';
import { constantName, structMembers, withParts, wordBits, type StructMember, type WordBitsOf } from './members-of';

/** `nvme_sqe` as `NvmeSqe`. */
const typeName = (name: string): string =>
  name
    .split('_')
    .filter((part) => part !== '')
    .map((part) => part[0]!.toUpperCase() + part.slice(1))
    .join('');

const wordDoc = ({ bits, bigEndian }: AnyWord): string => {
  if (bits === 8) return '';
  return bigEndian
    ? ' Big-endian: convert with `from_be` and `to_be`.'
    : ' Little-endian: convert with `from_le` and `to_le`.';
};

const arrayOf = (type: string, count: number): string => (count === 0 ? type : `[${type}; ${count}]`);

const KEYWORDS = new Set([
  'type',
  'ref',
  'move',
  'in',
  'match',
  'use',
  'mod',
  'loop',
  'box',
  'where',
  'self',
  'fn',
  'as',
]);

const memberName = (name: string): string => {
  const snake = name.toLowerCase();
  return KEYWORDS.has(snake) ? `r#${snake}` : snake;
};

/** A struct's members as lines, and the types that they need besides. */
const structText = (name: string, members: readonly StructMember[], attributes: string): string[] => {
  const before: string[] = [];
  const lines: string[] = [];
  for (const member of members) {
    const field = memberName(member.name);
    if (member.kind === 'word') {
      const doc = wordDoc(member.word!);
      if (doc !== '') lines.push(`    ///${doc}`);
      lines.push(`    pub ${field}: ${arrayOf(`u${member.word!.bits}`, member.count)},`);
    } else if (member.kind === 'bytes') lines.push(`    pub ${field}: [u8; ${member.bytes}],`);
    else if (member.kind === 'struct') {
      lines.push(`    pub ${field}: ${arrayOf(typeName(member.struct!.typeName), member.count)},`);
    } else {
      const cases = member.cases.filter(({ members: inner }) => inner.length > 0);
      if (cases.length === 0) continue;
      const union = `${name}${typeName(member.name)}`;
      for (const one of cases) before.push(...structText(`${union}${typeName(one.name)}`, one.members, 'C, packed'));
      const variants = cases.map((one) => `    pub ${memberName(one.name)}: ${union}${typeName(one.name)},`);
      before.push('#[repr(C, packed)]', '#[derive(Clone, Copy)]', `pub union ${union} {`, ...variants, '}', '');
      lines.push(`    pub ${field}: ${union},`);
    }
  }
  return [...before, `#[repr(${attributes})]`, '#[derive(Clone, Copy)]', `pub struct ${name} {`, ...lines, '}', ''];
};

const constants = (struct: string, field: WordBitsOf): string[] => {
  const name = constantName(struct, field.path);
  const type = `u${field.wordBits}`;
  const named = Object.entries(field.names).map(
    ([value, number]) => `pub const ${constantName(struct, field.path, value)}: ${type} = ${number};`,
  );
  if (field.low === 0 && field.high === field.wordBits - 1) return named;
  const mask = ((1n << BigInt(field.high - field.low + 1)) - 1n) << BigInt(field.low);
  return [
    `pub const ${name}_MASK: ${type} = 0x${mask.toString(16)};`,
    `pub const ${name}_SHIFT: u32 = ${field.low};`,
    ...named,
  ];
};

/** Whether C's own rules place the words where they are: then `repr(C)` alone does, and no field needs a copy to be read. */
const isNatural = ({ words, placedVariants, size }: AnyDescriptor): boolean => {
  const widest = Math.max(...words.map(({ word }) => word.bits / 8));
  return placedVariants.length === 0 && size % widest === 0 && words.every((w) => w.offset % (w.word.bits / 8) === 0);
};

/**
 * Rust structs for a driver, `#[repr(C)]` and packed where C would leave gaps, with a mask and a shift for each field.
 * It needs `core` only.
 */
export const rustStructs = (descriptors: readonly AnyDescriptor[]): string =>
  withParts(descriptors)
    .flatMap((descriptor) => [
      ...(descriptor.doc === '' ? [] : [`/// ${descriptor.doc}`]),
      ...structText(
        typeName(descriptor.typeName),
        structMembers(descriptor.members),
        isNatural(descriptor) ? 'C' : 'C, packed',
      ),
      ...wordBits(descriptor).flatMap((field) => constants(descriptor.typeName, field)),
      '',
    ])
    .join('\n');
