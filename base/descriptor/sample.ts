import type { Prng } from '../prng';
import type { FindingKind, WalkStart } from './findings';
import type { AnyDescriptor } from './any-descriptor';
import type { EntryRoles } from './roles';
import type { PlacedVariants } from './placed-members';
import { chosenCase, chosenShapes } from './shapes';
import { readWide, type PlacedField } from './placed';
import { put, setMark, unmarked } from './put';

/** An entry that the generator makes. */
export interface SampleEntry {
  readonly address: bigint;
  readonly lanes: Int32Array;
  readonly where: string;
}

/** One change that makes a sample wrong. */
export interface Spoiled {
  readonly kind: FindingKind;
  /** The entry that is wrong. */
  readonly where: string;
  /** What was done to it. */
  readonly what: string;
}

/** Descriptors in memory, as the generator makes them. */
export interface Sample {
  /** Memory that holds the descriptors begins at `base`. */
  readonly base: bigint;
  readonly bytes: Uint8Array;
  readonly start: WalkStart;
  /** What the device may touch: these bytes, and the buffers that the descriptors name. */
  readonly live: (address: bigint, length: number, writes: boolean) => boolean;
  /** What the device would see of the CPU's last stores. */
  readonly visible: (address: bigint, length: number) => boolean;
  /** What is wrong with it; undefined if nothing is. */
  readonly spoiled: Spoiled | undefined;
}

/** Buffers are handed out one after the other, with gaps, from here on; where addresses have the bits, far above. */
const BUFFERS = 0x2000_0000n;
const FAR = 1n << 46n;
const FAR_BITS = 47;
/** Room for buffers. */
export const BUFFER_ROOM = 0x1000_0000n;
/** The most bytes of a generated buffer. */
export const MOST_BYTES = 4096;

/** Hands out buffers that do not overlap. */
export class Buffers {
  /** Where they begin. */
  readonly base: bigint;
  private next: bigint;
  private readonly prng: Prng;

  constructor(prng: Prng, { placedFields, variantFields }: AnyDescriptor) {
    this.prng = prng;
    const addresses = [...placedFields, ...variantFields].filter(({ meaning }) => meaning?.kind === 'address');
    const far = addresses.every(({ bits, below }) => bits + below >= FAR_BITS) && prng.oneIn(2);
    this.base = BUFFERS + (far ? FAR : 0n);
    this.next = this.base + BigInt(prng.below(64)) * 4096n;
  }

  /** A buffer that begins at a multiple. */
  takeAligned(align: number, bytes: number): bigint {
    const at = roundUp(this.next, BigInt(align));
    this.next = at + BigInt(bytes) + 1n;
    return at;
  }

  /** A buffer that keeps an address's limits. */
  take({ meaning, below }: PlacedField, bytes: number): bigint {
    const align = meaning?.kind === 'address' ? Math.max(meaning.align, 2 ** below) : 1;
    const boundary = meaning?.kind === 'address' ? meaning.boundary : 0;
    let at = this.next + BigInt(this.prng.below(256));
    at = roundUp(at, BigInt(align));
    if (boundary > 0 && at / BigInt(boundary) !== (at + BigInt(bytes) - 1n) / BigInt(boundary)) {
      at = roundUp(at, BigInt(Math.max(boundary, align)));
    }
    this.next = at + BigInt(bytes) + 1n;
    return at;
  }
}

/** The next multiple. */
export const roundUp = (value: bigint, multiple: bigint): bigint => ((value + multiple - 1n) / multiple) * multiple;

const below2 = (prng: Prng, bits: number): bigint => {
  const random = (BigInt(prng.nextU32()) << 32n) | BigInt(prng.nextU32());
  return random & ((1n << BigInt(bits)) - 1n);
};

const fillField = (prng: Prng, field: PlacedField, lanes: Int32Array): void => {
  const { meaning, bits, below } = field;
  if (meaning?.kind === 'values') put(field, lanes, prng.pick(Object.values(meaning.names)));
  else if (meaning?.kind === 'mark') put(field, lanes, unmarked(meaning.when));
  else if (meaning?.kind === 'address') put(field, lanes, 0n);
  else put(field, lanes, below2(prng, bits) << BigInt(below));
};

