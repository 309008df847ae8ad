import { PAGE_SIZE } from '../../base/address';

/** Pages whose flags are kept together. */
const CHUNK_PAGES = 1024;
const PER_PAGE = 1 / PAGE_SIZE;
const PER_CHUNK = 1 / CHUNK_PAGES;

/** Eight flags for each page of physical memory, all clear at first. Takes memory only where some were set. */
export class PageFlags {
  private readonly chunks = new Map<number, Uint8Array>();
  private recentIndex = -1;
  private recent: Uint8Array | undefined;

  private chunkOf(page: number): Uint8Array | undefined {
    const index = Math.floor(page * PER_CHUNK);
    if (index !== this.recentIndex) {
      this.recentIndex = index;
      this.recent = this.chunks.get(index);
    }
    return this.recent;
  }

  /** The flags of a page. */
  get(page: number): number {
    return this.chunkOf(page)?.[page & (CHUNK_PAGES - 1)] ?? 0;
  }

  /** Sets flags of a page. */
  set(page: number, flags: number): void {
    let chunk = this.chunkOf(page);
    if (chunk === undefined) {
      chunk = new Uint8Array(CHUNK_PAGES);
      this.chunks.set(this.recentIndex, chunk);
      this.recent = chunk;
    }
    chunk[page & (CHUNK_PAGES - 1)]! |= flags;
  }

  /** Clears flags of a page. */
  clear(page: number, flags: number): void {
    const chunk = this.chunkOf(page);
    if (chunk !== undefined) chunk[page & (CHUNK_PAGES - 1)]! &= ~flags;
  }

  /** Whether some page of a range has some flag. */
  anyIn(address: number, length: number): boolean {
    const first = Math.floor(address * PER_PAGE);
    const last = Math.floor((address + length - 1) * PER_PAGE);
    for (let page = first; page <= last; page++) if (this.get(page) !== 0) return true;
    return false;
  }
}
