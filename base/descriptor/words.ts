import { BUS_NO_ADDRESS, BUS_OK, type BusOutcome } from '../bus-outcome';
import { bytesOfWords } from '../u64';
import type { AnyDescriptor } from './any-descriptor';

/**
 * Memory as a device reads it: 32-bit words by page number and offset, with an outcome. A `DevicePort` is one; see
 * `wordsOfBytes` and `wordsOfLoads` for others.
 */
export interface WordReader {
  /** Reads `count` little-endian words into `into` from index `at`. */
  readWords(page: number, offset: number, into: Int32Array, at: number, count: number): BusOutcome;
}

/** Memory with loads that answer a negative outcome where there is nothing, such as a CPU port. */
export interface Loads {
  load32(address: number): number;
}

/** What addresses may be: below 2^64. */
export const ADDRESS_LIMIT = 1n << 64n;

/** Above this an address is no exact number, and no loads reach it. */
const EXACT_PAGES = 2 ** 40;

/** An array of bytes as memory that begins at an address. Everywhere else nothing answers. */
export const wordsOfBytes = (bytes: Uint8Array, base: bigint): WordReader => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    readWords(page, offset, into, at, count) {
      const from = (BigInt(page) << 12n) + BigInt(offset) - base;
      if (from < 0n || from + BigInt(4 * count) > BigInt(bytes.length)) return BUS_NO_ADDRESS;
      for (let i = 0; i < count; i++) into[at + i] = view.getInt32(Number(from) + 4 * i, true);
      return BUS_OK;
    },
  };
};

/** Loads by address as memory: what the CPU sees. */
export const wordsOfLoads = (memory: Loads): WordReader => ({
  readWords(page, offset, into, at, count) {
    if (page >= EXACT_PAGES) return BUS_NO_ADDRESS;
    for (let i = 0; i < count; i++) {
      const word = memory.load32(page * 4096 + offset + 4 * i);
      if (word < 0) return word as BusOutcome;
      into[at + i] = word;
    }
    return BUS_OK;
  },
});

/** Reads bytes by page number and offset, with an outcome. */
export type PeekBytes = (page: number, offset: number, into: Uint8Array, at: number, length: number) => BusOutcome;

/** Memory that is looked at byte by byte. */
export const wordsOfPeeks = (peek: PeekBytes): WordReader => ({
  readWords: (page, offset, into, at, count) => peek(page, offset, bytesOfWords(into), 4 * at, 4 * count),
});

/** Reads the words that contain bytes which begin within one, and moves the bytes into place. */
const readShifted = (
  memory: WordReader,
  { size, lanes: count }: AnyDescriptor,
  start: bigint,
  shift: number,
  lanes: Int32Array,
): BusOutcome => {
  const words = new Int32Array(count + 1);
  const needed = Math.ceil((shift + size) / 4);
  const outcome = memory.readWords(Number(start >> 12n), Number(start & 0xfffn), words, 0, needed);
  if (outcome !== BUS_OK) return outcome;
  const low = 8 * shift;
  for (let i = 0; i < count; i++) lanes[i] = (words[i]! >>> low) | (words[i + 1]! << (32 - low));
  return BUS_OK;
};

/**
 * Reads an entry at any address into lanes, by words of memory: a few bytes around one that is no whole number of words
 * are read with it. Past the end of the address space nothing answers.
 */
export const readEntry = (
  memory: WordReader,
  descriptor: AnyDescriptor,
  address: bigint,
  lanes: Int32Array,
): BusOutcome => {
  const { size, lanes: count } = descriptor;
  if (address < 0n || address + BigInt(size) > ADDRESS_LIMIT) return BUS_NO_ADDRESS;
  const shift = Number(address & 3n);
  const outcome =
    shift === 0
      ? memory.readWords(Number(address >> 12n), Number(address & 0xfffn), lanes, 0, count)
      : readShifted(memory, descriptor, address - BigInt(shift), shift, lanes);
  if (outcome !== BUS_OK) return outcome;
  const past = 8 * (size & 3);
  if (past !== 0) lanes[count - 1]! &= ~(-1 << past);
  return BUS_OK;
};
