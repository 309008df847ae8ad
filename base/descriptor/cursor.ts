import type {
  BitFields,
  CaseJoined,
  Joined,
  Member,
  Members,
  Nested,
  ValuedFields,
  VariantCase,
  Variants,
  Word,
  Nestable,
} from './members';
import {
  laneMask,
  readHalf,
  readNumber,
  readWide,
  writeHalves,
  writeNumber,
  writeWide,
  type LanePiece,
  type PlacedField,
} from './placed';

/**
 * A place in lanes. Its fields are properties, made once per descriptor when that is declared; numbers and flags read and
 * write without making garbage, and so do the parts of wide fields: signed halves (`addrLo`, `addrHi`), and page number
 * and offset (`addrPage`, `addrOffset`). Values that do not fit are cut off.
 */
export class CursorBase {
  lanes: Int32Array;
  /** Index of the entry's first lane. */
  base = 0;

  constructor(lanes: Int32Array) {
    this.lanes = lanes;
  }
}

/** Moving a cursor. */
export interface CursorMoves extends CursorBase {
  /** Goes to entry `index` of an array of entries. */
  to(index: number): this;
  /** Clears the entry. */
  clear(): this;
}

type WideParts<K extends string> = { [P in K]: bigint } & {
  [P in `${K}Lo` | `${K}Hi` | `${K}Page` | `${K}Offset`]: number;
};

type Part<K extends string, Kind> = [Kind] extends ['wide']
  ? WideParts<K>
  : [Kind] extends ['flag']
    ? { [P in K]: boolean }
    : [Kind] extends ['ignored']
      ? object
      : { [P in K]: number };

type UnionToIntersection<U> = (U extends unknown ? (x: U) => void : never) extends (x: infer I) => void ? I : never;

type FieldsCursor<P extends string, F extends BitFields> = UnionToIntersection<
  { [K in ValuedFields<F>]: Part<`${P}${K}`, F[K]['kind']> }[ValuedFields<F>]
>;

type CasesCursor<P extends string, C extends Readonly<Record<string, VariantCase>>> = UnionToIntersection<
  { [K in keyof C & string]: MembersCursor<`${P}${K}_`, C[K]['words'], CaseJoined<C[K]>> }[keyof C & string]
>;

type MemberCursor<P extends string, K extends string, M extends Member> =
  M extends Word<infer F, unknown, infer Kind>
    ? F extends BitFields
      ? keyof F extends never
        ? object
        : FieldsCursor<P, F>
      : Part<`${P}${K}`, Kind>
    : M extends Nested<infer D>
      ? MembersCursor<`${P}${K}_`, D['members'], D['joined']>
      : M extends Variants<infer C>
        ? CasesCursor<`${P}${K}_`, C>
        : object;

type JoinedCursor<P extends string, J> = UnionToIntersection<
  { [K in keyof J & string]: J[K] extends Joined<unknown, infer Kind> ? Part<`${P}${K}`, Kind> : object }[keyof J &
    string]
>;

type MembersCursor<P extends string, M extends Members, J> = UnionToIntersection<
  { [K in keyof M & string]: MemberCursor<P, K, M[K]> }[keyof M & string]
> &
  (keyof J extends never ? object : JoinedCursor<P, J>);

/** A cursor of a descriptor: its fields as properties. Fields of arrays are not among them. */
export type DescriptorCursor<M extends Members, J> = CursorMoves & MembersCursor<'', M, J>;

/** The cursor of a descriptor. */
export type CursorOf<D extends Nestable> = DescriptorCursor<D['members'], D['joined']>;

interface NumberAccess {
  readonly get: (this: CursorBase) => number;
  readonly set: (this: CursorBase, value: number) => void;
}

/** A field in one piece of one lane: a mask and a shift. */
const pieceAccess = ({ lane, wordShift, low, width }: LanePiece): NumberAccess => {
  if (width === 32) {
    return {
      get() {
        return this.lanes[this.base + lane]! >>> 0;
      },
      set(value) {
        this.lanes[this.base + lane] = value;
      },
    };
  }
  const shift = wordShift + low;
  const ones = laneMask(0, width);
  const others = ~laneMask(shift, width);
  return {
    get() {
      return (this.lanes[this.base + lane]! >>> shift) & ones;
    },
    set(value) {
      const at = this.base + lane;
      this.lanes[at] = (this.lanes[at]! & others) | ((value & ones) << shift);
    },
  };
};

const numberAccess = (field: PlacedField): NumberAccess => {
  const [piece] = field.pieces;
  if (field.pieces.length === 1 && !piece!.swapped) return pieceAccess(piece!);
  return {
    get() {
      return readNumber(field, this.lanes, this.base);
    },
    set(value) {
      writeNumber(field, this.lanes, this.base, value);
    },
  };
};

const defineNumber = (proto: object, field: PlacedField): void => {
  Object.defineProperty(proto, field.name, numberAccess(field));
};

