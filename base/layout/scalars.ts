import { u64, u64FromBigInt, u64ToBigInt, type U64 } from '../u64';
import { Layout, show } from './layout';
import type { LayoutMemory } from './memory';

const swap16 = (value: number): number => ((value & 0xff) << 8) | (value >>> 8);
const swap32 = (value: number): number =>
  ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;

/** Which end comes first, and whether the highest bit is a sign. */
interface IntegerForm {
  readonly bigEndian?: boolean;
  readonly signed?: boolean;
}

/** An integer of 8, 16 or 32 bits; a number. */
export class IntegerLayout extends Layout<number> {
  readonly kind = 'integer';
  readonly typeName: string;
  readonly size: 1 | 2 | 4;
  readonly align: 1 | 2 | 4;
  /** The smallest and the largest value. */
  readonly min: number;
  readonly max: number;
  private readonly swapped: boolean;
  private readonly unusedBits: number;
  private readonly signed: boolean;

  constructor(typeName: string, size: 1 | 2 | 4, { bigEndian = false, signed = false }: IntegerForm = {}) {
    super();
    this.typeName = typeName;
    this.size = this.align = size;
    this.swapped = bigEndian && size > 1;
    this.unusedBits = 32 - 8 * size;
    this.signed = signed;
    this.min = signed ? -(2 ** (8 * size - 1)) : 0;
    this.max = 2 ** (8 * size - (signed ? 1 : 0)) - 1;
  }

  read(memory: LayoutMemory, address: number): number {
    const { unusedBits } = this;
    const raw = this.load(memory, address);
    return this.signed ? (raw << unusedBits) >> unusedBits : raw;
  }

  store(memory: LayoutMemory, address: number, value: number): void {
    const { size, swapped } = this;
    if (size === 1) memory.store8(address, value & 0xff);
    else if (size === 2) memory.store16(address, swapped ? swap16(value & 0xffff) : value & 0xffff);
    else memory.store32(address, swapped ? swap32(value) : value >>> 0);
  }

  problem(value: unknown): string | null {
    const fits = Number.isInteger(value) && (value as number) >= this.min && (value as number) <= this.max;
    return fits ? null : `: ${show(value)} is no ${this.typeName}`;
  }

  private load(memory: LayoutMemory, address: number): number {
    const { size, swapped } = this;
    if (size === 1) return memory.load8(address);
    if (size === 2) return swapped ? swap16(memory.load16(address)) : memory.load16(address);
    return swapped ? swap32(memory.load32(address)) : memory.load32(address) >>> 0;
  }
}

/** An integer of 64 bits: a bigint, or two halves where a bigint would cost too much. Always one access. */
export class Integer64Layout extends Layout<bigint> {
  readonly kind = 'integer64';
  readonly typeName: string;
  readonly size = 8;
  readonly align = 8;
  /** The smallest and the largest value. */
  readonly min: bigint;
  readonly max: bigint;
  private readonly swapped: boolean;
  private readonly signed: boolean;
  /** Holds a value only while `read` or `store` run, so that they make no garbage but the bigint. */
  private readonly halves = u64();

  constructor(typeName: string, { bigEndian = false, signed = false }: IntegerForm = {}) {
    super();
    this.typeName = typeName;
    this.swapped = bigEndian;
    this.signed = signed;
    this.min = signed ? -(1n << 63n) : 0n;
    this.max = (1n << (signed ? 63n : 64n)) - 1n;
  }

  read(memory: LayoutMemory, address: number): bigint {
    const { halves } = this;
    this.loadHalves(memory, address, halves);
    const raw = u64ToBigInt(halves.lo, halves.hi);
    return this.signed ? BigInt.asIntN(64, raw) : raw;
  }

  store(memory: LayoutMemory, address: number, value: bigint): void {
    const { halves } = this;
    u64FromBigInt(BigInt.asUintN(64, value), halves);
    this.storeHalves(memory, address, halves.lo, halves.hi);
  }

  /** Loads the value as two halves. */
  loadHalves(memory: LayoutMemory, address: number, into: U64): void {
    memory.load64(address, into);
    if (!this.swapped) return;
    const { lo, hi } = into;
    into.lo = swap32(hi);
    into.hi = swap32(lo);
  }

  /** Stores a value given as two halves; bits above 31 of either are cut off. */
  storeHalves(memory: LayoutMemory, address: number, lo: number, hi: number): void {
    if (this.swapped) memory.store64(address, swap32(hi), swap32(lo));
    else memory.store64(address, lo >>> 0, hi >>> 0);
  }

  problem(value: unknown): string | null {
    const fits = typeof value === 'bigint' && value >= this.min && value <= this.max;
    return fits ? null : `: ${show(value)} is no ${this.typeName}`;
  }
}

/** A byte that is 0 or 1. Read, any other value is true as well. */
export class BoolLayout extends Layout<boolean> {
  readonly kind = 'bool';
  readonly typeName = 'bool';
  readonly size = 1;
  readonly align = 1;

  read(memory: LayoutMemory, address: number): boolean {
    return memory.load8(address) !== 0;
  }

  store(memory: LayoutMemory, address: number, value: boolean): void {
    memory.store8(address, value ? 1 : 0);
  }

  problem(value: unknown): string | null {
    return typeof value === 'boolean' ? null : `: ${show(value)} is no bool`;
  }
}

const SIGNED = { signed: true };
const BIG = { bigEndian: true };
const SIGNED_BIG = { signed: true, bigEndian: true };

/** Unsigned integers as the CPU has them, which is little-endian. */
export const u8 = new IntegerLayout('u8', 1);
export const u16 = new IntegerLayout('u16', 2);
export const u32 = new IntegerLayout('u32', 4);
/** A bigint. */
export const u64le = new Integer64Layout('u64');

/** Signed integers as the CPU has them. */
export const s8 = new IntegerLayout('s8', 1, SIGNED);
export const s16 = new IntegerLayout('s16', 2, SIGNED);
export const s32 = new IntegerLayout('s32', 4, SIGNED);
/** A bigint. */
export const s64 = new Integer64Layout('s64', SIGNED);

/** Little-endian on every machine. */
export const le16 = new IntegerLayout('le16', 2);
export const le32 = new IntegerLayout('le32', 4);
/** A bigint. */
export const le64 = new Integer64Layout('le64');

/** Big-endian. */
export const be16 = new IntegerLayout('be16', 2, BIG);
export const be32 = new IntegerLayout('be32', 4, BIG);
/** A bigint. */
export const be64 = new Integer64Layout('be64', BIG);

/** Signed and big-endian. */
export const sbe16 = new IntegerLayout('sbe16', 2, SIGNED_BIG);
export const sbe32 = new IntegerLayout('sbe32', 4, SIGNED_BIG);
/** A bigint. */
export const sbe64 = new Integer64Layout('sbe64', SIGNED_BIG);

/** A byte that is 0 or 1. */
export const bool = new BoolLayout();