/** The shapes of entries with data: a jump is made by itself. */
const plain = ({ by: { meaning }, cases }: PlacedVariants): PlacedVariants['cases'] => {
  if (meaning?.kind !== 'mark' || meaning.role !== 'jump') return cases;
  return cases.filter(({ when }) => !when.includes(meaning.when));
};

/** Fills the shapes that an entry has, and chooses none. */
export const fillChosen = (prng: Prng, descriptor: AnyDescriptor, lanes: Int32Array): void => {
  for (const { shape } of chosenShapes(descriptor, lanes)) {
    for (const field of shape?.placement.fields ?? []) fillField(prng, field, lanes);
  }
};

/** Chooses shapes, and fills them. */
const fillShapes = (prng: Prng, places: readonly PlacedVariants[], lanes: Int32Array): void => {
  for (const place of places) {
    const { by, cases } = place;
    if (by.meaning?.kind !== 'values' && cases.length > 0) put(by, lanes, prng.pick(prng.pick(plain(place)).when));
    const shape = chosenCase(place, lanes);
    for (const field of shape?.placement.fields ?? []) fillField(prng, field, lanes);
    fillShapes(prng, shape?.placement.variants ?? [], lanes);
  }
};

/** Fills an entry with values that mean nothing in particular: marks unset, addresses zero, names known. */
export const fillEntry = (prng: Prng, descriptor: AnyDescriptor, lanes: Int32Array): void => {
  for (const field of descriptor.placedFields) fillField(prng, field, lanes);
  fillShapes(prng, descriptor.placedVariants, lanes);
};

/** Gives an entry a length of at most `most` bytes that its format allows. Returns the bytes; zero if none is so short. */
export const putSomeLength = (prng: Prng, roles: EntryRoles, lanes: Int32Array, most = MOST_BYTES): number => {
  const field = roles.lengthField('data', lanes);
  return field === undefined ? 0 : putLengthIn(prng, roles, field, lanes, most);
};

const putLengthIn = (prng: Prng, roles: EntryRoles, field: PlacedField, lanes: Int32Array, most: number): number => {
  if (field.meaning?.kind !== 'length') return 0;
  const { unit, minusOne, max } = field.meaning;
  if (typeof unit === 'string') {
    const log2 = roles.descriptor.field(unit);
    put(log2, lanes, prng.below(Math.min(7, 2 ** log2.bits)));
  }
  const bytes = roles.unitOf(field.meaning, lanes);
  const counts = Math.min(2 ** field.bits - 1, Math.floor((max === 0 ? most : Math.min(max, most)) / bytes));
  const count = counts < 1 ? 1 : prng.between(1, counts);
  put(field, lanes, minusOne ? count - 1 : count);
  return roles.extent(field, lanes)!.bytes;
};

/** Gives an entry data: lengths, and a buffer for each of its addresses. */
export const putData = (prng: Prng, roles: EntryRoles, lanes: Int32Array, buffers: Buffers): void => {
  for (const field of roles.lengthFields(lanes)) {
    if (field.meaning?.kind === 'length' && field.meaning.of === 'data') {
      putLengthIn(prng, roles, field, lanes, MOST_BYTES);
    }
  }
  setMark(roles.markField('device-writes'), lanes, prng.oneIn(2));
  for (const { field: path, length } of roles.pieces(lanes, 'unknown')) {
    const field = roles.descriptor.field(path);
    put(field, lanes, buffers.take(field, length));
  }
};

/** Adds to an address field. */
export const addTo = (field: PlacedField, lanes: Int32Array, more: bigint): void =>
  put(field, lanes, (readWide(field, lanes, 0) + more) & ((1n << 64n) - 1n));

/** A value of a named field that has no name; undefined if all have. */
export const namelessValue = (field: PlacedField): number | undefined => {
  if (field.meaning?.kind !== 'values' || field.kind === 'wide') return undefined;
  const names = new Set(Object.values(field.meaning.names));
  for (let value = 0; value < Math.min(2 ** field.bits, 65); value++) if (!names.has(value)) return value;
  return undefined;
};

/** The same in another order. */
export const shuffled = <T>(prng: Prng, items: readonly T[]): T[] => {
  const all = [...items];
  for (let i = all.length - 1; i > 0; i--) {
    const j = prng.below(i + 1);
    [all[i], all[j]] = [all[j]!, all[i]!];
  }
  return all;
};