const defineFlag = (proto: object, field: PlacedField): void => {
  const [{ lane, wordShift, low, swapped }] = field.pieces as [LanePiece];
  const mask = laneMask(wordShift + low, 1);
  Object.defineProperty(
    proto,
    field.name,
    swapped
      ? swappedFlag(field)
      : {
          get(this: CursorBase): boolean {
            return (this.lanes[this.base + lane]! & mask) !== 0;
          },
          set(this: CursorBase, value: boolean) {
            const at = this.base + lane;
            const before = this.lanes[at]!;
            this.lanes[at] = value ? before | mask : before & ~mask;
          },
        },
  );
};

const swappedFlag = (field: PlacedField): PropertyDescriptor => ({
  get(this: CursorBase): boolean {
    return readNumber(field, this.lanes, this.base) !== 0;
  },
  set(this: CursorBase, value: boolean) {
    writeNumber(field, this.lanes, this.base, value ? 1 : 0);
  },
});

interface HalfAccess {
  lo: NumberAccess;
  hi: NumberAccess;
}

/** A piece whose bits are at their places in a half of the value: a mask is all it takes. */
const inPlace = (lane: number, width: number, low: number): NumberAccess => {
  const mask = laneMask(low, width);
  if (width === 32) {
    return {
      get() {
        return this.lanes[this.base + lane]!;
      },
      set(value) {
        this.lanes[this.base + lane] = value;
      },
    };
  }
  return {
    get() {
      return this.lanes[this.base + lane]! & mask;
    },
    set(value) {
      const at = this.base + lane;
      this.lanes[at] = (this.lanes[at]! & ~mask) | (value & mask);
    },
  };
};

/** Halves that lie in one lane each, at their places; undefined if the field lies otherwise. */
const plainHalves = ({ pieces }: PlacedField): HalfAccess | undefined => {
  const [lo, hi] = pieces;
  if (pieces.length !== 2 || lo!.swapped || hi!.swapped) return undefined;
  if (lo!.wordBits !== 32 || hi!.wordBits !== 32) return undefined;
  if (lo!.at !== lo!.low || hi!.at !== 32 + hi!.low || lo!.low + lo!.width !== 32) return undefined;
  return { lo: inPlace(lo!.lane, lo!.width, lo!.low), hi: inPlace(hi!.lane, hi!.width, hi!.low) };
};

const anyHalves = (field: PlacedField): HalfAccess => ({
  lo: {
    get() {
      return readHalf(field, this.lanes, this.base, 0);
    },
    set(value) {
      writeHalves(field, this.lanes, this.base, value, readHalf(field, this.lanes, this.base, 1));
    },
  },
  hi: {
    get() {
      return readHalf(field, this.lanes, this.base, 1);
    },
    set(value) {
      writeHalves(field, this.lanes, this.base, readHalf(field, this.lanes, this.base, 0), value);
    },
  },
});

const defineWide = (proto: object, field: PlacedField): void => {
  const { name } = field;
  const { lo, hi } = plainHalves(field) ?? anyHalves(field);
  Object.defineProperty(proto, `${name}Lo`, lo);
  Object.defineProperty(proto, `${name}Hi`, hi);
  Object.defineProperty(proto, name, {
    get(this: CursorBase): bigint {
      return readWide(field, this.lanes, this.base);
    },
    set(this: CursorBase, value: bigint) {
      writeWide(field, this.lanes, this.base, value);
    },
  });
  const readLo = lo.get;
  const readHi = hi.get;
  Object.defineProperty(proto, `${name}Page`, {
    get(this: CursorBase): number {
      return (readHi.call(this) >>> 0) * 0x10_0000 + (readLo.call(this) >>> 12);
    },
    set(this: CursorBase, page: number) {
      lo.set.call(this, (page << 12) | (readLo.call(this) & 0xfff));
      hi.set.call(this, Math.floor(page / 0x10_0000) | 0);
    },
  });
  Object.defineProperty(proto, `${name}Offset`, {
    get(this: CursorBase): number {
      return readLo.call(this) & 0xfff;
    },
    set(this: CursorBase, offset: number) {
      lo.set.call(this, (readLo.call(this) & ~0xfff) | (offset & 0xfff));
    },
  });
};

/** Makes the class of a descriptor's cursors. @param size lanes of an entry */
export const cursorClass = (fields: readonly PlacedField[], size: number): new (lanes: Int32Array) => CursorBase => {
  class Cursor extends CursorBase {
    to(index: number): this {
      this.base = index * size;
      return this;
    }

    clear(): this {
      this.lanes.fill(0, this.base, this.base + size);
      return this;
    }
  }
  for (const field of fields) {
    if (field.name.includes('[') || Object.hasOwn(Cursor.prototype, field.name)) continue;
    if (field.kind === 'wide') defineWide(Cursor.prototype, field);
    else if (field.kind === 'flag') defineFlag(Cursor.prototype, field);
    else defineNumber(Cursor.prototype, field);
  }
  return Cursor;
};
