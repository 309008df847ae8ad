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

  /** The index a number of entries after this one. */
  after(index: number, count = 1): number {
    return ((index + count) & this.mask) >>> 0;
  }

  /** How many entries there are from one index up to another. */
  distance(from: number, to: number): number {
    return ((to - from) & this.mask) >>> 0;
  }

  /** How many entries from an index on follow one another in one page of memory. */
  neighbours(index: number): number {
    const inPage = PAGE_SIZE / this.entrySize;
    return Math.min(inPage - (index % inPage), this.mask - index + 1);
  }

  /** The number of the page that an entry is in. */
  pageOf(index: number): number {
    return ppnInBits53To10(this.base.lo, this.base.hi) + Math.floor((index * this.entrySize) / PAGE_SIZE);
  }

  /** Where in its page an entry is. */
  offsetOf(index: number): number {
    return (index * this.entrySize) % PAGE_SIZE;
  }
}
