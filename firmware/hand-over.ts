import { PAGE_SIZE, pageAlign, type PhysAddr, physAddr } from '../base/address';
import { BUS_OK, type BusOutcome, busOutcomeName } from '../base/bus-outcome';
import { LabError } from '../base/errors';
import { DeviceTree, encodeDeviceTree, replaceReservation } from '../base/fdt';
import { hex } from '../base/u64';
import type { BoardDescription, Region } from './board';

/** What the kernel finds in registers when it starts: the RISC-V boot convention (`Documentation/arch/riscv/boot.rst`). */
export interface HandOver {
  /** `a0`: the hart that boots. */
  readonly hartid: number;
  /** `a1`: where the device tree blob lies. */
  readonly dtb: PhysAddr;
}

/** Writes bytes to physical memory. */
export type MemoryWriter = (address: PhysAddr, bytes: Uint8Array) => BusOutcome;

const overlaps = (a: Region, b: Region): boolean => a.base < b.base + b.size && b.base < a.base + a.size;

/** The highest page-aligned place in a bank that touches nothing taken, or undefined. */
const highestPlace = (bank: Region, size: number, taken: readonly Region[]): number | undefined => {
  let base = bank.base + bank.size - size;
  while (base >= bank.base) {
    const place = { base, size };
    const obstacle = taken.find((region) => overlaps(region, place));
    if (obstacle === undefined) return base;
    base = Math.floor((obstacle.base - size) / PAGE_SIZE) * PAGE_SIZE;
  }
  return undefined;
};

const findPlace = (board: BoardDescription, size: number, taken: readonly Region[]): number => {
  for (const bank of board.memory.toSorted((a, b) => a.base - b.base)) {
    const base = highestPlace(bank, size, taken);
    if (base !== undefined) return base;
  }
  throw new LabError(`No memory bank has ${size} free bytes for the device tree blob.`, { what: 'memory' });
};

/**
 * Puts the blob into memory: at the top of the lowest bank that has room beside reserved memory, in pages of its own
 * that the blob itself lists as reserved. The result is for the boot code to pass on.
 */
export const handOver = (tree: DeviceTree, board: BoardDescription, write: MemoryWriter): HandOver => {
  // The length has to be known before the place is.
  const unknown = { address: physAddr(0), size: PAGE_SIZE };
  const blob = encodeDeviceTree(new DeviceTree(tree.root, [...tree.reservations, unknown], tree.bootCpu));
  const size = pageAlign(blob.length);
  const reservations = tree.reservations.map((each) => ({ base: each.address, size: each.size }));
  const dtb = physAddr(findPlace(board, size, [...(board.reservedMemory ?? []), ...reservations]));
  replaceReservation(blob, tree.reservations.length, { address: dtb, size });
  const outcome = write(dtb, blob);
  if (outcome !== BUS_OK) {
    throw new LabError(`The device tree blob could not be written to ${hex(dtb)}: ${busOutcomeName(outcome)}.`, {
      what: 'memory',
    });
  }
  return { hartid: tree.bootCpu, dtb };
};
