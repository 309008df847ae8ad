import { ADDRESS_LIMIT } from '../../base/address';
import { LabError } from '../../base/errors';
import { hex } from '../../base/u64';
import type { MmioTarget } from './mmio';

/** A register block at its place on the board. */
export interface MmioMount {
  readonly base: number;
  readonly end: number;
  readonly target: MmioTarget;
}

/** The widest register access; a base aligned to it makes alignment on the bus and in the block the same. */
const BASE_ALIGNMENT = 8;

/** The address map of the register blocks: sorted, found by bisection. */
export class MmioMap {
  private readonly mounts: MmioMount[] = [];

  /** Adds a block. A bad place or one that another block has is a `LabError`. */
  add(base: number, target: MmioTarget): void {
    const mount: MmioMount = { base, end: base + target.size, target };
    const place = { what: target.name };
    if (!Number.isSafeInteger(base) || base < 0 || base % BASE_ALIGNMENT !== 0 || !(target.size > 0)) {
      throw new LabError(`${target.name} needs a size, and a base aligned to ${BASE_ALIGNMENT} bytes`, place);
    }
    if (mount.end > ADDRESS_LIMIT) {
      throw new LabError(
        `${target.name} at ${hex(base)} reaches beyond ${hex(ADDRESS_LIMIT)}, the end of the board`,
        place,
      );
    }
    const other = this.mounts.find((earlier) => base < earlier.end && earlier.base < mount.end);
    if (other !== undefined) {
      const where = `${hex(base)} to ${hex(mount.end)}`;
      const there = `${hex(other.base)} to ${hex(other.end)}`;
      throw new LabError(`${target.name} (${where}) overlaps ${other.target.name} (${there})`, place);
    }
    this.mounts.push(mount);
    this.mounts.sort((a, b) => a.base - b.base);
  }

  /** The block that decodes an address. */
  find(address: number): MmioMount | undefined {
    const { mounts } = this;
    let low = 0;
    let high = mounts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const mount = mounts[middle]!;
      if (address < mount.base) high = middle;
      else if (address >= mount.end) low = middle + 1;
      else return mount;
    }
    return undefined;
  }
}
