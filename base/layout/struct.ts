import { PaddingLayout } from './bytes';
import { MAX_LAYOUT_SIZE } from './count';
import { FlawedLayout } from './flawed';
import { badLayout, isAlignment, Layout, show, type AnyLayout, type LayoutType } from './layout';
import type { LayoutMemory } from './memory';
import { place, type Gap, type Placement } from './placement';

/** A field that asks for an alignment of its own. Made by `aligned`. */
export class AlignedField<L extends AnyLayout> {
  readonly layout: L;
  readonly align: number;

  constructor(layout: L, align: number) {
    this.layout = layout;
    this.align = align;
  }
}

/** A field at a multiple of `align` at least (`__attribute__((aligned(align)))`), in a packed struct too. */
export const aligned = <L extends AnyLayout>(layout: L, align: number): AlignedField<L> =>
  new AlignedField(layout, align);

/** What a field is declared as. Further kinds of field (bit fields, variants) join this union. */
export type FieldSpec = AnyLayout | AlignedField<AnyLayout>;

/** The fields of a struct by name, in their order. */
export type FieldSpecs = Readonly<Record<string, FieldSpec>>;

/** The layout behind a field's declaration. */
export type FieldLayout<S> = S extends AlignedField<infer L> ? L : S extends AnyLayout ? S : never;

/** The names of fields that have values. */
export type FieldNames<F extends FieldSpecs> = {
  [K in keyof F & string]: FieldLayout<F[K]> extends PaddingLayout ? never : K;
}[keyof F & string];

/** The values of a struct. */
export type StructValue<F extends FieldSpecs> = { [K in FieldNames<F>]: LayoutType<FieldLayout<F[K]>> };

/** Attributes of a struct. */
export interface StructOptions {
  /** No gaps (`__packed`). */
  readonly packed?: boolean;
  /** The least alignment of the struct (`__aligned(n)`). */
  readonly align?: number;
  /** The size that it must come to; another one is an error (`static_assert(sizeof …)`). */
  readonly size?: number;
}

/** A field at its place. */
export class Field<L extends AnyLayout> {
  readonly name: string;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  readonly layout: L;

  constructor(name: string, offset: number, layout: L) {
    this.name = name;
    this.offset = offset;
    this.layout = layout;
  }

  /** Loads the field of a struct at an address. */
  read(memory: LayoutMemory, base: number): LayoutType<L> {
    return this.layout.read(memory, base + this.offset) as LayoutType<L>;
  }

  /** Stores to the field of a struct at an address. A `LabError` if the value does not fit. */
  write(memory: LayoutMemory, base: number, value: LayoutType<L>): void {
    this.layout.write(memory, base + this.offset, value);
  }
}

/** A C struct. */
export class StructLayout<F extends FieldSpecs> extends Layout<StructValue<F>> {
  readonly kind = 'struct';
  readonly typeName: string;
  readonly size: number;
  readonly align: number;
  /** The fields that have values. */
  readonly fields: { readonly [K in FieldNames<F>]: Field<FieldLayout<F[K]>> };
  private readonly list: readonly Field<AnyLayout>[];
  /** What lies between the fields, padding that was declared included. */
  private readonly gaps: readonly Gap[];

  /** `struct` makes one, and checks what it is made of. */
  constructor(name: string, list: readonly Field<AnyLayout>[], { size, align, gaps }: Placement) {
    super();
    const reserved = list.filter(({ layout }) => layout instanceof PaddingLayout);
    this.typeName = name;
    this.size = size;
    this.align = align;
    this.list = list.filter(({ layout }) => !(layout instanceof PaddingLayout));
    this.gaps = [...gaps, ...reserved.map(({ offset, layout }) => ({ offset, length: layout.size }))];
    this.fields = Object.fromEntries(this.list.map((field) => [field.name, field])) as StructLayout<F>['fields'];
  }

  /** Where a field begins (`offsetof`). */
  offsetOf(name: FieldNames<F>): number {
    return this.fields[name].offset;
  }

