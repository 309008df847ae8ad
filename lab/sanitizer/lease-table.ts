import { PAGE_SIZE } from '../../base/address';
import type { DevicePiece, Lease } from './lease';

/** Calls `visit` with each page that a range touches. */
export const eachPage = (page: number, offset: number, length: number, visit: (page: number) => void): void => {
  const first = page + Math.floor(offset / PAGE_SIZE);
  const last = page + Math.floor((offset + Math.max(length, 1) - 1) / PAGE_SIZE);
  for (let each = first; each <= last; each++) visit(each);
};

/** Leases by a page number that they touch. */
export class LeasesByPage {
  private readonly pages = new Map<number, Lease[]>();

  /** The leases that touch a page. */
  on(page: number): readonly Lease[] | undefined {
    return this.pages.get(page);
  }

  add(page: number, lease: Lease): void {
    const there = this.pages.get(page);
    if (there === undefined) this.pages.set(page, [lease]);
    else if (!there.includes(lease)) there.push(lease);
  }

  /** @returns whether no lease is left on the page */
  remove(page: number, lease: Lease): boolean {
    const there = this.pages.get(page);
    const index = there?.indexOf(lease) ?? -1;
    if (there === undefined || index < 0) return there === undefined;
    if (there.length > 1) {
      there.splice(index, 1);
      return false;
    }
    this.pages.delete(page);
    return true;
  }
}

/** A place in a lease. */
export interface LeasePlace {
  readonly lease: Lease;
  /** The byte of the lease. */
  readonly at: number;
  /** Bytes from there to the end of the piece. */
  readonly room: number;
}

/** Where in a piece a device's address lies; -1 if outside. */
export const offsetIn = (piece: DevicePiece, page: number, offset: number): number => {
  const distance = (page - piece.page) * PAGE_SIZE + offset - piece.offset;
  return distance >= 0 && distance < piece.length ? distance : -1;
};

/** Where in a lease a device's address lies; null if outside. */
export const placeIn = (lease: Lease, page: number, offset: number): LeasePlace | null => {
  for (const piece of lease.terms.devicePieces) {
    const distance = offsetIn(piece, page, offset);
    if (distance >= 0) return { lease, at: piece.at + distance, room: piece.length - distance };
  }
  return null;
};
