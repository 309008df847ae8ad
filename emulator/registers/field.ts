import { LabError } from '../../base/errors';
import type { FieldSpec } from './spec';

/** A field's place in a register, as masks over the two halves. */
export interface FieldLayout {
  readonly name: string;
  readonly spec: FieldSpec;
  readonly low: number;
  readonly high: number;
  /** Number of bits. */
  readonly width: number;
  readonly maskLo: number;
  readonly maskHi: number;
  readonly resetLo: number;
  readonly resetHi: number;
}

/** The mask of bits `low … high` that fall into the half starting at bit `base`. */
const maskOfHalf = (low: number, high: number, base: number): number => {
  const from = Math.max(low - base, 0);
  const to = Math.min(high - base, 31);
  if (to < from) return 0;
  const width = to - from + 1;
  return width === 32 ? 0xffff_ffff : (((1 << width) - 1) << from) >>> 0;
};

/** Lays a field out. A field outside its register, or a reset value wider than the field, is a `LabError`. */
export const layOutField = (place: string, name: string, spec: FieldSpec, registerBits: number): FieldLayout => {
  const [high, low] = typeof spec.bits === 'number' ? [spec.bits, spec.bits] : spec.bits;
  if (!Number.isInteger(low) || !Number.isInteger(high) || low < 0 || high < low || high >= registerBits) {
    throw new LabError(`field ${name} lies in bits ${high}:${low}, outside its ${registerBits}-bit register`, {
      what: place,
    });
  }
  const width = high - low + 1;
  const reset = spec.reset ?? 0;
  if (!Number.isSafeInteger(reset) || reset < 0 || reset >= 2 ** width) {
    throw new LabError(`field ${name} cannot hold its reset value ${reset} in ${width} bits`, { what: place });
  }
  const placed = BigInt(reset) << BigInt(low);
  return {
    name,
    spec,
    low,
    high,
    width,
    maskLo: maskOfHalf(low, high, 0),
    maskHi: maskOfHalf(low, high, 32),
    resetLo: Number(placed & 0xffff_ffffn),
    resetHi: Number(placed >> 32n),
  };
};

/** The low half of a register with this field at `value` and all else zero. A value too wide is cut off. */
export const placeFieldLo = (field: FieldLayout, value: number): number =>
  field.low >= 32 ? 0 : ((value << field.low) & field.maskLo) >>> 0;

/** The high half; see `placeFieldLo`. */
export const placeFieldHi = (field: FieldLayout, value: number): number => {
  if (field.high < 32) return 0;
  const shifted = field.low >= 32 ? value << (field.low - 32) : Math.floor(value / 2 ** (32 - field.low));
  return (shifted & field.maskHi) >>> 0;
};

/** A field's value out of the halves of its register. Exact for fields of up to 53 bits. */
export const extractField = (field: FieldLayout, lo: number, hi: number): number => {
  if (field.high < 32) return (lo & field.maskLo) >>> field.low;
  if (field.low >= 32) return (hi & field.maskHi) >>> (field.low - 32);
  return ((hi & field.maskHi) >>> 0) * 2 ** (32 - field.low) + ((lo & field.maskLo) >>> field.low);
};
