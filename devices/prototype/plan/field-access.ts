import type { LengthMeaning, MarkMeaning } from '../../../base/descriptor';
import type { PlacedField } from '../../../base/descriptor';
import { laneMask, readHalf, readNumber, writeHalves, writeNumber } from '../../../base/descriptor/placed';

/**
 * A field of an entry in lanes, for hot paths: nothing is allocated, and where the field lies in one piece, or as the two
 * halves of an address, it is a load, a shift and a mask.
 */
export class FieldAccess {
  readonly field: PlacedField;
  private readonly single: boolean;
  private readonly halves: boolean;
  private readonly lane: number;
  private readonly shift: number;
  private readonly mask: number;
  private readonly hiLane: number;
  private readonly hiMask: number;

  constructor(field: PlacedField) {
    const [first, second] = field.pieces;
    this.field = field;
    const plain = field.pieces.every(({ swapped }) => !swapped);
    this.single = plain && field.pieces.length === 1 && first!.at === 0;
    this.halves =
      plain &&
      field.pieces.length <= 2 &&
      field.pieces.every(({ wordBits }) => wordBits === 32) &&
      first!.at === first!.low &&
      (second === undefined || second.at === 32 + second.low);
    this.lane = first!.lane;
    this.shift = this.single ? first!.wordShift + first!.low : 0;
    this.mask = this.single ? laneMask(0, first!.width) : laneMask(first!.low, first!.width);
    this.hiLane = second?.lane ?? 0;
    this.hiMask = second === undefined ? 0 : laneMask(second.low, second.width);
  }

  /** Its value as an unsigned number; of more than 53 bits, a near one. */
  number(lanes: Int32Array, base: number): number {
    if (this.single) return ((lanes[base + this.lane]! >>> this.shift) & this.mask) >>> 0;
    return readNumber(this.field, lanes, base);
  }

  /** The low half of its value, as a signed number. */
  lo(lanes: Int32Array, base: number): number {
    if (this.halves) return lanes[base + this.lane]! & this.mask;
    if (this.single) return (lanes[base + this.lane]! >>> this.shift) & this.mask;
    return readHalf(this.field, lanes, base, 0);
  }

  /** The high half of its value, as a signed number. */
  hi(lanes: Int32Array, base: number): number {
    if (this.halves) return lanes[base + this.hiLane]! & this.hiMask;
    return this.single ? 0 : readHalf(this.field, lanes, base, 1);
  }

  /** Stores a number; what does not fit is cut off. */
  put(lanes: Int32Array, base: number, value: number): void {
    if (this.single) {
      const at = base + this.lane;
      lanes[at] = (lanes[at]! & ~(this.mask << this.shift)) | ((value & this.mask) << this.shift);
    } else writeNumber(this.field, lanes, base, value);
  }

  /** Stores a value given as halves. */
  putHalves(lanes: Int32Array, base: number, lo: number, hi: number): void {
    if (this.single) this.put(lanes, base, lo);
    else writeHalves(this.field, lanes, base, lo, hi);
  }
}

/** A field that marks something. */
export class MarkAccess extends FieldAccess {
  private readonly when: number;
  /** What it holds where it does not mark. */
  private readonly otherwise: number;

  constructor(field: PlacedField, { when }: MarkMeaning) {
    super(field);
    this.when = when;
    this.otherwise = when === 0 ? 1 : 0;
  }

  is(lanes: Int32Array, base: number): boolean {
    return this.number(lanes, base) === this.when;
  }

  mark(lanes: Int32Array, base: number, set: boolean): void {
    this.put(lanes, base, set ? this.when : this.otherwise);
  }
}

/** A length, in bytes. */
export class LengthAccess extends FieldAccess {
  /** The most bytes that the format allows; 0: no limit of its own. */
  readonly max: number;
  private readonly unit: number;
  private readonly unitField: FieldAccess | null;
  private readonly minusOne: boolean;
  private readonly zeroMeans: number;

  /** @param unit bytes that 1 stands for, unless `unitField` holds their log2 */
  constructor(field: PlacedField, meaning: LengthMeaning, unit: number, unitField: FieldAccess | null) {
    super(field);
    this.max = meaning.max;
    this.unit = unit;
    this.unitField = unitField;
    this.minusOne = meaning.minusOne;
    this.zeroMeans = meaning.zeroMeans;
  }

  /** Bytes that 1 stands for. */
  unitOf(lanes: Int32Array, base: number): number {
    return this.unitField === null ? this.unit : 2 ** Math.min(this.unitField.number(lanes, base), 64);
  }

  bytes(lanes: Int32Array, base: number): number {
    const raw = this.number(lanes, base);
    const count = this.minusOne ? raw + 1 : raw === 0 ? this.zeroMeans : raw;
    return count * this.unitOf(lanes, base);
  }

  /** Stores a length in bytes, as far as the field can. */
  putBytes(lanes: Int32Array, base: number, bytes: number): void {
    const count = Math.floor(bytes / this.unitOf(lanes, base));
    this.put(lanes, base, this.minusOne ? Math.max(0, count - 1) : count);
  }
}
