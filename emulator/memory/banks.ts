import { ADDRESS_LIMIT, PAGE_SIZE, physAddr, type PhysAddr } from '../../base/address';
import { LabError } from '../../base/errors';
import { hex } from '../../base/u64';

/** A bank of RAM on the board, in bytes. */
export interface RamBank {
  readonly base: PhysAddr;
  readonly size: number;
}

/** The default board's RAM: a bank below 4 GiB and one above it, so that a 32-bit DMA mask means something. */
export const DEFAULT_BANKS: readonly RamBank[] = [
  { base: physAddr(0x8000_0000), size: 0x400_0000 },
  { base: physAddr(0x1_0000_0000), size: 0x400_0000 },
];

/** What one WebAssembly memory can back. */
const BACKING_LIMIT = 2 ** 32;

/** A stretch of RAM without holes, and where it lies in the backing memory. */
export interface Extent {
  readonly base: number;
  readonly end: number;
  readonly offset: number;
}

const describe = (bank: RamBank, index: number): string =>
  `memory[${index}] (${hex(bank.base)} to ${hex(bank.base + bank.size)})`;

const checkBank = (bank: RamBank, index: number): void => {
  const place = { what: `memory[${index}]` };
  const { base, size } = bank;
  if (!Number.isSafeInteger(base) || !Number.isSafeInteger(size) || base < 0 || size < 0) {
    throw new LabError(`memory[${index}] needs a base and a size that are whole numbers of bytes`, place);
  }
  if (size === 0)
    throw new LabError(`memory[${index}] at ${hex(base)} is empty: give it a size or leave it out`, place);
  if (base % PAGE_SIZE !== 0 || size % PAGE_SIZE !== 0) {
    throw new LabError(`${describe(bank, index)} must start and end on a page boundary (${PAGE_SIZE} bytes)`, place);
  }
  if (base + size > ADDRESS_LIMIT) {
    throw new LabError(`${describe(bank, index)} reaches beyond ${hex(ADDRESS_LIMIT)}, the end of the board`, place);
  }
};

const checkOverlap = (banks: readonly RamBank[], index: number): void => {
  const bank = banks[index]!;
  for (let other = 0; other < index; other++) {
    const earlier = banks[other]!;
    if (bank.base < earlier.base + earlier.size && earlier.base < bank.base + bank.size) {
      const message = `${describe(bank, index)} overlaps ${describe(earlier, other)}: move or shorten one of them`;
      throw new LabError(message, { what: `memory[${index}]` });
    }
  }
};

/** Lays banks out in the backing memory, by ascending address; banks that touch become one extent. Bad ones are a `LabError`. */
export const layOutBanks = (banks: readonly RamBank[]): Extent[] => {
  if (banks.length === 0)
    throw new LabError('the machine has no memory: give it at least one bank', { what: 'memory' });
  banks.forEach((bank, index) => {
    checkBank(bank, index);
    checkOverlap(banks, index);
  });
  const extents: Extent[] = [];
  let offset = 0;
  for (const { base, size } of [...banks].sort((a, b) => a.base - b.base)) {
    const last = extents.at(-1);
    if (last?.end === base) extents[extents.length - 1] = { ...last, end: base + size };
    else extents.push({ base, end: base + size, offset });
    offset += size;
  }
  if (offset > BACKING_LIMIT) {
    throw new LabError(`the memory banks add up to ${hex(offset)} bytes; a machine can have ${hex(BACKING_LIMIT)}`, {
      what: 'memory',
    });
  }
  return extents;
};
