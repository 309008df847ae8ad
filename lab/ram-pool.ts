import type { RamBank } from '../emulator/memory/banks';
import type { RamBacking } from '../emulator/memory/backing';
import { Ram } from '../emulator/memory/ram';

/**
 * RAM that one machine after another uses. New memory costs its host milliseconds, and the collection of it as garbage more;
 * what a machine has touched of it is cleared much sooner. The next machine finds nothing of the last one, whatever is still
 * left of that: a `Ram` that was given back has no memory any more.
 *
 * It keeps the memory of one machine: those that run one after another are of one size mostly.
 */
export class RamPool {
  private spare: RamBacking | undefined;

  /** RAM as at power-on. Banks that overlap, are empty, unaligned or out of reach are a `LabError`. */
  take(banks: readonly RamBank[]): Ram {
    const { spare } = this;
    const size = banks.reduce((sum, bank) => sum + bank.size, 0);
    if (spare?.size !== size) return new Ram(banks);
    this.spare = undefined;
    return new Ram(banks, spare);
  }

  /** Takes the memory of a machine that has ended. */
  giveBack(ram: Ram): void {
    this.spare = ram.release() ?? this.spare;
  }
}
