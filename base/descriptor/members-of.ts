import type { AnyDescriptor } from './any-descriptor';
import type { AnyWord, Member, Members } from './members';

/** A member of a struct in another language. */
export interface StructMember {
  readonly name: string;
  readonly kind: 'word' | 'bytes' | 'struct' | 'union';
  /** Words: bits and order of bytes. */
  readonly word: AnyWord | undefined;
  /** Bytes without meaning. */
  readonly bytes: number;
  readonly struct: AnyDescriptor | undefined;
  /** How many of it there are; 0: one, and not an array. */
  readonly count: number;
  /** Unions: the members of each case. */
  readonly cases: readonly { readonly name: string; readonly members: readonly StructMember[] }[];
}

const plain = { word: undefined, bytes: 0, struct: undefined, count: 0, cases: [] };

const memberOf = (name: string, member: Member): StructMember => {
  switch (member.kind) {
    case 'word':
      return { ...plain, name, kind: 'word', word: member };
    case 'space':
      return { ...plain, name, kind: 'bytes', bytes: member.bytes };
    case 'nested':
      return { ...plain, name, kind: 'struct', struct: member.descriptor as AnyDescriptor };
    case 'repeat':
      return { ...memberOf(name, member.element), count: member.count };
    case 'variants': {
      const cases = Object.entries(member.cases).map(([key, { words }]) => ({
        name: key,
        members: structMembers(words),
      }));
      return { ...plain, name, kind: 'union', cases };
    }
  }
};

/** A descriptor's members as those of a struct. */
export const structMembers = (members: Members): StructMember[] =>
  Object.entries(members).map(([name, member]) => memberOf(name, member));

/** The descriptors that one is made of, before itself, each once. */
export const withParts = (descriptors: readonly AnyDescriptor[]): AnyDescriptor[] => {
  const all = new Set<AnyDescriptor>();
  const visit = (members: Members): void => {
    for (const member of Object.values(members)) {
      const part = member.kind === 'repeat' ? member.element : member;
      if (part.kind === 'nested') add(part.descriptor as AnyDescriptor);
      if (part.kind === 'variants') for (const { words } of Object.values(part.cases)) visit(words);
    }
  };
  const add = (descriptor: AnyDescriptor): void => {
    visit(descriptor.members);
    all.add(descriptor);
  };
  for (const descriptor of descriptors) add(descriptor);
  return [...all];
};

/** The name of a constant: `LLI_CTL_HI_LAST`. */
export const constantName = (...parts: readonly string[]): string =>
  parts
    .join('_')
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .replaceAll(/_+$/g, '')
    .toUpperCase();

/** Bits in a word, as masks and shifts of generated code show them. */
export interface WordBitsOf {
  /** The field's path. */
  readonly path: string;
  readonly word: string;
  readonly wordBits: number;
  readonly high: number;
  readonly low: number;
  /** Which bit of the value `low` is; 0 for addresses that lie at their places. */
  readonly at: number;
  readonly names: Readonly<Record<string, number>>;
}

/** The bits of every field that is not all of its word. Elements of arrays and parts of nested descriptors are left out. */
export const wordBits = (descriptor: AnyDescriptor): WordBitsOf[] => {
  const found: WordBitsOf[] = [];
  const named = (path: string): Readonly<Record<string, number>> => {
    const field = [...descriptor.placedFields, ...descriptor.variantFields].find((one) => one.path === path);
    return field?.meaning?.kind === 'values' ? field.meaning.names : {};
  };
  const own = (path: string): boolean => !path.includes('[') && !isNested(descriptor, path);
  const lists = [
    descriptor.words,
    ...descriptor.placedVariants.flatMap(({ cases }) => cases.map((c) => c.placement.words)),
  ];
  for (const { path, word } of lists.flat()) {
    if (!own(path)) continue;
    const prefix = path.slice(0, path.lastIndexOf('.') + 1);
    if (word.fields === undefined) {
      const names = named(path);
      if (Object.keys(names).length > 0) {
        found.push({ path, word: path, wordBits: word.bits, high: word.bits - 1, low: 0, at: 0, names });
      }
    }
    for (const [name, { high, low, kind }] of Object.entries(word.fields ?? {})) {
      if (kind === 'ignored') continue;
      const full = `${prefix}${name}`;
      found.push({ path: full, word: path, wordBits: word.bits, high, low, at: 0, names: named(full) });
    }
  }
  for (const [name, { pieces }] of Object.entries(descriptor.joined)) {
    let at = 0;
    for (const [word, high, low] of pieces) {
      const bits = descriptor.words.find(({ path }) => path === word)!.word.bits;
      found.push({ path: `${name}_${word}`, word, wordBits: bits, high, low, at, names: {} });
      at += high - low + 1;
    }
  }
  return found;
};

const isNested = ({ members }: AnyDescriptor, path: string): boolean => members[path.split('.')[0]!]?.kind === 'nested';
