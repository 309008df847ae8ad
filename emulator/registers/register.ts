import { LabError } from '../../base/errors';
import { extractField, placeFieldHi, placeFieldLo, type FieldLayout } from './field';
import type { RegisterPlace } from './block-layout';
import type { RegisterLayout } from './register-layout';
import type { RegisterSpec } from './spec';

/** Called around bus accesses to one register. All are optional. */
export interface RegisterHooks {
  /** Before a read: the model brings the value up to date. Not called for `peek`. */
  beforeRead?(register: Register): void;
  /** After a read, with the value on its way: the model lets it act, as where reading takes from a queue. */
  afterRead?(register: Register): void;
  /**
   * Before a write takes effect: false ignores it. `lo` and `hi` are what is being written, `maskLo` and `maskHi` the
   * bits that the access covers.
   */
  acceptWrite?(register: Register, lo: number, hi: number, maskLo: number, maskHi: number): boolean;
  /** After a write took effect. `lo` and `hi` are what was written (not what the register holds now). */
  afterWrite?(register: Register, lo: number, hi: number, maskLo: number, maskHi: number): void;
}

/** Tells of a write to a field that the model does not implement. */
export type UnimplementedSink = (register: string, bits: number) => void;

/** One register: its value in two unsigned halves. The access rules of its fields are in its layout. */
export class Register<F extends string = string> {
  readonly name: string;
  readonly spec: RegisterSpec;
  /** Its number among the registers of one declaration (`count`). */
  readonly index: number;
  readonly offset: number;
  readonly fields: readonly FieldLayout[];
  /** The current value. The model may write it directly; `set` and `setField` say what they mean. */
  lo = 0;
  hi = 0;
  /** Set by the block. */
  hooks: RegisterHooks = {};
  private readonly layout: RegisterLayout;

  constructor({ name, offset, index, layout }: RegisterPlace) {
    this.name = name;
    this.spec = layout.spec;
    this.index = index;
    this.offset = offset;
    this.fields = layout.fields;
    this.layout = layout;
    this.reset();
  }

  /** Back to the reset value. */
  reset(): void {
    this.set(this.layout.resetLo, this.layout.resetHi);
  }

  /** The model sets the whole value; access rules do not apply. */
  set(lo: number, hi = 0): void {
    this.lo = lo >>> 0;
    this.hi = hi >>> 0;
  }

  /** A field's layout, for models that keep it. An unknown name is a `LabError`. */
  layoutOf(field: F): FieldLayout {
    const layout = this.layout.byName.get(field);
    if (layout === undefined) throw new LabError(`register ${this.name} has no field ${field}`);
    return layout;
  }

  /** A field's value. */
  field(field: F): number {
    return extractField(this.layoutOf(field), this.lo, this.hi);
  }

  /** The model sets one field; a value too wide is cut off. */
  setField(field: F, value: number): void {
    const layout = this.layoutOf(field);
    this.lo = ((this.lo & ~layout.maskLo) | placeFieldLo(layout, value)) >>> 0;
    this.hi = ((this.hi & ~layout.maskHi) | placeFieldHi(layout, value)) >>> 0;
  }

  /** The low half as software reads it. */
  get visibleLo(): number {
    return (this.lo & this.layout.readableLo) >>> 0;
  }

  /** The high half as software reads it. */
  get visibleHi(): number {
    return (this.hi & this.layout.readableHi) >>> 0;
  }

  /** Software writes: access rules apply, hooks run. The masks say which bits the access covers. */
  writeFromBus(lo: number, hi: number, maskLo: number, maskHi: number, sink: UnimplementedSink): void {
    const { hooks, layout } = this;
    if (hooks.acceptWrite !== undefined && !hooks.acceptWrite(this, lo, hi, maskLo, maskHi)) return;
    for (const field of layout.unimplemented) {
      const wanted = extractField(field, lo & maskLo, hi & maskHi);
      const kept = extractField(field, field.resetLo & maskLo, field.resetHi & maskHi);
      if (wanted !== kept) sink(`${this.name}.${field.name}`, wanted);
    }
    this.lo = applyWrite(this.lo, lo & maskLo, layout.rw.lo & maskLo, layout.w1c.lo, layout.w1s.lo);
    this.hi = applyWrite(this.hi, hi & maskHi, layout.rw.hi & maskHi, layout.w1c.hi, layout.w1s.hi);
    hooks.afterWrite?.(this, lo, hi, maskLo, maskHi);
  }
}

const applyWrite = (old: number, written: number, rw: number, w1c: number, w1s: number): number =>
  ((((old & ~rw) | (written & rw)) & ~(written & w1c)) | (written & w1s)) >>> 0;
