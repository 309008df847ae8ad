import { LabError } from '../errors';
import { isCount } from '../layout/count';
import { show } from '../layout/layout';
import type {
  AnyWord,
  BitField,
  Joined,
  Member,
  Members,
  Nested,
  Variants,
  VariantCase,
  Piece,
  Nestable,
} from './members';
import type { LanePiece, PlacedField } from './placed';
import type { Placement, PlacedNested, PlacedVariants, PlacedWord, ValueNode } from './placed-members';

/** The most bytes of a descriptor and the most elements of an array in one. */
const MAX_BYTES = 16_384;

/** The sentence about a declaration that contradicts itself. @param what where; both places are in the message */
export const contradiction = (what: string, message: string): LabError => new LabError(`${message}.`, { what });

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const rangeText = (high: number, low: number): string => (high === low ? `bit ${low}` : `bits ${high}:${low}`);

/** Bits `high … low` of a word as pieces of lanes, the lowest first. @param at the value's bit that `low` is */
const piecesOf = (word: AnyWord, offset: number, high: number, low: number, at: number): LanePiece[] => {
  const parts = word.bits === 64 ? 2 : 1;
  const wordBits = word.bits === 64 ? 32 : word.bits;
  const pieces: LanePiece[] = [];
  for (let part = 0; part < parts; part++) {
    const from = Math.max(low, 32 * part);
    const to = Math.min(high, 32 * part + wordBits - 1);
    if (from > to) continue;
    const byte = offset + 4 * (word.bigEndian ? parts - 1 - part : part);
    pieces.push({
      lane: byte >>> 2,
      wordShift: 8 * (byte & 3),
      wordBits,
      swapped: word.bigEndian && wordBits > 8,
      low: from - 32 * part,
      width: to - from + 1,
      at: at + from - low,
    });
  }
  return pieces;
};

/** Places members one after the other and finds what contradicts what. */
class Placer {
  readonly fields: PlacedField[] = [];
  readonly ignored: { pieces: LanePiece[] }[] = [];
  readonly words: PlacedWord[] = [];
  readonly variants: PlacedVariants[] = [];
  readonly insides: PlacedNested[] = [];
  private readonly descriptor: string;
  private readonly parent: Placer | undefined;
  /** What can only be looked at when all fields are placed. */
  private readonly later: (() => void)[];
  private readonly taken = new Map<string, string>();
  private offset: number;
  private previous = 'the start';

  constructor(descriptor: string, offset: number, parent?: Placer) {
    this.descriptor = descriptor;
    this.offset = offset;
    this.parent = parent;
    this.later = parent?.later ?? [];
  }

  get end(): number {
    return this.offset;
  }

  place(members: Members, path: string): ValueNode[] {
    const nodes: ValueNode[] = [];
    for (const [name, member] of Object.entries(members)) {
      if (!NAME.test(name) || name === '__proto__') {
        throw contradiction(this.descriptor, `${this.descriptor}: ${JSON.stringify(name)} cannot name a member`);
      }
      nodes.push(...this.member(name, member, path));
      this.previous = `${path}${name}`;
      if (this.offset > MAX_BYTES) throw this.refuse(`${path}${name}`, `ends past ${MAX_BYTES} bytes`);
    }
    return nodes;
  }

  refuse(path: string, problem: string): LabError {
    return contradiction(`${this.descriptor}.${path}`, `${this.descriptor}.${path} ${problem}`);
  }

  private member(name: string, member: Member, path: string): ValueNode[] {
    const full = `${path}${name}`;
    switch (member.kind) {
      case 'word':
        return this.word(name, member, path);
      case 'space':
        if (!isCount(member.bytes)) throw this.refuse(full, `takes ${show(member.bytes)} bytes`);
        if (!member.mustBeZero) this.ignored.push({ pieces: byteLanes(this.offset, member.bytes) });
        this.offset += member.bytes;
        return [];
      case 'nested':
        return [{ kind: 'struct', key: name, nodes: this.nested(full, member) }];
      case 'repeat':
        return [{ kind: 'array', key: name, elements: this.repeat(full, member.element, member.count) }];
      case 'variants':
        return [{ kind: 'variants', key: name, variants: this.choose(full, member) }];
    }
  }

