import { pageOfHalves } from '../../base/u64';

/** Pages of a 64-bit address space. */
const PAGES = 2 ** 52;
const PAGE = 4096;

/** An I/O address, as page number and offset, that moves along. It never leaves the 64-bit address space silently. */
export class Place {
  page = 0;
  offset = 0;

  set(page: number, offset: number): void {
    this.page = page;
    this.offset = offset;
  }

  /** Takes an address given as halves. */
  setHalves(lo: number, hi: number): void {
    this.page = pageOfHalves(lo, hi);
    this.offset = lo & (PAGE - 1);
  }

  /** `bytes` past another place; at the end of the address space it is beyond all pages. */
  setPast(place: Place, bytes: number): void {
    const total = place.offset + bytes;
    const pages = total < 2 ** 31 ? total >>> 12 : Math.floor(total / PAGE);
    this.page = place.page + pages;
    this.offset = total - pages * PAGE;
  }

  advance(bytes: number): void {
    this.setPast(this, bytes);
  }

  /** Whether `bytes` from here on have addresses. */
  holds(bytes: number): boolean {
    return fits(this.page, this.offset, bytes);
  }

  is(page: number, offset: number): boolean {
    return this.page === page && this.offset === offset;
  }

  get isZero(): boolean {
    return this.page === 0 && this.offset === 0;
  }

  get bigint(): bigint {
    return (BigInt(this.page) << 12n) + BigInt(this.offset);
  }
}

/** Whether bytes at a place have addresses below 2^64. Lengths are far below 2^63. */
export const fits = (page: number, offset: number, bytes: number): boolean =>
  page < PAGES / 2 || page + Math.floor((offset + bytes - 1) / PAGE) < PAGES;
