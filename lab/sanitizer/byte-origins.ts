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

/** The origin of each byte of memory. Everything is `KNOWN` at first, and takes no room. */
export class ByteOrigins {
  private readonly pages = new Map<number, Uint8Array>();

  /** Visits the parts of a range, page by page. A page without anything but `KNOWN` comes as undefined. */
  private walk(
    address: number,
    length: number,
    visit: (page: Uint8Array | undefined, start: number, end: number, number: number) => boolean,
  ): void {
    for (let done = 0; done < length;) {
      const here = address + done;
      const number = Math.floor(here / PAGE_SIZE);
      const start = here - number * PAGE_SIZE;
      const end = Math.min(PAGE_SIZE, start + length - done);
      if (!visit(this.pages.get(number), start, end, number)) return;
      done += end - start;
    }
  }

  /** Gives all bytes of a range an origin. */
  fill(address: number, length: number, origin: number): void {
    this.walk(address, length, (page, start, end, number) => {
      const there = page ?? (origin === KNOWN ? undefined : this.make(number));
      there?.fill(origin, start, end);
      return true;
    });
  }

  /** A range is lent to a device that is to write it. */
  lend(address: number, length: number): void {
    this.walk(address, length, (page, start, end) => {
      if (page !== undefined) for (let at = start; at < end; at++) page[at] = LENT[page[at]!]!;
      return true;
    });
  }

  private make(number: number): Uint8Array {
    const page = new Uint8Array(PAGE_SIZE);
    this.pages.set(number, page);
    return page;
  }

  /** How far into a range the first byte of an origin is; -1 if there is none. */
  find(address: number, length: number, origin: number): number {
    let found = -1;
    let before = 0;
    this.walk(address, length, (page, start, end) => {
      const at = page?.indexOf(origin, start) ?? -1;
      if (at >= 0 && at < end) found = before + at - start;
      before += end - start;
      return found < 0;
    });
    return found;
  }
}