  private align(full: string, bytes: number): void {
    if (this.offset % bytes === 0) return;
    throw this.refuse(
      full,
      `would lie at byte ${this.offset}, after ${this.descriptor}.${this.previous}, and not at a multiple of ${bytes}`,
    );
  }

  private word(name: string, word: AnyWord, path: string): ValueNode[] {
    const full = `${path}${name}`;
    this.align(full, Math.min(word.bits / 8, 4));
    const offset = this.offset;
    this.words.push({ path: full, offset, word });
    this.offset += word.bits / 8;
    const { fields, whole } = word;
    if (fields === undefined) return [this.field(name, path, full, word, offset, whole!)];
    const entries = Object.entries(fields);
    this.refuseOverlaps(full, word, entries);
    const nodes: ValueNode[] = [];
    for (const [key, field] of entries) {
      if (field.kind === 'ignored') {
        this.ignored.push({ pieces: piecesOf(word, offset, field.high, field.low, 0) });
      } else nodes.push(this.field(key, path, full, word, offset, field));
    }
    return nodes;
  }

  private refuseOverlaps(
    full: string,
    word: AnyWord,
    entries: readonly (readonly [string, BitField<unknown>])[],
  ): void {
    entries.forEach(([name, field], i) => {
      const { high, low } = field;
      if (!Number.isInteger(low) || !Number.isInteger(high) || low < 0 || high < low) {
        throw this.refuse(`${full}.${name}`, `has no bits: ${high}:${low}`);
      }
      if (high >= word.bits) {
        throw this.refuse(
          `${full}.${name}`,
          `takes ${rangeText(high, low)}, and its word ${this.descriptor}.${full} has ${word.bits} bits`,
        );
      }
      for (const [other, { high: otherHigh, low: otherLow }] of entries.slice(0, i)) {
        if (low > otherHigh || otherLow > high) continue;
        throw this.refuse(
          `${full}.${name}`,
          `(${rangeText(high, low)}) overlaps ${this.descriptor}.${full}.${other} (${rangeText(otherHigh, otherLow)})`,
        );
      }
    });
  }

  private field(
    key: string,
    path: string,
    word: string,
    within: AnyWord,
    offset: number,
    field: BitField<unknown>,
  ): ValueNode {
    const { high, low, meaning, doc } = field;
    const below = meaning?.kind === 'address' ? low : 0;
    const placed: PlacedField = {
      path: `${path}${key}`,
      name: `${path}${key}`.replaceAll('.', '_').replaceAll(/\[(\d+)\]/g, '_$1'),
      kind: field.kind as PlacedField['kind'],
      bits: high - low + 1,
      below,
      pieces: piecesOf(within, offset, high, low, below),
      meaning,
      doc,
      where: `${this.descriptor}.${word} ${rangeText(high, low)}`,
      offset,
      word,
      high,
      low,
    };
    this.add(placed);
    return { kind: 'field', key, field: placed };
  }

  private add(field: PlacedField): void {
    const before = this.taken.get(field.name);
    if (before !== undefined) {
      throw this.refuse(field.path, `is declared twice: in ${before} and in ${field.where}`);
    }
    if (field.kind === 'number' && field.bits > 53) {
      throw this.refuse(field.path, `has ${field.bits} bits, in ${field.where}: a number has 53, so declare it wide`);
    }
    this.taken.set(field.name, field.where);
    this.fields.push(field);
  }

