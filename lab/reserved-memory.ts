import { PAGE_SIZE } from '../base/address';
import { LabError } from '../base/errors';
import type { ReservedMemory } from '../firmware';
import type { MemoryBank, ReservedMemoryOption } from './machine-options';

interface Range {
  readonly base: number;
  readonly size: number;
}

/** The highest place in a bank that meets nothing taken; undefined if there is none. */
const highestIn = (bank: Range, size: number, taken: readonly Range[]): number | undefined => {
  let base = bank.base + bank.size - size;
  while (base >= bank.base) {
    const obstacle = taken.find((range) => range.base < base + size && base < range.base + range.size);
    if (obstacle === undefined) return base;
    base = Math.floor((obstacle.base - size) / PAGE_SIZE) * PAGE_SIZE;
  }
  return undefined;
};

const findPlace = ({ label, size }: ReservedMemoryOption, banks: readonly Range[], taken: readonly Range[]): number => {
  for (const bank of banks) {
    const base = highestIn(bank, size, taken);
    if (base !== undefined) return base;
  }
  throw new LabError(`no bank of memory has ${size} bytes left for reserved memory '${label}'`, {
    what: 'reservedMemory',
  });
};

/**
 * Gives every piece of reserved memory its place: where it asks to be, or as high as possible in the lowest bank with
 * room. A size that is not a number of whole pages is a `LabError`.
 */
export const placeReservedMemory = (
  options: readonly ReservedMemoryOption[],
  memory: readonly MemoryBank[],
): ReservedMemory[] => {
  const banks = memory.toSorted((a, b) => a.base - b.base);
  const taken: Range[] = options.flatMap(({ base, size }) => (base === undefined ? [] : [{ base, size }]));
  return options.map((option) => {
    const { label, size, compatible, noMap = false } = option;
    if (!Number.isSafeInteger(size) || size <= 0 || size % PAGE_SIZE !== 0) {
      throw new LabError(`reserved memory '${label}' has ${size} bytes; it must be whole pages of ${PAGE_SIZE}`, {
        what: 'reservedMemory',
      });
    }
    const base = option.base ?? findPlace(option, banks, taken);
    if (option.base === undefined) taken.push({ base, size });
    const name = label.replaceAll('_', '-');
    return { label, name, base, size, noMap, ...(compatible === undefined ? {} : { compatible: [compatible] }) };
  });
};
