/**
 * Registers as data. One declaration of a register block gives its behaviour on the bus, its names on the trace and its
 * table in the documentation.
 */

/**
 * How software may access a field.
 *
 * - `rw` read and write
 * - `ro` read only: writes are ignored
 * - `wo` write only: reads as zero; the model sees what was written
 * - `w1c` a written one clears the bit
 * - `w1s` a written one sets the bit, zero does nothing
 */
export type FieldAccess = 'rw' | 'ro' | 'wo' | 'w1c' | 'w1s';

/** A field: one bit, or a range `[most significant, least significant]`, both included. */
export interface FieldSpec {
  readonly bits: number | readonly [number, number];
  /** Default: the register's. */
  readonly access?: FieldAccess;
  /** The value after reset. Default 0. At most 2^53 - 1. */
  readonly reset?: number;
  /** The specification has it, the model does not: it keeps its reset value, and a write to it is traced by name. */
  readonly unimplemented?: boolean;
  /** Names of its values, where they have any. */
  readonly values?: Readonly<Record<number, string>>;
  /** What it is, in a few words. */
  readonly doc?: string;
}

/** A register, or `count` of them at a `stride`. Bits in no field are reserved: they read as zero, writes are ignored. */
export interface RegisterSpec {
  /** Byte offset in the block, aligned to the width. */
  readonly offset: number;
  /** Bytes. */
  readonly width: 4 | 8;
  /** Default `rw`. */
  readonly access?: FieldAccess;
  /** How many of it there are. Default 1. */
  readonly count?: number;
  /** Bytes from one to the next. Default: the width. */
  readonly stride?: number;
  /** Without fields the whole register is one. */
  readonly fields?: Readonly<Record<string, FieldSpec>>;
  /** The value after reset of a register without fields. At most 2^53 - 1. */
  readonly reset?: number;
  readonly doc?: string;
}

/** A block of registers. */
export interface BlockSpec {
  readonly name: string;
  /** Bytes of address space. */
  readonly size: number;
  readonly registers: Readonly<Record<string, RegisterSpec>>;
}

/** The names of a block's registers. */
export type RegisterName<S extends BlockSpec> = keyof S['registers'] & string;

/** The names of a register's fields. */
export type FieldName<S extends BlockSpec, N extends RegisterName<S>> = S['registers'][N] extends {
  readonly fields: infer F;
}
  ? keyof F & string
  : never;