  private nested(full: string, { descriptor }: Nested<Nestable>): ValueNode[] {
    this.align(full, Math.min(descriptor.align, 4));
    const start = this.offset;
    this.insides.push({ path: full, offset: start, descriptor });
    const nodes = this.place(descriptor.members, `${full}.`);
    nodes.push(...this.join(descriptor.joined, `${full}.`));
    this.offset = start + descriptor.size;
    return nodes;
  }

  private repeat(full: string, element: AnyWord | Nested<Nestable>, count: number): ValueNode[] {
    if (!isCount(count) || count > MAX_BYTES) throw this.refuse(full, `has ${count} elements`);
    if (element.kind === 'word' && element.fields !== undefined) {
      throw this.refuse(full, 'repeats a word with fields: declare a descriptor of it and repeat that');
    }
    const nodes: ValueNode[] = [];
    for (let i = 0; i < count; i++) {
      const key = `${full}[${i}]`;
      if (element.kind === 'word') nodes.push(...this.word(key, element, ''));
      else nodes.push({ kind: 'struct', key, nodes: this.nested(key, element) });
      if (this.offset > MAX_BYTES) throw this.refuse(full, `ends past ${MAX_BYTES} bytes`);
    }
    return nodes;
  }

  private choose(full: string, { by, cases }: Variants<Readonly<Record<string, VariantCase>>>): PlacedVariants {
    this.align(full, 4);
    const offset = this.offset;
    const placed = Object.entries(cases).map(([name, { when, words, joined = {}, bytes = 0 }]) => {
      if (!isCount(bytes) && bytes !== 0) throw this.refuse(`${full}.${name}`, `has ${show(bytes)} bytes of data`);
      const placer = new Placer(this.descriptor, offset, this);
      const path = `${full}.${name}.`;
      const nodes = placer.place(words, path);
      nodes.push(...placer.join(joined, path));
      const numbers = typeof when === 'number' ? [when] : when;
      return { name, when: numbers, bytes, joined, placement: placer.finish(nodes) };
    });
    const size = Math.max(0, ...placed.map(({ placement }) => placement.size - offset));
    const result = { path: full, by: undefined as unknown as PlacedField, offset, size, cases: placed };
    this.later.push(() => {
      result.by = this.decides(full, by);
      this.refuseTwins(result);
    });
    this.variants.push(result);
    this.offset = offset + size;
    return result;
  }

  /** The field that chooses: the nearest of its name, beside the place or around it. */
  private decides(full: string, by: string): PlacedField {
    for (let path = full; path !== '';) {
      path = path.slice(0, Math.max(0, path.lastIndexOf('.')));
      const field = this.find(path === '' ? by : `${path}.${by}`);
      if (field !== undefined && field.kind !== 'wide') return field;
    }
    throw this.refuse(full, `is chosen by ${this.descriptor}.${by}, which is no number beside it or around it`);
  }

  private find(path: string): PlacedField | undefined {
    return this.fields.find((field) => field.path === path) ?? this.parent?.find(path);
  }

  private refuseTwins({ path, by, cases }: PlacedVariants): void {
    const seen = new Map<number, string>();
    for (const { name, when } of cases) {
      if (when.length === 0) throw this.refuse(`${path}.${name}`, 'is chosen by nothing');
      for (const number of when) {
        const twin = seen.get(number);
        if (twin !== undefined) {
          throw this.refuse(`${path}.${name}`, `and ${path}.${twin} are both chosen by ${by.path} ${number}`);
        }
        if (!Number.isInteger(number) || number < 0 || number >= 2 ** by.bits) {
          throw this.refuse(`${path}.${name}`, `is chosen by ${number}, which ${by.where} cannot hold`);
        }
        seen.set(number, name);
      }
    }
  }

