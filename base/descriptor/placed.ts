import type { Meaning } from './meaning';
import type { FieldKind } from './members';

/** Part of a field in one 32-bit lane of the descriptor. Lane `n` is the little-endian word at byte `4n`. */
export interface LanePiece {
  readonly lane: number;
  /** Where the word begins in the lane, and how wide it is there: 8, 16 or 32 bits. */
  readonly wordShift: number;
  readonly wordBits: 8 | 16 | 32;
  /** Whether the word's bytes lie the other way round. */
  readonly swapped: boolean;
  /** The lowest bit in the word, and how many bits there are. */
  readonly low: number;
  readonly width: number;
  /** Which bit of the value the piece's lowest one is. */
  readonly at: number;
}

/** A field at its place: where each of its bits lies, and what they mean. */
export interface PlacedField {
  /** The path of its value: `nsid`, `body.write.slba`, `prp[1]`. */
  readonly path: string;
  /** Its name on a cursor and in generated code; underscores for the path's dots. */
  readonly name: string;
  readonly kind: Exclude<FieldKind, 'ignored'>;
  /** Bits of the value that are stored. */
  readonly bits: number;
  /** Bits of the value below these, which are zero: an address field that starts above bit 0. */
  readonly below: number;
  readonly pieces: readonly LanePiece[];
  readonly meaning: Meaning | undefined;
  readonly doc: string;
  /** Where it was declared, for messages: `lli.ctl_hi bits 30:30`. */
  readonly where: string;
  /** Byte offset of its (first) word, and the path of that word. */
  readonly offset: number;
  readonly word: string;
  readonly high: number;
  readonly low: number;
}

/** Whether a field has a meaning: `isThat(field, 'address', 'next')`. */
export const isThat = ({ meaning }: PlacedField, kind: string, part?: string): boolean => {
  if (meaning?.kind !== kind) return false;
  if (part === undefined) return true;
  return 'of' in meaning ? meaning.of === part : 'role' in meaning && meaning.role === part;
};

/** `width` ones from `low` on. */
export const laneMask = (low: number, width: number): number => (width === 32 ? -1 : ((1 << width) - 1) << low);

const swapBits = (value: number, bits: 8 | 16 | 32): number => {
  if (bits === 16) return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
};

/** The word of a piece, as a number of `wordBits` bits (signed at 32). */
const wordOf = ({ wordShift, wordBits, swapped }: LanePiece, lane: number): number => {
  const word = wordBits === 32 ? lane : (lane >>> wordShift) & ((1 << wordBits) - 1);
  return swapped ? swapBits(word, wordBits) : word;
};

/** The bits of a piece, as an unsigned number. */
export const readPiece = (piece: LanePiece, lanes: Int32Array, base: number): number => {
  const word = wordOf(piece, lanes[base + piece.lane]!);
  return piece.width === 32 ? word >>> 0 : (word >>> piece.low) & laneMask(0, piece.width);
};

/** Puts bits into a piece; those that it has no room for are cut off. */
export const writePiece = (piece: LanePiece, lanes: Int32Array, base: number, value: number): void => {
  const index = base + piece.lane;
  const lane = lanes[index]!;
  const mask = laneMask(piece.low, piece.width);
  let word = (wordOf(piece, lane) & ~mask) | ((value << piece.low) & mask);
  if (piece.swapped) word = swapBits(word, piece.wordBits);
  const { wordBits, wordShift } = piece;
  if (wordBits === 32) lanes[index] = word;
  else lanes[index] = (lane & ~laneMask(wordShift, wordBits)) | ((word & ((1 << wordBits) - 1)) << wordShift);
};

/** Which bits of its lane a piece takes. */
export const pieceMask = (piece: LanePiece): number => {
  const inWord = laneMask(piece.low, piece.width);
  const stored = piece.swapped ? swapBits(inWord, piece.wordBits) : inWord;
  return piece.wordBits === 32 ? stored : stored << piece.wordShift;
};

/** A field of at most 53 bits, as a number. Its low bits are zero if it is an address that starts higher. */
export const readNumber = (field: PlacedField, lanes: Int32Array, base: number): number => {
  let value = 0;
  for (const piece of field.pieces) value += readPiece(piece, lanes, base) * 2 ** piece.at;
  return value;
};

/** Stores a number of at most 53 bits; what does not fit is cut off. */
export const writeNumber = (field: PlacedField, lanes: Int32Array, base: number, value: number): void => {
  for (const piece of field.pieces) writePiece(piece, lanes, base, Math.floor(value / 2 ** piece.at) | 0);
};

/** Any field as a bigint. Not for hot paths. */
export const readWide = (field: PlacedField, lanes: Int32Array, base: number): bigint => {
  let value = 0n;
  for (const piece of field.pieces) value |= BigInt(readPiece(piece, lanes, base)) << BigInt(piece.at);
  return value;
};

/** Stores a bigint; what does not fit is cut off. Not for hot paths. */
export const writeWide = (field: PlacedField, lanes: Int32Array, base: number, value: bigint): void => {
  for (const piece of field.pieces) {
    writePiece(piece, lanes, base, Number((value >> BigInt(piece.at)) & 0xffff_ffffn) | 0);
  }
};

/** Bits `32 * half …` of a field's value as a signed 32-bit integer. */
export const readHalf = (field: PlacedField, lanes: Int32Array, base: number, half: 0 | 1): number => {
  let value = 0;
  for (const piece of field.pieces) {
    const bits = readPiece(piece, lanes, base);
    const at = piece.at - 32 * half;
    if (at >= 0 && at < 32) value |= bits << at;
    else if (at < 0 && at > -32) value |= bits >>> -at;
  }
  return value;
};

/** Stores a value given as halves. */
export const writeHalves = (field: PlacedField, lanes: Int32Array, base: number, lo: number, hi: number): void => {
  for (const piece of field.pieces) {
    const { at } = piece;
    let value = at >= 32 ? hi >>> (at - 32) : lo >>> at;
    if (at > 0 && at < 32) value |= hi << (32 - at);
    writePiece(piece, lanes, base, value);
  }
};

/** Every lane bit that some field of a list takes. */
export const coverLanes = (fields: readonly { readonly pieces: readonly LanePiece[] }[], lanes: Int32Array): void => {
  for (const { pieces } of fields) for (const piece of pieces) lanes[piece.lane]! |= pieceMask(piece);
};
