/**
 * Reading and writing property values ("Property Values" of the Devicetree Specification).
 *
 * Readers return `undefined` for a value of the wrong shape: whether that is an errno, a warning or a `LabError` is for
 * the reader's caller to say. Writers get their arguments from the lab and throw a `LabError`.
 */
import { LabError } from '../errors';
import type { U64 } from '../u64';
import { highHalf, lowHalf, u64ToNumber } from '../u64';

const CELL_LIMIT = 0x1_0000_0000;

const put32 = (into: Uint8Array, at: number, value: number): void => {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
};

/** 32-bit cells. @param values integers from 0 to 2^32 - 1. */
export const cells = (...values: number[]): Uint8Array => {
  const value = new Uint8Array(values.length * 4);
  values.forEach((cell, i) => {
    if (!Number.isInteger(cell) || cell < 0 || cell >= CELL_LIMIT) {
      throw new LabError(`A device tree cell holds an integer from 0 to 2^32 - 1, not ${cell}.`);
    }
    put32(value, i * 4, cell);
  });
  return value;
};

/** 64-bit numbers as two cells each, high half first. @param values integers from 0 to 2^53 - 1. */
export const cells64 = (...values: number[]): Uint8Array => {
  const value = new Uint8Array(values.length * 8);
  values.forEach((number, i) => {
    if (!Number.isSafeInteger(number) || number < 0) {
      throw new LabError(`A device tree address or size is an integer from 0 to 2^53 - 1, not ${number}.`);
    }
    put32(value, i * 8, highHalf(number));
    put32(value, i * 8 + 4, lowHalf(number));
  });
  return value;
};

/** A list of strings, each with its terminator; with one string, a plain string property. ASCII without NUL. */
export const strings = (...texts: string[]): Uint8Array => {
  const value = new Uint8Array(texts.reduce((length, text) => length + text.length + 1, 0));
  let at = 0;
  for (const text of texts) {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 0 || code > 0x7f) throw new LabError(`A device tree string is ASCII without NUL, not "${text}".`);
      value[at++] = code;
    }
    at++;
  }
  return value;
};

/** The cell at an index, or undefined past the end. */
export const readCell = (value: Uint8Array, index: number): number | undefined => {
  const at = index * 4;
  if (index < 0 || at + 4 > value.length) return undefined;
  return ((value[at]! << 24) | (value[at + 1]! << 16) | (value[at + 2]! << 8) | value[at + 3]!) >>> 0;
};

/** All cells, or undefined if the value is no whole number of them. */
export const readCells = (value: Uint8Array): number[] | undefined => {
  if (value.length % 4 !== 0) return undefined;
  return Array.from({ length: value.length / 4 }, (_, i) => readCell(value, i)!);
};

/** Reads two cells into halves; false past the end. */
export const readHalves = (value: Uint8Array, index: number, into: U64): boolean => {
  const hi = readCell(value, index);
  const lo = readCell(value, index + 1);
  if (hi === undefined || lo === undefined) return false;
  into.lo = lo;
  into.hi = hi;
  return true;
};

/**
 * The number in `count` cells from an index, as `#address-cells` and `#size-cells` count them; 0 cells are 0.
 * Undefined past the end, and for a number above 2^53 - 1.
 */
export const readNumber = (value: Uint8Array, index: number, count: number): number | undefined => {
  let number = 0;
  for (let i = 0; i < count; i++) {
    const cell = readCell(value, index + i);
    if (cell === undefined || number >= CELL_LIMIT) return undefined;
    number = u64ToNumber(cell, number);
  }
  return Number.isSafeInteger(number) ? number : undefined;
};

/** The strings of a list, byte for character, or undefined if the last has no terminator. An empty value is an empty list. */
export const readStrings = (value: Uint8Array): string[] | undefined => {
  const texts: string[] = [];
  let text = '';
  for (const byte of value) {
    if (byte === 0) {
      texts.push(text);
      text = '';
    } else {
      text += String.fromCharCode(byte);
    }
  }
  return value.length > 0 && value[value.length - 1] !== 0 ? undefined : texts;
};

/** The string of a value that holds exactly one. */
export const readString = (value: Uint8Array): string | undefined => {
  const texts = readStrings(value);
  return texts?.length === 1 ? texts[0] : undefined;
};
