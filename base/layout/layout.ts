import { LabError } from '../errors';
import type { LayoutMemory } from './memory';

/**
 * How a value lies in memory: its size, its alignment, and how it is loaded and stored. The TypeScript type of the value
 * follows from the layout (`LayoutType`). A layout keeps no memory and no address; one layout serves all machines.
 *
 * `T` is the type of the values. Each kind of layout is a class with a `kind` of its own, by which types and code tell
 * them apart.
 */
export abstract class Layout<T> {
  /** Which kind of layout this is. */
  abstract readonly kind: string;
  /** What the layout is called in messages: `le32`, `nvme_sqe`, `le64[2]`. */
  abstract readonly typeName: string;
  /** Bytes that a value takes; a multiple of nothing in particular. */
  abstract readonly size: number;
  /** What addresses of values are a multiple of where nobody says otherwise; a power of two. */
  abstract readonly align: number;
  /** Only for the type checker: carries `T`. */
  declare readonly valueType: T;

  /** Loads the value at an address. Every pattern of bytes is some value. */
  abstract read(memory: LayoutMemory, address: number): T;

  /** Stores a value without looking at it; for code that has checked it, or made it from numbers that fit. */
  abstract store(memory: LayoutMemory, address: number, value: T): void;

  /**
   * What keeps `value` from being stored: a sentence after the path of the part that is wrong, such as
   * `.prp[1]: -1 is no le64`. Null if nothing does.
   */
  abstract problem(value: unknown): string | null;

  /** Stores a value. A `LabError` with the path of the part that does not fit, before anything is stored. */
  write(memory: LayoutMemory, address: number, value: T): void {
    this.check(value);
    this.store(memory, address, value);
  }

  /** Throws the `LabError` for a value that does not fit. */
  check(value: unknown): void {
    const problem = this.problem(value);
    if (problem === null) return;
    const path = /^[.[\w\]]*/.exec(problem)![0];
    throw new LabError(`${this.typeName}${problem}.`, { what: `${this.typeName}${path}` });
  }
}

/** Any layout. */
export type AnyLayout = Layout<unknown>;

/** The type of the values of a layout: `type NvmeSqe = LayoutType<typeof nvmeSqe>`. */
export type LayoutType<L> = L extends Layout<infer T> ? T : never;

/** The `LabError` of a declaration that makes no sense. @param path what is wrong: `nvme_sqe.data` */
export const badLayout = (path: string, problem: string): LabError =>
  new LabError(`${path}: ${problem}.`, { what: path });

/** Rounds up to a multiple of `align`. */
export const roundUp = (value: number, align: number): number => Math.ceil(value / align) * align;

/** Whether a number can be an alignment: a power of two up to a page's. */
export const isAlignment = (align: unknown): align is number =>
  typeof align === 'number' && Number.isInteger(align) && align >= 1 && align <= 4096 && (align & (align - 1)) === 0;

/** A value in a message: short, and without calling anything of it. */
export const show = (value: unknown): string => {
  if (typeof value === 'bigint') return `${value.toString()}n`;
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined || value === null) {
    return String(value);
  }
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 20));
  if (Array.isArray(value) || value instanceof Uint8Array) return `an array of ${value.length}`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
};
