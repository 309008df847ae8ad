import type { AddressMeaning, Meaning, ValuesMeaning } from './meaning';

/** The type of a field's values: wide ones and addresses are bigints, named values are names where they have one. */
export type MeaningValue<M> = M extends AddressMeaning
  ? bigint
  : M extends ValuesMeaning<infer N>
    ? N | number
    : number;

/** How a field shows in TypeScript. Bits that are `ignored` have no value; flags are booleans. */
export type FieldKind = 'number' | 'flag' | 'wide' | 'ignored';

/** A range of bits of a word, both ends included. */
export class BitField<out V, out K extends FieldKind = FieldKind> {
  /** Only for the type checker: carries `V`. */
  declare readonly valueType: V;
  readonly kind: K;
  readonly high: number;
  readonly low: number;
  readonly meaning: Meaning | undefined;
  readonly doc: string;

  constructor(kind: K, high: number, low: number, meaning: Meaning | undefined, doc: string) {
    this.kind = kind;
    this.high = high;
    this.low = low;
    this.meaning = meaning;
    this.doc = doc;
  }
}

/** The fields of a word by name. */
export type BitFields = Readonly<Record<string, BitField<unknown>>>;

type KindOf<M> = M extends AddressMeaning ? 'wide' : 'number';

const kindOf = (meaning: Meaning | undefined): 'wide' | 'number' => (meaning?.kind === 'address' ? 'wide' : 'number');

/** Bits `high … low` of a word: a number of at most 53 bits, a name, or an address. */
export const bits = <M extends Meaning | undefined = undefined>(
  high: number,
  low: number,
  meaning?: M,
  doc = '',
): BitField<MeaningValue<M>, KindOf<M>> => new BitField(kindOf(meaning) as KindOf<M>, high, low, meaning, doc);

/** One bit as a boolean. */
export const flag = (bit: number, meaning?: Meaning, doc = ''): BitField<boolean, 'flag'> =>
  new BitField('flag', bit, bit, meaning, doc);

/** Bits as a bigint: for numbers of more than 53 bits that are no address. */
export const wide = (high: number, low: number, meaning?: Meaning, doc = ''): BitField<bigint, 'wide'> =>
  new BitField('wide', high, low, meaning, doc);

/** Bits that hardware does not look at and that need not be zero. Bits in no field are reserved and must be zero. */
export const ignored = (high: number, low: number, doc = ''): BitField<never, 'ignored'> =>
  new BitField('ignored', high, low, undefined, doc);

/** Widths of words in bits. */
export type WordBits = 8 | 16 | 32 | 64;

/** A word: fields of its own, or one field of the word's name. */
export class Word<out F extends BitFields | undefined, out V, out K extends FieldKind = FieldKind> {
  readonly kind = 'word';
  /** Only for the type checker. */
  declare readonly valueType: V;
  declare readonly fieldKind: K;
  readonly bits: WordBits;
  readonly bigEndian: boolean;
  readonly fields: F;
  /** The one field of a word without fields. */
  readonly whole: BitField<unknown> | undefined;
  readonly doc: string;

  constructor(bits: WordBits, bigEndian: boolean, fields: F, whole: BitField<unknown> | undefined, doc: string) {
    this.bits = bits;
    this.bigEndian = bigEndian;
    this.fields = fields;
    this.whole = whole;
    this.doc = doc;
  }
}

/** Any word. */
export type AnyWord = Word<BitFields | undefined, unknown>;

/** What a word of `B` bits is declared by: its fields, the meaning of all of it, or nothing. */
interface WordMaker<B extends WordBits> {
  <const F extends BitFields>(fields: F, doc?: string): Word<F, never>;
  <M extends Meaning | undefined = undefined>(
    meaning?: M,
    doc?: string,
  ): Word<undefined, B extends 64 ? bigint : MeaningValue<M>, B extends 64 ? 'wide' : KindOf<M>>;
}

const isMeaning = (about: object): about is Meaning => typeof (about as { kind?: unknown }).kind === 'string';

const wordMaker = <B extends WordBits>(width: B, bigEndian: boolean): WordMaker<B> => {
  const make = (about?: BitFields | Meaning, doc = ''): AnyWord => {
    if (about !== undefined && !isMeaning(about)) return new Word(width, bigEndian, about, undefined, doc);
    const kind = width === 64 ? 'wide' : kindOf(about);
    return new Word(width, bigEndian, undefined, new BitField(kind, width - 1, 0, about, doc), doc);
  };
  return make as WordMaker<B>;
};

/** Words, little-endian. Without fields a word is one field of its own name; of 64 bits, a bigint. */
export const word8 = wordMaker(8, false);
export const word16 = wordMaker(16, false);
export const word32 = wordMaker(32, false);
export const word64 = wordMaker(64, false);
/** Words, big-endian. */
export const word16be = wordMaker(16, true);
export const word32be = wordMaker(32, true);
export const word64be = wordMaker(64, true);

/** Bytes without meaning: reserved ones must be zero, unused ones may be anything. */
export class Space {
  readonly kind = 'space';
  readonly bytes: number;
  readonly mustBeZero: boolean;

  constructor(bytes: number, mustBeZero: boolean) {
    this.bytes = bytes;
    this.mustBeZero = mustBeZero;
  }
}

/** Reserved bytes, which must be zero. */
export const reserved = (bytes: number): Space => new Space(bytes, true);

/** Bytes that nobody looks at. */
export const unused = (bytes: number): Space => new Space(bytes, false);

