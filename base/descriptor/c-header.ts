import type { AnyDescriptor } from './any-descriptor';
import { meaningText } from './markdown';
import type { Meaning } from './meaning';
import type { AnyWord } from './members';
import { constantName, structMembers, withParts, wordBits, type StructMember, type WordBitsOf } from './members-of';

const wordType = ({ bits, bigEndian }: AnyWord): string =>
  bits === 8 ? '__u8' : `__${bigEndian ? 'be' : 'le'}${bits}`;

const KEYWORDS = new Set(
  `auto break case char const continue default do double else enum extern float for goto if inline int long register
  restrict return short signed sizeof static struct switch typedef union unsigned void volatile while`.split(/\s+/),
);

/** A name as C takes it: its keywords get an underscore. */
export const cName = (name: string): string => (KEYWORDS.has(name) ? `${name}_` : name);

const arrayText = (count: number): string => (count === 0 ? '' : `[${count}]`);

/** A comment on what a number counts, which its type does not tell. */
const unitText = (meaning: Meaning | undefined): string =>
  meaning?.kind === 'length' || (meaning?.kind === 'count' && meaning.unit > 1) ? ` /* ${meaningText(meaning)} */` : '';

const memberLines = (member: StructMember, indent: string): string[] => {
  const { count } = member;
  const name = cName(member.name);
  switch (member.kind) {
    case 'word':
      return [`${indent}${wordType(member.word!)} ${name}${arrayText(count)};${unitText(member.word!.whole?.meaning)}`];
    case 'bytes':
      return [`${indent}__u8 ${name}[${member.bytes}];`];
    case 'struct':
      return [`${indent}struct ${member.struct!.typeName} ${name}${arrayText(count)};`];
    case 'union': {
      const cases = member.cases.filter(({ members }) => members.length > 0);
      if (cases.length === 0) return [];
      const lines = cases.flatMap((one) => [
        `${indent}\tstruct {`,
        ...one.members.flatMap((inner) => memberLines(inner, `${indent}\t\t`)),
        `${indent}\t} __attribute__((packed)) ${cName(one.name)};`,
      ]);
      return [`${indent}union {`, ...lines, `${indent}} ${name};`];
    }
  }
};

const maskText = ({ high, low, wordBits: bits }: WordBitsOf): string => {
  const mask = ((1n << BigInt(high - low + 1)) - 1n) << BigInt(low);
  return `0x${mask.toString(16).padStart(bits / 4, '0')}${bits === 64 ? 'ULL' : 'U'}`;
};

const fieldLines = (descriptor: AnyDescriptor, field: WordBitsOf): string[] => {
  const struct = descriptor.typeName;
  const { placedFields, variantFields } = descriptor;
  const about = [...placedFields, ...variantFields].find(({ path }) => path === field.path)?.meaning;
  const name = constantName(struct, field.path);
  const named = Object.entries(field.names).map(
    ([value, number]) => `#define ${constantName(struct, field.path, value)} ${number}`,
  );
  if (field.low === 0 && field.high === field.wordBits - 1) return named;
  return [`#define ${name}_MASK ${maskText(field)}${unitText(about)}`, `#define ${name}_SHIFT ${field.low}`, ...named];
};

const structLines = (descriptor: AnyDescriptor, isPart: boolean): string[] => {
  const { typeName, size, align, doc } = descriptor;
  const aligned = align > 1 && !isPart ? `, aligned(${align})` : '';
  // C would round the size up to the alignment; where entries are no multiple of it, only their addresses are aligned.
  const attributes = size % align === 0 ? `packed${aligned}` : 'packed';
  return [
    ...(doc === '' ? [] : [`/* ${doc.replaceAll('*/', '* /')} */`]),
    `struct ${typeName} {`,
    ...structMembers(descriptor.members).flatMap((member) => memberLines(member, '\t')),
    `} __attribute__((${attributes}));`,
    '',
    ...wordBits(descriptor).flatMap((field) => fieldLines(descriptor, field)),
    '',
  ];
};

/**
 * A C header for a driver: packed structs of `__le64` and the like, and for each field a mask and a shift in its word.
 * It needs `linux/types.h`, nothing else. @param name names the include guard
 */
export const cHeader = (name: string, descriptors: readonly AnyDescriptor[]): string => {
  const guard = constantName(name, 'H');
  const all = withParts(descriptors);
  // A part lies where its whole puts it, which may be at less than its own alignment.
  const parts = new Set(all.flatMap((one) => withParts([one]).filter((part) => part !== one)));
  const body = all.flatMap((one) => structLines(one, parts.has(one)));
  return [`#ifndef ${guard}`, `#define ${guard}`, '', '#include <linux/types.h>', '', ...body, `#endif`, ''].join('\n');
};
