/**
 * Structs as data: a declaration gives size, alignment, offsets, access and the TypeScript type.
 */
export * from './array';
export { BytesLayout, bytes, PaddingLayout, padding } from './bytes';
export { decode, encode } from './codec';
export { Layout, type AnyLayout, type LayoutType } from './layout';
export { BytesMemory, type LayoutMemory } from './memory';
export {
  Index,
  layoutAt,
  offsetAt,
  type At,
  type IndexFlavour,
  type OutOfBounds,
  type Path,
  type Proven,
} from './path';
export {
  be16,
  be32,
  be64,
  bool,
  BoolLayout,
  Integer64Layout,
  IntegerLayout,
  le16,
  le32,
  le64,
  s16,
  s32,
  s64,
  s8,
  sbe16,
  sbe32,
  sbe64,
  u16,
  u32,
  u64le as u64,
  u8,
} from './scalars';
export {
  aligned,
  AlignedField,
  Field,
  struct,
  StructLayout,
  type FieldLayout,
  type FieldNames,
  type FieldSpec,
  type FieldSpecs,
  type StructOptions,
  type StructValue,
} from './struct';
