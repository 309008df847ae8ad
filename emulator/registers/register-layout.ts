import { LabError } from '../../base/errors';
import type { U64 } from '../../base/u64';
import { layOutField, type FieldLayout } from './field';
import type { FieldAccess, RegisterSpec } from './spec';

/** What all registers of one declaration (`count`) share: their fields, and the access rules of those as masks. */
export class RegisterLayout {
  readonly name: string;
  readonly spec: RegisterSpec;
  readonly fields: readonly FieldLayout[];
  readonly byName: ReadonlyMap<string, FieldLayout>;
  /** Fields whose writes are told of, because the model does nothing with them. */
  readonly unimplemented: readonly FieldLayout[];
  readonly resetLo: number;
  readonly resetHi: number;
  /** Bits that software sets to what it writes; write-only ones are among them. */
  readonly rw: Readonly<U64>;
  readonly w1c: Readonly<U64>;
  readonly w1s: Readonly<U64>;
  readonly readableLo: number;
  readonly readableHi: number;

  /** Fields that overlap, or do not fit the register, are a `LabError`. */
  constructor(block: string, name: string, spec: RegisterSpec) {
    this.name = name;
    this.spec = spec;
    const bits = spec.width * 8;
    const place = `${block}.${name}`;
    const fields = spec.fields ?? { value: { bits: [bits - 1, 0] as const, reset: spec.reset ?? 0 } };
    this.fields = Object.entries(fields).map(([field, fieldSpec]) => layOutField(place, field, fieldSpec, bits));
    this.byName = new Map(this.fields.map((field) => [field.name, field]));
    refuseOverlap(place, this.fields);
    this.unimplemented = this.fields.filter(
      (field) => field.spec.unimplemented === true && this.accessOf(field) !== 'ro',
    );
    this.resetLo = this.fields.reduce((lo, field) => lo | field.resetLo, 0);
    this.resetHi = this.fields.reduce((hi, field) => hi | field.resetHi, 0);
    const wo = this.masksOf('wo');
    const rw = this.masksOf('rw');
    this.rw = { lo: rw.lo | wo.lo, hi: rw.hi | wo.hi };
    this.w1c = this.masksOf('w1c');
    this.w1s = this.masksOf('w1s');
    this.readableLo = ~wo.lo;
    this.readableHi = ~wo.hi;
  }

  private accessOf(field: FieldLayout): FieldAccess {
    return field.spec.access ?? this.spec.access ?? 'rw';
  }

  private masksOf(access: FieldAccess): U64 {
    let lo = 0;
    let hi = 0;
    for (const field of this.fields) {
      if (field.spec.unimplemented === true || this.accessOf(field) !== access) continue;
      lo |= field.maskLo;
      hi |= field.maskHi;
    }
    return { lo, hi };
  }
}

const refuseOverlap = (place: string, fields: readonly FieldLayout[]): void => {
  const sorted = [...fields].sort((a, b) => a.low - b.low);
  for (let i = 1; i < sorted.length; i++) {
    const [previous, field] = [sorted[i - 1]!, sorted[i]!];
    if (field.low <= previous.high) {
      throw new LabError(`fields ${previous.name} and ${field.name} overlap in bit ${field.low}`, { what: place });
    }
  }
};
