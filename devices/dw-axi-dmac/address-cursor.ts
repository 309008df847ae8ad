import { PAGE_SHIFT, PAGE_SIZE } from '../../base/address';
import { addressHigh, addressLow, pageOfHalves } from '../../base/u64';

/** Pages in a 64-bit address space. */
const PAGES = 2 ** 52;
/** From this page on an access could run over the end of the address space. */
const NEAR_END = PAGES - 0x1000;

/** A 64-bit address that counts, as the page number and offset that a `DevicePort` takes. Wraps at 2^64. */
export class AddressCursor {
  page = 0;
  offset = 0;

  /** Takes the address from its halves. */
  set(lo: number, hi: number): void {
    this.page = pageOfHalves(lo, hi);
    this.offset = lo & (PAGE_SIZE - 1);
  }

  get lo(): number {
    return addressLow(this.page, this.offset);
  }

  get hi(): number {
    return addressHigh(this.page);
  }

  /** Moves on by less than 2^31 bytes. */
  advance(bytes: number): void {
    const offset = this.offset + bytes;
    this.offset = offset & (PAGE_SIZE - 1);
    if (offset >= PAGE_SIZE) {
      const page = this.page + (offset >>> PAGE_SHIFT);
      this.page = page < PAGES ? page : page - PAGES;
    }
  }

  /** How much of `bytes` lies before the end of the address space: a single access must not run over it. */
  within(bytes: number): number {
    if (this.page < NEAR_END) return bytes;
    return Math.min(bytes, (PAGES - this.page) * PAGE_SIZE - this.offset);
  }

  /** Whether the address is a multiple of a power of two of at most a page. */
  isAligned(bytes: number): boolean {
    return (this.offset & (bytes - 1)) === 0;
  }
}