  /** Places fields across words. */
  join(joined: Readonly<Record<string, Joined<unknown>>>, path: string): ValueNode[] {
    return Object.entries(joined).map(([key, field]) => {
      const full = `${path}${key}`;
      const first = field.pieces[0];
      if (first === undefined) throw this.refuse(full, 'lies nowhere: it has no pieces');
      const below = field.meaning?.kind === 'address' ? first[2] : 0;
      let at = below;
      const pieces = field.pieces.flatMap((piece) => {
        const parts = this.pieceOf(full, piece, path, at);
        at += piece[1] - piece[2] + 1;
        return parts;
      });
      const word = this.wordAt(full, `${path}${first[0]}`);
      const placed: PlacedField = {
        path: full,
        name: full.replaceAll('.', '_').replaceAll(/\[(\d+)\]/g, '_$1'),
        kind: field.kind as PlacedField['kind'],
        bits: at - below,
        below,
        pieces,
        meaning: field.meaning,
        doc: field.doc,
        where: field.pieces
          .map(([name, high, low]) => `${this.descriptor}.${path}${name} ${rangeText(high, low)}`)
          .join(' and '),
        offset: word.offset,
        word: word.path,
        high: first[1],
        low: first[2],
      };
      if (at > 64) throw this.refuse(full, `has ${at} bits, in ${placed.where}: at most 64 fit a value`);
      this.add(placed);
      return { kind: 'field', key, field: placed };
    });
  }

  private wordAt(full: string, path: string): PlacedWord {
    const word = this.words.find((candidate) => candidate.path === path);
    if (word === undefined) throw this.refuse(full, `lies in ${this.descriptor}.${path}, which is no word`);
    return word;
  }

  private pieceOf(full: string, [name, high, low]: Piece, path: string, at: number): LanePiece[] {
    const { word, offset, path: wordPath } = this.wordAt(full, `${path}${name}`);
    if (high >= word.bits || low < 0 || high < low) {
      throw this.refuse(
        full,
        `takes ${rangeText(high, low)} of ${this.descriptor}.${wordPath}, which has ${word.bits}`,
      );
    }
    if (word.fields === undefined) {
      throw this.refuse(
        full,
        `takes bits of ${this.descriptor}.${wordPath}, which is one field itself: give it fields`,
      );
    }
    const others: readonly (readonly [string, number, number])[] = Object.entries(word.fields).map(
      ([key, field]) => [`${this.descriptor}.${wordPath}.${key}`, field.high, field.low] as const,
    );
    for (const [other, otherHigh, otherLow] of [...others, ...(this.joinedBits.get(wordPath) ?? [])]) {
      if (low > otherHigh || otherLow > high) continue;
      throw this.refuse(
        full,
        `(${rangeText(high, low)} of ${wordPath}) overlaps ${other} (${rangeText(otherHigh, otherLow)})`,
      );
    }
    const list = this.joinedBits.get(wordPath) ?? [];
    list.push([`${this.descriptor}.${full}`, high, low]);
    this.joinedBits.set(wordPath, list);
    return piecesOf(word, offset, high, low, at);
  }

  private readonly joinedBits = new Map<string, (readonly [string, number, number])[]>();

  finish(nodes: readonly ValueNode[]): Placement {
    if (this.parent === undefined) for (const look of this.later) look();
    const { fields, ignored, words, variants, insides: nested } = this;
    return { size: this.end, fields, ignored, words, variants, nested, nodes };
  }
}

/** Bytes as pieces of lanes. */
const byteLanes = (offset: number, bytes: number): LanePiece[] =>
  Array.from({ length: bytes }, (_, i) => ({
    lane: (offset + i) >>> 2,
    wordShift: 8 * ((offset + i) & 3),
    wordBits: 8,
    swapped: false,
    low: 0,
    width: 8,
    at: 0,
  }));

/** Places a descriptor's members, then its fields across words. A contradiction is a `LabError` that names both places. */
export const placeMembers = (
  name: string,
  members: Members,
  joined: Readonly<Record<string, Joined<unknown>>>,
): Placement => {
  const placer = new Placer(name, 0);
  const nodes = placer.place(members, '');
  nodes.push(...placer.join(joined, ''));
  return placer.finish(nodes);
};
