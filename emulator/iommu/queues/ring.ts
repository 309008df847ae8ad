import { PAGE_SIZE } from '../../../base/address';
import type { Register } from '../../registers/register';
import { ppnInBits53To10 } from '../spec/device-context';

/** Where a queue of 2 to 2^32 entries lies in memory, and how its indices go round: the view of `cqb` or `fqb` ("In-memory queue interface"). */
export class Ring {
  private readonly base: Register;
  private readonly entrySize: number;

  constructor(base: Register, entrySize: number) {
    this.base = base;
    this.entrySize = entrySize;
  }

  /** The largest index. */
  private get mask(): number {
    return 0xffff_ffff >>> (31 - (this.base.lo & 0x1f));
  }

  /** The byte address of an entry. */
  addressOf(index: number): number {
    return ppnInBits53To10(this.base.lo, this.base.hi) * PAGE_SIZE + index * this.entrySize;
  }

  /** The index after this one. */
  after(index: number): number {
    return ((index + 1) & this.mask) >>> 0;
  }
}
