import type { AnyWord, JoinedFields, Nestable } from './members';
import type { LanePiece, PlacedField } from './placed';

/** Where a word lies: its byte offset and what is in it. */
export interface PlacedWord {
  readonly path: string;
  readonly offset: number;
  readonly word: AnyWord;
}

/** The part of a value that a member gives, by which values are read, stored and checked. */
export type ValueNode =
  | { readonly kind: 'field'; readonly key: string; readonly field: PlacedField }
  | { readonly kind: 'struct'; readonly key: string; readonly nodes: readonly ValueNode[] }
  | { readonly kind: 'array'; readonly key: string; readonly elements: readonly ValueNode[] }
  | { readonly kind: 'variants'; readonly key: string; readonly variants: PlacedVariants };

/** A place whose shape depends on a field. */
export interface PlacedVariants {
  readonly path: string;
  readonly by: PlacedField;
  readonly offset: number;
  readonly size: number;
  readonly cases: readonly PlacedCase[];
}

/** One shape of such a place. */
export interface PlacedCase {
  readonly name: string;
  readonly when: readonly number[];
  /** Bytes of data where no field says so; 0: none. */
  readonly bytes: number;
  readonly joined: JoinedFields;
  readonly placement: Placement;
}

/** Where another descriptor lies in this one. */
export interface PlacedNested {
  readonly path: string;
  readonly offset: number;
  readonly descriptor: Nestable;
}

/** All of a descriptor at its place. */
export interface Placement {
  readonly size: number;
  readonly fields: readonly PlacedField[];
  readonly ignored: readonly { readonly pieces: readonly LanePiece[] }[];
  readonly words: readonly PlacedWord[];
  /** Shapes within shapes are in their cases. */
  readonly variants: readonly PlacedVariants[];
  readonly nested: readonly PlacedNested[];
  readonly nodes: readonly ValueNode[];
}
