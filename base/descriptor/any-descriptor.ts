import type { LayoutMemory } from '../layout/memory';
import type { CursorBase } from './cursor';
import type { JoinedFields, Members } from './members';
import type { PlacedNested, PlacedVariants, PlacedWord } from './placed-members';
import type { PlacedField } from './placed';

/** A cursor whose fields are known by name only. */
export type AnyCursor = CursorBase & Record<string, unknown>;

/** What is known of any descriptor, whatever its fields are called. */
export interface AnyDescriptor {
  readonly kind: 'descriptor';
  readonly typeName: string;
  readonly size: number;
  readonly align: number;
  readonly doc: string;
  readonly members: Members;
  readonly joined: JoinedFields;
  /** Lanes that hold it: its size in 32-bit words, rounded up. */
  readonly lanes: number;
  /** The fields that are always there, and those of variants. */
  readonly placedFields: readonly PlacedField[];
  readonly variantFields: readonly PlacedField[];
  readonly words: readonly PlacedWord[];
  readonly placedVariants: readonly PlacedVariants[];
  /** The descriptors that are always there within it. */
  readonly placedNested: readonly PlacedNested[];
  /** Bits that must be zero, by lane; those of a place with variants are not among them. */
  readonly reservedMask: Int32Array;
  /** A field at its place, by the path of its value. An unknown path is a `LabError`. */
  field(path: string): PlacedField;
  /** The fields of a meaning: `fieldsThat('address', 'next')`. */
  fieldsThat(kind: string, part?: string): readonly PlacedField[];
  /** A cursor over entries in lanes, for code that knows its fields by name only. */
  anyCursor(lanes?: Int32Array): AnyCursor;
  /** Loads an entry of memory into lanes, from index `at`. */
  load(memory: LayoutMemory, address: number, lanes: Int32Array, at?: number): void;
  /** Stores an entry from lanes, from index `at`, in ascending order of addresses. */
  save(memory: LayoutMemory, address: number, lanes: Int32Array, at?: number): void;
  /** What keeps a value from being stored: a path and a sentence; null if nothing does. */
  problem(value: unknown): string | null;
  /** The value in lanes. */
  decode(lanes: Int32Array, at?: number): object;
}
