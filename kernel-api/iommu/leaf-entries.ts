import { physAddr } from '../../base/address';
import { bytesOfWords } from '../../base/u64';
import type { CpuPort } from '../../emulator/cpu-port';
import type { PageRuns } from './page-runs';
import { NAPOT_PAGES, NAPOT_PPN_BITS, PTE_HIGH_N, PTE_V, pteHigh, pteLow, TABLE_ENTRIES } from './pte';

const ENTRY = 8;
const ENTRY_WORDS = 2;

/**
 * A stretch of neighbouring entries of a last-level table: read in one access, looked at and changed here, written in one
 * access. The CPU's stores to memory take no time, so nobody can see less than all of it.
 *
 * It also keeps the place in the runs of pages that are being mapped, since a stretch ends with its table and a run does
 * not.
 */
export class LeafEntries {
  private readonly cpu: CpuPort;
  private readonly words = new Int32Array(TABLE_ENTRIES * ENTRY_WORDS);
  private readonly bytes = bytesOfWords(this.words);
  private runs: PageRuns | null = null;
  private run = 0;
  /** Pages of the run that are mapped already. */
  private used = 0;
  /** Whether the last `fill` or `scan` ended at an entry that it did not expect. */
  blocked = false;

  constructor(cpu: CpuPort) {
    this.cpu = cpu;
  }

  /** Begins to map runs of pages. */
  begin(runs: PageRuns): void {
    this.runs = runs;
    this.run = 0;
    this.used = 0;
  }

  /** The physical page that is mapped next. */
  get nextPage(): number {
    return this.runs!.start[this.run]! + this.used;
  }

  /** How many pages follow on from it. */
  get left(): number {
    return this.runs!.pages[this.run]! - this.used;
  }

  /** Goes past pages of the present run: they have been mapped elsewhere. */
  skip(pages: number): void {
    this.used += pages;
    if (this.used < this.runs!.pages[this.run]!) return;
    this.run++;
    this.used = 0;
  }

  /**
   * Maps the next pages of the runs with the entries of a table from a slot on, as far as these are free.
   * @param count how many pages; the runs have that many left
   * @param bits low bits of the leaves @param high bits of their high halves
   * @returns how many were mapped; fewer than `count` with `blocked` set
   */
  fill(table: number, slot: number, count: number, bits: number, high: number): number {
    const at = physAddr(table + slot * ENTRY);
    this.cpu.readBytes(at, this.bytes, 0, count * ENTRY);
    this.blocked = false;
    let filled = 0;
    while (filled < count && !this.blocked) {
      const pages = Math.min(this.left, count - filled);
      const done =
        pages === 1
          ? this.fillOne(filled, this.nextPage, bits, high)
          : this.fillRun(filled, slot, this.nextPage, pages, bits, high);
      this.skip(done);
      filled += done;
    }
    if (filled > 0) this.cpu.writeBytes(at, this.bytes, 0, filled * ENTRY);
    return filled;
  }

  private fillOne(index: number, ppn: number, bits: number, high: number): number {
    const { words } = this;
    const at = index * ENTRY_WORDS;
    if ((words[at]! & PTE_V) !== 0) {
      this.blocked = true;
      return 0;
    }
    words[at] = (ppn << 10) | bits;
    words[at + 1] = pteHigh(ppn, high);
    return 1;
  }

  /** Contiguous pages, with 64 KiB leaves where alignment and length allow. */
  private fillRun(index: number, slot: number, first: number, pages: number, bits: number, high: number): number {
    let done = 0;
    while (done < pages && !this.blocked) {
      const ppn = first + done;
      const aligned = ((slot + index + done) | ppn) & (NAPOT_PAGES - 1);
      if (aligned === 0 && pages - done >= NAPOT_PAGES) done += this.fillNapot(index + done, ppn, bits, high);
      else done += this.fillOne(index + done, ppn, bits, high);
    }
    return done;
  }

  /** Sixteen entries that are one leaf of 64 KiB (Svnapot). */
  private fillNapot(index: number, ppn: number, bits: number, high: number): number {
    const { words } = this;
    const first = index * ENTRY_WORDS;
    const end = first + NAPOT_PAGES * ENTRY_WORDS;
    for (let at = first; at < end; at += ENTRY_WORDS) if ((words[at]! & PTE_V) !== 0) this.blocked = true;
    if (this.blocked) return 0;
    const lo = pteLow(ppn + NAPOT_PPN_BITS, bits);
    const hi = pteHigh(ppn, (high | PTE_HIGH_N) >>> 0);
    for (let at = first; at < end; at += ENTRY_WORDS) {
      words[at] = lo;
      words[at + 1] = hi;
    }
    return NAPOT_PAGES;
  }

  /**
   * Clears the entries of a table from a slot on, up to the first that is not valid, or that begins inside a 64 KiB
   * leaf. Such a leaf goes whole if its first entry does, so more than `count` may be cleared.
   * @returns how many; with `blocked` set if it ended early
   */
  clear(table: number, slot: number, count: number): number {
    const { cpu, words } = this;
    const at = physAddr(table + slot * ENTRY);
    cpu.readBytes(at, this.bytes, 0, count * ENTRY);
    this.blocked = false;
    let cleared = 0;
    while (cleared < count) {
      // As signed numbers: the sign of the high half is the N bit.
      const napot = words[cleared * ENTRY_WORDS + 1]! < 0;
      const valid = (words[cleared * ENTRY_WORDS]! & PTE_V) !== 0;
      if (!valid || (napot && ((slot + cleared) & (NAPOT_PAGES - 1)) !== 0)) {
        this.blocked = true;
        break;
      }
      cleared += napot ? NAPOT_PAGES : 1;
    }
    if (cleared > 0) cpu.fillBytes(at, 0, cleared * ENTRY);
    return cleared;
  }
}
