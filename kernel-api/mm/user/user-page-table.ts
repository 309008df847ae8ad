import { PAGE_SIZE } from '../../../base/address';
import type { Kernel } from '../../kernel';
import { pfn_to_page } from '../page';
import { putRefs } from './page-refs';

/** A page table entry of a user address. Whether it may be used at all says its mapping (`VM_READ`). */
export interface Pte {
  readonly pfn: number;
  /** Stores go through; else they fault first. */
  writable: boolean;
  /** Accesses go past the cache. */
  readonly uncached: boolean;
  /** No page to count: a raw frame, or the page of zeroes (`pte_special`). */
  readonly special: boolean;
  /** Memory of the process, not of a file (`PageAnon`). */
  readonly anonymous: boolean;
  /** Nobody else maps it, so a store needs no copy (`PageAnonExclusive`). */
  exclusive: boolean;
}

/** The page table of an address space: a plain structure, by virtual page number. The walk is not modelled. */
export class UserPageTable {
  private readonly kernel: Kernel;
  private readonly entries = new Map<number, Pte>();

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** How many pages are mapped. */
  get size(): number {
    return this.entries.size;
  }

  /** The entry for an address. */
  at(address: number): Pte | undefined {
    return this.entries.get(Math.floor(address / PAGE_SIZE));
  }

  /** Sets the entry of an address. An entry that was there is replaced as it is: its reference is the caller's. */
  set(address: number, pte: Pte): void {
    this.entries.set(Math.floor(address / PAGE_SIZE), pte);
  }

  /** Calls `visit` for each page that is mapped in a range, by address. */
  forEach(start: number, end: number, visit: (pte: Pte, address: number) => void): void {
    for (const page of this.pagesIn(start, end)) visit(this.entries.get(page)!, page * PAGE_SIZE);
  }

  private pagesIn(start: number, end: number): number[] {
    const first = Math.floor(start / PAGE_SIZE);
    const last = Math.ceil(end / PAGE_SIZE);
    const found: number[] = [];
    if (last - first <= 2 * this.entries.size) {
      for (let page = first; page < last; page++) if (this.entries.has(page)) found.push(page);
      return found;
    }
    for (const page of this.entries.keys()) if (page >= first && page < last) found.push(page);
    return found.sort((a, b) => a - b);
  }

  /** Unmaps a range and drops the references of its pages (`zap_page_range`). */
  zap(start: number, end: number): void {
    for (const page of this.pagesIn(start, end)) {
      const pte = this.entries.get(page)!;
      this.entries.delete(page);
      if (!pte.special) putRefs(pfn_to_page(this.kernel, pte.pfn), 1);
    }
  }
}