  read(memory: LayoutMemory, address: number): StructValue<F> {
    const value: Record<string, unknown> = {};
    for (const { name, offset, layout } of this.list) value[name] = layout.read(memory, address + offset);
    return value as StructValue<F>;
  }

  /** Every byte is defined afterwards: what lies between the fields is zero. */
  store(memory: LayoutMemory, address: number, value: StructValue<F>): void {
    for (const { offset, length } of this.gaps) memory.fill(address + offset, 0, length);
    for (const { name, offset, layout } of this.list) {
      layout.store(memory, address + offset, (value as Record<string, unknown>)[name]);
    }
  }

  problem(value: unknown): string | null {
    if (typeof value !== 'object' || value === null) return `: ${show(value)} where a struct belongs`;
    for (const { name, layout } of this.list) {
      const problem = layout.problem((value as Record<string, unknown>)[name]);
      if (problem !== null) return `.${name}${problem}`;
    }
    const unknown = Object.keys(value).find((name) => !Object.hasOwn(this.fields, name));
    return unknown === undefined ? null : `: there is no field ${show(unknown)}`;
  }
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A field's layout, after everything about its declaration was checked. */
const checkField = (struct: string, name: string, spec: unknown): { layout: AnyLayout; align: number | undefined } => {
  const path = `${struct}.${name}`;
  if (!NAME.test(name) || name === '__proto__') throw badLayout(path, `${show(name)} cannot name a field`);
  const isAligned = spec instanceof AlignedField;
  const layout: unknown = isAligned ? spec.layout : spec;
  if (layout instanceof FlawedLayout) throw badLayout(`${path}${layout.path}`, `${layout.typeName}: ${layout.flaw}`);
  if (!(layout instanceof Layout)) throw badLayout(path, `${show(layout)} is no layout`);
  if (isAligned && !isAlignment(spec.align)) throw badLayout(path, `${show(spec.align)} is no alignment`);
  return { layout: layout as AnyLayout, align: isAligned ? spec.align : undefined };
};

const checkOptions = (name: string, { align, packed }: StructOptions): void => {
  if (!NAME.test(name)) throw badLayout(show(name), 'a struct is named as in C');
  if (align !== undefined && !isAlignment(align)) throw badLayout(name, `${show(align)} is no alignment`);
  if (packed !== undefined && typeof packed !== 'boolean') throw badLayout(name, `packed is ${show(packed)}`);
};

/**
 * Declares a struct: sizes, alignment, offsets and the TypeScript type of its values follow from the fields.
 *
 *     const nvmeSqe = struct('nvme_sqe', { opcode: u8, flags: u8, cid: le16, nsid: le32, data: array(le64, 2) });
 *     type NvmeSqe = LayoutType<typeof nvmeSqe>;
 *
 * A declaration that makes no sense is a `LabError` with the path of the field.
 */
export const struct = <const F extends FieldSpecs>(
  name: string,
  fields: F,
  options: StructOptions = {},
): StructLayout<F> => {
  checkOptions(name, options);
  const entries = Object.entries(fields).map(([key, spec]) => ({ key, ...checkField(name, key, spec) }));
  if (entries.every(({ layout }) => layout instanceof PaddingLayout)) throw badLayout(name, 'a struct has fields');
  const shapes = entries.map(({ layout, align }) => ({ size: layout.size, align: layout.align, explicitAlign: align }));
  const placement = place(shapes, { packed: options.packed ?? false, align: options.align ?? 1 });
  if (placement.size > MAX_LAYOUT_SIZE) throw badLayout(name, `${placement.size} bytes are too many`);
  if (options.size !== undefined && options.size !== placement.size) {
    throw badLayout(name, `the fields take ${placement.size} bytes, not ${show(options.size)}`);
  }
  const list = entries.map(({ key, layout }, i) => new Field(key, placement.offsets[i]!, layout));
  return new StructLayout<F>(name, list, placement);
};
