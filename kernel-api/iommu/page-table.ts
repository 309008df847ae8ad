import { physAddr } from '../../base/address';
import { EADDRINUSE, EINVAL, ENOENT, ENOMEM, ERANGE } from '../../base/errno';
import { u64, type U64 } from '../../base/u64';
import type { CpuPort } from '../../emulator/cpu-port';
import { __GFP_ZERO, GFP_ATOMIC, type Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { IOMMU_READ, IOMMU_WRITE } from './iommu-domain';
import type { IotlbGather } from './iotlb-gather';
import { LeafEntries } from './leaf-entries';
import { PageRuns } from './page-runs';
import { LEVEL_PAGES, leafBits, leafHighBits, type PageTableFormat } from './page-table-format';
import { NAPOT_PAGES, PPN_LIMIT, PTE_HIGH_N, PTE_V, pteHigh, pteIsLeaf, pteLow, ptePpn, TABLE_ENTRIES } from './pte';

const PAGE = 4096;
const ENTRY = 8;
/** Of an index: the entry of its leaf table. Bitwise operators keep the low bits of any page number. */
const SLOT_MASK = TABLE_ENTRIES - 1;
/** No leaf table is remembered. */
const NO_REGION = -1;
/** Page numbers of 64-bit addresses end here. */
const PAGE_NUMBERS = 2 ** 52;

/**
 * First-stage page tables in RAM, as drivers/iommu/generic_pt builds them.
 *
 * Everything is in page numbers. The table of the last mapped or unmapped page is remembered, so that page after page
 * costs one load and one store; a walk from the root happens once per 2 MiB. No bigint, no allocation.
 */
export class PageTable {
  readonly format: PageTableFormat;
  /** Page frame of the root table. */
  readonly rootPfn: number;
  /** How many tables there are, the root included. */
  get tableCount(): number {
    return this.tables.size;
  }
  /** Page numbers from here on up to the mirror of this are outside the address space. */
  readonly lowerHalfEnd: number;
  private readonly kernel: Kernel;
  private readonly cpu: CpuPort;
  private readonly tables = new Set<number>();
  private readonly entry: U64 = u64();
  private readonly leaves: LeafEntries;
  private readonly single = new PageRuns(1);
  private readonly span: number;
  private readonly top: number;
  /** The 2 MiB region whose leaf table is remembered, and the physical address of that table. */
  private region = NO_REGION;
  private regionTable = 0;
  /** The protection of the last mapping, and what it makes of leaves. */
  private prot = -1;
  private bits = 0;
  private high = 0;
  /** Pages that the running `map` has got through. */
  private mapped = 0;
  /** Whether the running `unmap` met something that is not mapped. */
  private stopped = false;

  private constructor(kernel: Kernel, format: PageTableFormat, rootPfn: number) {
    this.kernel = kernel;
    this.cpu = kernel.cpu;
    this.leaves = new LeafEntries(kernel.cpu);
    this.format = format;
    this.rootPfn = rootPfn;
    this.top = format.levels - 1;
    this.span = LEVEL_PAGES[format.levels]!;
    this.lowerHalfEnd = this.span / 2;
    this.tables.add(rootPfn);
  }

  /** An empty table; `-ENOMEM`. */
  static create(kernel: Kernel, format: PageTableFormat, gfp: Gfp): PageTable | number {
    const rootPfn = kernel.mm.allocPfn(gfp | __GFP_ZERO, 0);
    return rootPfn < 0 ? -ENOMEM : new PageTable(kernel, format, rootPfn);
  }

  /** Frees all tables. The IOMMU must not know them any more. */
  destroy(): void {
    for (const pfn of this.tables) this.kernel.mm.freePfn(pfn, 0);
    this.tables.clear();
    this.region = NO_REGION;
  }

  /** Frees the tables that an unmapping took out, once the IOMMU has forgotten them. */
  freeGathered(gather: IotlbGather): void {
    for (const pfn of gather.freelist) this.kernel.mm.freePfn(pfn, 0);
    gather.freelist.length = 0;
  }

  /**
   * A page number as an index into the tables, -1 outside the address space. Addresses are sign-extended: the upper
   * half lies at the end of the 64-bit space.
   */
  private indexOf(page: number, count: number): number {
    if (page + count <= this.lowerHalfEnd) return page;
    const upper = PAGE_NUMBERS - this.lowerHalfEnd;
    return page >= upper && page + count <= PAGE_NUMBERS ? page - (PAGE_NUMBERS - this.span) : -1;
  }

  /**
   * Maps `count` pages with the largest leaves that alignment and length allow.
   * Stops at the first problem; `lastMapped` tells how far it came. Empty tables in the way of a large leaf go to
   * `gather`, to be invalidated.
   * @returns 0, `-EINVAL` (no pages, neither read nor write), `-EOPNOTSUPP`, `-ERANGE`, `-EADDRINUSE`, `-ENOMEM`.
   */
  map(
    iovaPage: number,
    physPage: number,
    count: number,
    prot: number,
    gather: IotlbGather,
    gfp: Gfp = GFP_ATOMIC,
  ): number {
    this.mapped = 0;
    if ((prot & (IOMMU_READ | IOMMU_WRITE)) === 0 || count <= 0) return -EINVAL;
    if (physPage + count > PPN_LIMIT) return -ERANGE;
    if (prot !== this.prot) this.prepare(prot);
    if (this.bits < 0) return this.bits;
    const index = this.indexOf(iovaPage, count);
    if (index < 0) return -ERANGE;
    if (count === 1) return this.mapOne(index, physPage, gfp);
    return this.mapAll(index, this.single.setOnly(physPage, count), count, gather, gfp);
  }

  /** `map` of runs of pages, one after the other in I/O address space. Errors as there. */
  mapRuns(iovaPage: number, runs: PageRuns, prot: number, gather: IotlbGather, gfp: Gfp = GFP_ATOMIC): number {
    this.mapped = 0;
    const count = countPages(runs);
    if ((prot & (IOMMU_READ | IOMMU_WRITE)) === 0 || count === 0) return -EINVAL;
    if (count < 0) return count;
    if (prot !== this.prot) this.prepare(prot);
    if (this.bits < 0) return this.bits;
    const index = this.indexOf(iovaPage, count);
    return index < 0 ? -ERANGE : this.mapAll(index, runs, count, gather, gfp);
  }

  /** Maps table by table, with large leaves where they fit. */
  private mapAll(index: number, runs: PageRuns, count: number, gather: IotlbGather, gfp: Gfp): number {
    this.leaves.begin(runs);
    while (this.mapped < count) {
      const error = this.mapSome(index + this.mapped, count - this.mapped, gather, gfp);
      if (error < 0) return error;
    }
    return 0;
  }

  private prepare(prot: number): void {
    this.prot = prot;
    this.bits = leafBits(prot);
    this.high = leafHighBits(this.format, prot);
  }

  /** The shortest way: one page, most often in the table of the page before. */
  private mapOne(index: number, physPage: number, gfp: Gfp): number {
    const { cpu, entry } = this;
    const table = this.leafTable(index, gfp);
    if (table < 0) return table;
    const at = physAddr(table + (index & SLOT_MASK) * ENTRY);
    cpu.load64(at, entry);
    if ((entry.lo & PTE_V) !== 0) return -EADDRINUSE;
    cpu.store64(at, pteLow(physPage, this.bits), pteHigh(physPage, this.high));
    this.mapped = 1;
    return 0;
  }

  /** How many pages the last `map` mapped, whether it succeeded or not. */
  get lastMapped(): number {
    return this.mapped;
  }

  /** Maps up to the end of a leaf table, or one large leaf. */
  private mapSome(index: number, count: number, gather: IotlbGather, gfp: Gfp): number {
    const { leaves } = this;
    const slot = index & SLOT_MASK;
    if (slot === 0 && leaves.left >= TABLE_ENTRIES && (leaves.nextPage & SLOT_MASK) === 0) {
      return this.mapLarge(index, gather, gfp);
    }
    const table = this.leafTable(index, gfp);
    if (table < 0) return table;
    const room = TABLE_ENTRIES - slot;
    this.mapped += leaves.fill(table, slot, count < room ? count : room, this.bits, this.high);
    return leaves.blocked ? -EADDRINUSE : 0;
  }

  private mapLarge(index: number, gather: IotlbGather, gfp: Gfp): number {
    const { leaves } = this;
    const ppn = leaves.nextPage;
    let level = 1;
    while (level < this.top && this.fits(level + 1, index, ppn, leaves.left)) level++;
    const table = this.tableAt(level, index, gfp);
    if (table < 0) return table;
    const pages = LEVEL_PAGES[level]!;
    const at = physAddr(table + (Math.floor(index / pages) % TABLE_ENTRIES) * ENTRY);
    const error = this.clearWay(at, level, index, gather);
    if (error < 0) return error;
    this.cpu.store64(at, pteLow(ppn, this.bits), pteHigh(ppn, this.high));
    this.mapped += pages;
    leaves.skip(pages);
    return 0;
  }

  private fits(level: number, index: number, physPage: number, count: number): boolean {
    const pages = LEVEL_PAGES[level]!;
    return count >= pages && index % pages === 0 && physPage % pages === 0 && pages < this.lowerHalfEnd;
  }

  /** Makes room for a large leaf: empty, or a table with nothing mapped in it, which then goes. */
  private clearWay(at: number, level: number, index: number, gather: IotlbGather): number {
    const { cpu, entry } = this;
    cpu.load64(physAddr(at), entry);
    if ((entry.lo & PTE_V) === 0) return 0;
    if (pteIsLeaf(entry.lo)) return -EADDRINUSE;
    const pfn = ptePpn(entry.lo, entry.hi);
    if (!this.isEmpty(pfn, level - 1)) return -EADDRINUSE;
    cpu.store64(physAddr(at), 0, 0);
    this.dropTables(pfn, level, gather);
    const pages = LEVEL_PAGES[level]!;
    gather.addRange(this.pageOfIndex(index), pages);
    return 0;
  }

  private isEmpty(pfn: number, level: number): boolean {
    for (let slot = 0; slot < TABLE_ENTRIES; slot++) {
      this.cpu.load64(physAddr(pfn * PAGE + slot * ENTRY), this.entry);
      const { lo, hi } = this.entry;
      if ((lo & PTE_V) === 0) continue;
      if (level === 0 || pteIsLeaf(lo) || !this.isEmpty(ptePpn(lo, hi), level - 1)) return false;
    }
    return true;
  }

  /** Gathers a table that an entry of `level` pointed to, and all that hang on it. */
  private dropTables(pfn: number, level: number, gather: IotlbGather): void {
    for (let slot = 0; level > 1 && slot < TABLE_ENTRIES; slot++) {
      this.cpu.load64(physAddr(pfn * PAGE + slot * ENTRY), this.entry);
      const { lo, hi } = this.entry;
      if ((lo & PTE_V) !== 0) this.dropTables(ptePpn(lo, hi), level - 1, gather);
    }
    this.dropTable(pfn, level, gather);
  }

  private dropTable(pfn: number, level: number, gather: IotlbGather): void {
    if (this.tables.delete(pfn)) gather.freelist.push(pfn);
    gather.tableLevels |= 1 << level;
    this.region = NO_REGION;
  }

  /** The opposite of `indexOf`. */
  private pageOfIndex(index: number): number {
    return index < this.lowerHalfEnd ? index : index + (PAGE_NUMBERS - this.span);
  }

  /** Physical address of the leaf table over an index, made if need be; or an errno. */
  private leafTable(index: number, gfp: Gfp): number {
    const region = Math.floor(index / TABLE_ENTRIES);
    if (region === this.region) return this.regionTable;
    const table = this.tableAt(0, index, gfp);
    if (table < 0) return table;
    this.region = region;
    this.regionTable = table;
    return table;
  }

  /** Physical address of the table of `level` over an index, made if need be; or an errno. */
  private tableAt(level: number, index: number, gfp: Gfp): number {
    const { cpu, entry } = this;
    let table = this.rootPfn * PAGE;
    for (let above = this.top; above > level; above--) {
      const at = physAddr(table + (Math.floor(index / LEVEL_PAGES[above]!) % TABLE_ENTRIES) * ENTRY);
      cpu.load64(at, entry);
      if ((entry.lo & PTE_V) === 0) {
        const pfn = this.kernel.mm.allocPfn(gfp | __GFP_ZERO, 0);
        if (pfn < 0) return -ENOMEM;
        this.tables.add(pfn);
        cpu.store64(at, pteLow(pfn, PTE_V), pteHigh(pfn, 0));
        table = pfn * PAGE;
      } else if (pteIsLeaf(entry.lo)) {
        return -EADDRINUSE;
      } else {
        table = ptePpn(entry.lo, entry.hi) * PAGE;
      }
    }
    return table;
  }

  /**
   * Takes pages out, from the first on until one is not mapped. A leaf whose first page is in the range goes whole; a
   * range that starts inside a leaf stops right there. A table that the range covers entirely goes to `gather`.
   * @returns how many pages were taken out.
   */
  unmap(iovaPage: number, count: number, gather: IotlbGather): number {
    if (count <= 0) return 0;
    const index = this.indexOf(iovaPage, count);
    if (index < 0) return 0;
    this.stopped = false;
    const slot = index & SLOT_MASK;
    const nearby = slot + count <= TABLE_ENTRIES && count < TABLE_ENTRIES;
    const unmapped =
      nearby && Math.floor(index / TABLE_ENTRIES) === this.region
        ? this.unmapLeaves(this.regionTable, slot, slot + count, gather)
        : this.unmapIn(this.top, this.rootPfn * PAGE, index, index + count, gather);
    gather.addRange(iovaPage, unmapped);
    return unmapped;
  }

  /** Unmaps `start` up to `end` (indices) in a table of `level`. */
  private unmapIn(level: number, table: number, start: number, end: number, gather: IotlbGather): number {
    if (level === 0) return this.unmapLast(table, start, end, gather);
    const { cpu, entry } = this;
    const pages = LEVEL_PAGES[level]!;
    let unmapped = 0;
    for (let at = start; at < end && !this.stopped;) {
      const within = at % pages;
      const slotStart = at - within;
      const slotEnd = slotStart + pages;
      const address = physAddr(table + (Math.floor(at / pages) % TABLE_ENTRIES) * ENTRY);
      cpu.load64(address, entry);
      if ((entry.lo & PTE_V) === 0 || (pteIsLeaf(entry.lo) && within !== 0)) {
        this.stopped = true;
      } else if (pteIsLeaf(entry.lo)) {
        cpu.store64(address, 0, 0);
        gather.leafLevels |= 1 << level;
        unmapped += pages;
      } else {
        const pfn = ptePpn(entry.lo, entry.hi);
        unmapped += this.unmapIn(level - 1, pfn * PAGE, at, slotEnd < end ? slotEnd : end, gather);
        if (!this.stopped && within === 0 && slotEnd <= end) {
          cpu.store64(address, 0, 0);
          this.dropTable(pfn, level, gather);
        }
      }
      at = slotEnd;
    }
    return unmapped;
  }

  private unmapLast(table: number, start: number, end: number, gather: IotlbGather): number {
    const slot = start & SLOT_MASK;
    this.region = Math.floor(start / TABLE_ENTRIES);
    this.regionTable = table;
    return this.unmapLeaves(table, slot, slot + (end - start), gather);
  }

  private unmapLeaves(table: number, start: number, end: number, gather: IotlbGather): number {
    const { leaves } = this;
    const cleared = leaves.clear(table, start, end - start);
    this.stopped = leaves.blocked;
    if (cleared > 0) gather.leafLevels |= 1;
    return cleared;
  }

  /** The physical page behind a page; `-ENOENT`, or `-ERANGE` outside the address space. */
  lookup(iovaPage: number): number {
    const index = this.indexOf(iovaPage, 1);
    if (index < 0) return -ERANGE;
    const { cpu, entry } = this;
    let table = this.rootPfn * PAGE;
    for (let level = this.top; level >= 0; level--) {
      const pages = LEVEL_PAGES[level]!;
      cpu.load64(physAddr(table + (Math.floor(index / pages) % TABLE_ENTRIES) * ENTRY), entry);
      if ((entry.lo & PTE_V) === 0) return -ENOENT;
      const ppn = ptePpn(entry.lo, entry.hi);
      if (entry.hi >= PTE_HIGH_N) return ppn - (ppn % NAPOT_PAGES) + (index % NAPOT_PAGES);
      if (level === 0 || pteIsLeaf(entry.lo)) return ppn + (index % pages);
      table = ppn * PAGE;
    }
    return -ENOENT;
  }
}

/** The pages in all runs; `-ERANGE` if one goes beyond what an entry can point to. */
const countPages = ({ start, pages, count }: PageRuns): number => {
  let total = 0;
  for (let run = 0; run < count; run++) {
    if (start[run]! + pages[run]! > PPN_LIMIT) return -ERANGE;
    total += pages[run]!;
  }
  return total;
};
