import { PAGE_SIZE } from '../../base/address';

/** Where the bytes of memory come from, as far as that matters to a report. */
export const KNOWN = 0;
/** Nobody has written it since it was allocated. */
export const FRESH = 1;
/** The device wrote it in the latest mapping. */
export const DELIVERED = 2;
/** A device wrote it in an earlier mapping, and it was lent to be written again. */
export const OUTDATED = 3;
/** Nobody has written it since it was allocated, and it was lent to be written by a device. */
export const AWAITED = 4;

/** What each becomes when it is lent to a device that is to write it. */
const LENT = new Uint8Array([KNOWN, AWAITED, OUTDATED, OUTDATED, AWAITED]);

/** The origins of a page's bytes, or the one that they all have. */
type Page = Uint8Array | number;

/**
 * The origin of each byte of memory. Everything is `KNOWN` at first, and takes no room; a page whose bytes are all of one
 * origin, as a new one's, takes hardly any.
 */
export class ByteOrigins {
  private readonly pages = new Map<number, Page>();

  /** Visits the parts of a range, page by page. A page of which nothing is stored is `KNOWN`. */
  private walk(
    address: number,
    length: number,
    visit: (page: Page, start: number, end: number, number: number) => boolean,
  ): void {
    for (let done = 0; done < length;) {
      const here = address + done;
      const number = Math.floor(here / PAGE_SIZE);
      const start = here - number * PAGE_SIZE;
      const end = Math.min(PAGE_SIZE, start + length - done);
      if (!visit(this.pages.get(number) ?? KNOWN, start, end, number)) return;
      done += end - start;
    }
  }

  /** Gives all bytes of a range an origin. */
  fill(address: number, length: number, origin: number): void {
    this.walk(address, length, (page, start, end, number) => {
      if (page === origin) return true;
      if (end - start === PAGE_SIZE) this.unify(number, origin);
      else this.spread(page, number).fill(origin, start, end);
      return true;
    });
  }

  /** A range is lent to a device that is to write it. */
  lend(address: number, length: number): void {
    this.walk(address, length, (page, start, end, number) => {
      const isWhole = end - start === PAGE_SIZE;
      if (typeof page === 'number' && (isWhole || LENT[page] === page)) {
        this.unify(number, LENT[page]!);
        return true;
      }
      const bytes = this.spread(page, number);
      for (let at = start; at < end; at++) bytes[at] = LENT[bytes[at]!]!;
      return true;
    });
  }

  private unify(number: number, origin: number): void {
    if (origin === KNOWN) this.pages.delete(number);
    else this.pages.set(number, origin);
  }

  private spread(page: Page, number: number): Uint8Array {
    if (typeof page !== 'number') return page;
    const bytes = new Uint8Array(PAGE_SIZE);
    if (page !== KNOWN) bytes.fill(page);
    this.pages.set(number, bytes);
    return bytes;
  }

  /** How far into a range the first byte of an origin is; -1 if there is none. */
  find(address: number, length: number, origin: number): number {
    let found = -1;
    let before = 0;
    this.walk(address, length, (page, start, end) => {
      const at = firstIn(page, start, end, origin);
      if (at >= 0) found = before + at - start;
      before += end - start;
      return found < 0;
    });
    return found;
  }
}

/** Up to here a loop beats making a view. */
const SHORT = 32;

/** Looks at no byte past the range: most are single loads, on a page of which nothing is ever found. */
const firstIn = (page: Page, start: number, end: number, origin: number): number => {
  if (typeof page === 'number') return page === origin ? start : -1;
  if (end - start > SHORT) {
    const at = page.subarray(start, end).indexOf(origin);
    return at < 0 ? -1 : start + at;
  }
  for (let at = start; at < end; at++) if (page[at] === origin) return at;
  return -1;
};