/** What nesting needs to know of a descriptor. */
export interface Nestable {
  readonly typeName: string;
  readonly size: number;
  readonly align: number;
  readonly members: Members;
  readonly joined: JoinedFields;
}

/** A descriptor inside of another one. */
export class Nested<out D extends Nestable> {
  readonly kind = 'nested';
  readonly descriptor: D;

  constructor(descriptor: D) {
    this.descriptor = descriptor;
  }
}

/** Another descriptor at this place. */
export const nested = <D extends Nestable>(descriptor: D): Nested<D> => new Nested(descriptor);

/** A word or a descriptor, several times. */
export class Repeat<out E extends AnyWord | Nested<Nestable>> {
  readonly kind = 'repeat';
  readonly element: E;
  readonly count: number;

  constructor(element: E, count: number) {
    this.element = element;
    this.count = count;
  }
}

/** `count` words without fields, or descriptors, one after the other. */
export const repeat = <E extends AnyWord | Nested<Nestable>>(element: E, count: number): Repeat<E> =>
  new Repeat(element, count);

/** One of the shapes that an opcode chooses. */
export interface VariantCase {
  /** The opcode, or several. */
  readonly when: number | readonly number[];
  readonly words: Members;
  /** Fields whose bits lie in several of the words. */
  readonly joined?: JoinedFields;
  /** Bytes of data that a request of this shape has, where no field says so. */
  readonly bytes?: number;
}

/** A place whose shape depends on a field. */
export class Variants<out C extends Readonly<Record<string, VariantCase>>> {
  readonly kind = 'variants';
  /** The field that decides. */
  readonly by: string;
  readonly cases: C;

  constructor(by: string, cases: C) {
    this.by = by;
    this.cases = cases;
  }
}

/**
 * Shapes of one place, chosen by a field beside it or around it, before or after it. Its value is the case with its
 * fields; `other` where none fits.
 */
export const variants = <const C extends Readonly<Record<string, VariantCase>>>(by: string, cases: C): Variants<C> =>
  new Variants(by, cases);

/** What a descriptor is made of. */
export type Member =
  | AnyWord
  | Space
  | Nested<Nestable>
  | Repeat<AnyWord>
  | Repeat<Nested<Nestable>>
  | Variants<Readonly<Record<string, VariantCase>>>;

/** A descriptor's members by name, in their order in memory. */
export type Members = { readonly [name: string]: Member };

/** A piece of a field that lies across words: `[word, high, low]`. */
export type Piece = readonly [word: string, high: number, low: number];

/** A field across words. */
export class Joined<out V, out K extends FieldKind = FieldKind> {
  /** Only for the type checker. */
  declare readonly valueType: V;
  readonly kind: K;
  /** The lowest bits first. */
  readonly pieces: readonly Piece[];
  readonly meaning: Meaning | undefined;
  readonly doc: string;

  constructor(kind: K, pieces: readonly Piece[], meaning: Meaning | undefined, doc: string) {
    this.kind = kind;
    this.pieces = pieces;
    this.meaning = meaning;
    this.doc = doc;
  }
}

/** A field whose bits lie in several words, the lowest bits first. */
export const across = <M extends Meaning | undefined = undefined>(
  pieces: readonly Piece[],
  meaning?: M,
  doc = '',
): Joined<MeaningValue<M>, KindOf<M>> => new Joined(kindOf(meaning) as KindOf<M>, pieces, meaning, doc);

/** Fields across words, by name. */
export type JoinedFields = Readonly<Record<string, Joined<unknown>>>;

type UnionToIntersection<U> = (U extends unknown ? (x: U) => void : never) extends (x: infer I) => void ? I : never;
type Show<T> = { [K in keyof T]: T[K] };

/** Names of the fields that have values. */
export type ValuedFields<F extends BitFields> = {
  [K in keyof F & string]: F[K]['kind'] extends 'ignored' ? never : K;
}[keyof F & string];

type WordValue<Name extends string, W> =
  W extends Word<infer F, infer V>
    ? F extends BitFields
      ? { [K in ValuedFields<F>]: F[K] extends BitField<infer T> ? T : never }
      : { [K in Name]: V }
    : never;

type ElementValue<E> =
  E extends Nested<infer D> ? MembersValue<D['members'], D['joined']> : E extends Word<undefined, infer V> ? V : never;

/** The joined fields of a case. */
export type CaseJoined<C extends VariantCase> = C extends { readonly joined: infer J extends JoinedFields }
  ? J
  : object;

type CaseValue<C extends Readonly<Record<string, VariantCase>>> =
  | { [K in keyof C & string]: Show<{ readonly is: K } & MembersValue<C[K]['words'], CaseJoined<C[K]>>> }[keyof C &
      string]
  | { readonly is: 'other'; readonly words: readonly number[] };

type MemberValue<Name extends string, M> = M extends Space
  ? object
  : M extends Nested<infer D>
    ? { [K in Name]: MembersValue<D['members'], D['joined']> }
    : M extends Repeat<infer E>
      ? { [K in Name]: readonly ElementValue<E>[] }
      : M extends Variants<infer C>
        ? { [K in Name]: CaseValue<C> }
        : WordValue<Name, M>;

/** The value of some members: the fields of words side by side, everything else under its own name. */
export type MembersValue<M extends Members, J> = Show<
  UnionToIntersection<{ [K in keyof M & string]: MemberValue<K, M[K]> }[keyof M & string]> & {
    [K in keyof J & string]: J[K] extends Joined<infer V> ? V : never;
  }
>;
