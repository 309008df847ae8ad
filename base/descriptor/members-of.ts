import type { AnyDescriptor } from './any-descriptor';
import type { AnyWord, JoinedFields, Member, Members } from './members';
import { allCases } from './shapes';

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

/** Words and fields across words of an entry, or of one of its shapes, all with their full paths. */
interface Part {
  readonly prefix: string;
  readonly words: AnyDescriptor['words'];
  readonly joined: JoinedFields;
}

const partsOf = ({ words, joined, placedVariants }: AnyDescriptor): Part[] => [
  { prefix: '', words, joined },
  ...allCases(placedVariants).map(({ within, shape }) => ({
    prefix: `${within.path}.${shape.name}.`,
    words: shape.placement.words,
    joined: shape.joined,
  })),
];

/** Where other descriptors lie in one, in whatever shape. */
const nestedPaths = ({ placedNested, placedVariants }: AnyDescriptor): string[] =>
  [...placedNested, ...allCases(placedVariants).flatMap(({ shape }) => shape.placement.nested)].map(({ path }) => path);

type Names = Readonly<Record<string, number>>;

const ownBits = (path: string, { bits, fields }: AnyWord, named: (path: string) => Names): WordBitsOf[] => {
  const one = { word: path, wordBits: bits, at: 0 };
  if (fields === undefined) {
    const names = named(path);
    return Object.keys(names).length === 0 ? [] : [{ ...one, path, high: bits - 1, low: 0, names }];
  }
  const prefix = path.slice(0, path.lastIndexOf('.') + 1);
  return Object.entries(fields).flatMap(([name, { high, low, kind }]) => {
    const full = `${prefix}${name}`;
    return kind === 'ignored' ? [] : [{ ...one, path: full, high, low, names: named(full) }];
  });
};

const joinedBits = ({ prefix, words, joined }: Part): WordBitsOf[] =>
  Object.entries(joined).flatMap(([name, { pieces }]) => {
    let at = 0;
    return pieces.map(([word, high, low]) => {
      const wordBits = words.find(({ path }) => path === `${prefix}${word}`)!.word.bits;
      const piece = { path: `${prefix}${name}_${word}`, word: `${prefix}${word}`, wordBits, high, low, at, names: {} };
      at += high - low + 1;
      return piece;
    });
  });

/** The bits of every field that is not all of its word. Elements of arrays and parts of nested descriptors are left out. */
export const wordBits = (descriptor: AnyDescriptor): WordBitsOf[] => {
  const nested = nestedPaths(descriptor);
  const named = (path: string): Names => {
    const { meaning } = descriptor.field(path);
    return meaning?.kind === 'values' ? meaning.names : {};
  };
  const own = (path: string): boolean => !path.includes('[') && !nested.some((inner) => path.startsWith(`${inner}.`));
  return partsOf(descriptor)
    .filter(({ prefix }) => !nested.some((inner) => prefix.startsWith(`${inner}.`)))
    .flatMap((part) => [
      ...part.words.filter(({ path }) => own(path)).flatMap(({ path, word }) => ownBits(path, word, named)),
      ...joinedBits(part),
    ]);
};
