import { PAGE_SIZE } from '../../base/address';
import { BUS_OK, BUS_POISONED, type BusOutcome } from '../../base/bus-outcome';
import { u64 } from '../../base/u64';
import type { PhysicalBus } from '../bus/physical-bus';
import { ACCESS_EXECUTE, ACCESS_WRITE, type AccessKind } from '../bus/translator';
import type { DeviceContext } from './caches/context-cache';
import { ALLOWS_EXECUTE, ALLOWS_READ, ALLOWS_WRITE, GLOBAL, withOrder, WRITABLE_NOT_DIRTY } from './caches/iotlb';
import type { IommuCapabilities } from './options';
import {
  CAUSE_INSTRUCTION_ACCESS_FAULT,
  CAUSE_INSTRUCTION_PAGE_FAULT,
  CAUSE_PT_CORRUPTED,
  CAUSE_READ_ACCESS_FAULT,
  CAUSE_READ_PAGE_FAULT,
  CAUSE_WRITE_ACCESS_FAULT,
  CAUSE_WRITE_PAGE_FAULT,
} from './spec/fault';
import {
  canonicalHalf,
  IOVA_PAGE_BITS,
  NAPOT_ORDER,
  NAPOT_PPN_64K,
  NAPOT_PPN_MASK,
  PTE_A,
  PTE_D,
  PTE_G,
  PTE_HI_N,
  PTE_HI_PBMT,
  PTE_HI_RESERVED,
  PTE_HI_RSW60T59,
  PTE_R,
  PTE_U,
  PTE_V,
  PTE_W,
  PTE_X,
  VPN_BITS,
} from './spec/page-table';

/** The PTE bit that an access of each kind needs. */
const NEEDED = [PTE_R, PTE_W, PTE_X] as const;
/** Bits that tell a pointer to the next table: V is set, and the others, which make a leaf or are reserved, are not. */
const POINTER_BITS = PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D;
/** Those, and G, which a leaf inherits: the usual walk takes no notice of it. */
const PLAIN_POINTER_BITS = POINTER_BITS | PTE_G;
/** Local, because V8 takes constants of other modules for variables. */
const VALID = PTE_V;
/** Bits of the high half that hold the upper part of the page number. */
const PPN_HI = 0x3f_ffff;
/** Those of them that a page number of 31 bits needs. */
const PLAIN_HI = 0x1ff;
const PLAIN_PAGES = 2 ** 31;

/** What a PTE needs so that an access of each kind is plainly allowed, with nothing more to look at. */
const PLAIN = [
  PTE_V | PTE_U | PTE_A | PTE_R,
  PTE_V | PTE_U | PTE_A | PTE_D | PTE_R | PTE_W,
  PTE_V | PTE_U | PTE_A | PTE_R | PTE_X,
] as const;
/** The first of them: what a translation needs to be worth taking along. */
const PLAIN_READ = PTE_V | PTE_U | PTE_A | PTE_R;
/** PTEs in a line of memory, of 64 bytes. */
export const LINE_PAGES = 8;
/** Pages of the I/O virtual address space: 64-bit addresses. */
const IOVA_PAGES = 2 ** IOVA_PAGE_BITS;

/** The page fault of an access. */
export const pageFaultOf = (kind: AccessKind): number => {
  if (kind === ACCESS_WRITE) return CAUSE_WRITE_PAGE_FAULT;
  return kind === ACCESS_EXECUTE ? CAUSE_INSTRUCTION_PAGE_FAULT : CAUSE_READ_PAGE_FAULT;
};

const accessFaultOf = (kind: AccessKind): number => {
  if (kind === ACCESS_WRITE) return CAUSE_WRITE_ACCESS_FAULT;
  return kind === ACCESS_EXECUTE ? CAUSE_INSTRUCTION_ACCESS_FAULT : CAUSE_READ_ACCESS_FAULT;
};

/** As much of the bus as page tables need. */
export type TableBus = Pick<PhysicalBus, 'load64' | 'store64' | 'descend' | 'entryLow' | 'entryHigh'>;

/**
 * Walks first-stage page tables in memory: the address translation process of the Privileged specification for a
 * transaction without `process_id`, which has user privilege, so a leaf must have U set.
 *
 * Hot: no allocation, no bigint; page numbers are doubles.
 */
export class FirstStageWalker {
  /** Of the walk that just succeeded: marks for the IOTLB, with the size of the leaf. */
  marks = 0;
  /** Of the last walk: how many PTEs it read. */
  reads = 0;
  /** Of the walk that just succeeded: where its leaf is, for `neighbour`; -1 if there was more to the walk. */
  private leafAt = -1;
  private readonly bus: TableBus;
  private readonly pageLimit: number;
  /** Like `pageLimit`, for the usual walk. */
  private readonly plainLimit: number;
  /** Bits of the high half that are reserved in every PTE. */
  private readonly reserved: number;
  /** Those, and N. */
  private readonly special: number;
  /** Bits of the high half that a pointer to a table within the physical address space has clear. */
  private readonly clearInPointer: number;
  private readonly pte = u64();
  private readonly canonicalHalves = new Float64Array(6);

  constructor(bus: TableBus, capabilities: IommuCapabilities) {
    const { physicalAddressBits, softwareBits } = capabilities;
    this.bus = bus;
    this.pageLimit = 2 ** (physicalAddressBits - 12);
    this.plainLimit = Math.min(this.pageLimit, PLAIN_PAGES);
    this.reserved = PTE_HI_PBMT | PTE_HI_RESERVED | (softwareBits ? 0 : PTE_HI_RSW60T59);
    this.special = this.reserved | PTE_HI_N;
    this.clearInPointer = this.special | (PPN_HI - (2 ** (physicalAddressBits - 34) - 1));
    for (let levels = 3; levels <= 5; levels++) this.canonicalHalves[levels] = canonicalHalf(levels);
  }

  /**
   * @param context has a first stage that is not Bare
   * @returns the physical page number, or the cause of the fault, negated
   */
  walk(context: DeviceContext, page: number, kind: AccessKind): number {
    const frame = this.walkPlainly(context, page, kind);
    return frame >= 0 ? frame : this.walkAnyhow(context, page, kind);
  }

  /**
   * The usual walk, in 32-bit integers: the lower half of the addresses, tables and pages with numbers of 31 bits, a
   * leaf of 4 KiB that plainly allows the access. Returns -1, and has done nothing, where there is more to it.
   */
  private walkPlainly(context: DeviceContext, page: number, kind: AccessKind): number {
    const { root, levels } = context;
    if (page >= this.canonicalHalves[levels]! || root >= this.plainLimit) return -1;
    const { bus } = this;
    const at = bus.descend(root, levels, page, PLAIN_POINTER_BITS, VALID, this.clearInPointer | ~PLAIN_HI);
    if (at < 0) return -1;
    const low = bus.entryLow(at);
    const high = bus.entryHigh(at);
    const required = PLAIN[kind];
    if ((low & required) !== required || (high & ~PLAIN_HI) !== 0) return -1;
    this.reads = levels;
    this.marks = MARKS_OF[low & 0xff]!;
    this.leafAt = at;
    return (high << 22) | (low >>> 10);
  }

  /**
   * The translation of another page of the eight whose PTEs came with the walk that just succeeded, in the same line of
   * memory: its physical page number, and in `marks` the rest. -1 if its PTE does not plainly allow a read.
   *
   * @param index which of the eight, 0 to 7
   */
  neighbour(index: number): number {
    const { bus, leafAt } = this;
    if (leafAt < 0) return -1;
    const at = (leafAt & ~(2 * LINE_PAGES - 1)) + 2 * index;
    const low = bus.entryLow(at);
    const high = bus.entryHigh(at);
    if ((low & PLAIN_READ) !== PLAIN_READ || (high & ~PLAIN_HI) !== 0) return -1;
    this.marks = MARKS_OF[low & 0xff]!;
    return (high << 22) | (low >>> 10);
  }

  /** Any walk, without the quick way. See `walk`. */
  walkAnyhow(context: DeviceContext, page: number, kind: AccessKind): number {
    this.leafAt = -1;
    this.reads = 0;
    const { root, levels } = context;
    const half = this.canonicalHalves[levels]!;
    if (page >= half && page < IOVA_PAGES - half) return -pageFaultOf(kind);
    if (root >= this.pageLimit) return -accessFaultOf(kind);
    const { bus, pte, clearInPointer } = this;
    let table = root;
    let level = levels - 1;
    let seen = 0;
    for (;;) {
      const outcome = bus.load64(table * PAGE_SIZE + indexOf(page, level) * 8, pte);
      this.reads++;
      if (outcome !== BUS_OK) return outcome === BUS_POISONED ? -CAUSE_PT_CORRUPTED : -accessFaultOf(kind);
      const low = pte.lo | 0;
      const high = pte.hi | 0;
      seen |= low;
      if ((low & POINTER_BITS) !== PTE_V || (high & clearInPointer) !== 0 || level === 0) break;
      table = (high & PPN_HI) * 0x40_0000 + (low >>> 10);
      level--;
    }
    return this.leaf(context, seen & PTE_G, table, level, page, kind);
  }

  /**
   * What happens at the PTE in `pte`, which does not point to another table: validity, permission, alignment, A and D,
   * in the order of the specification.
   *
   * @param global G of this PTE and of those that led to it
   */
  private leaf(
    context: DeviceContext,
    global: number,
    table: number,
    level: number,
    page: number,
    kind: AccessKind,
  ): number {
    const low = this.pte.lo | 0;
    const high = this.pte.hi | 0;
    const required = PTE_V | PTE_U | NEEDED[kind];
    if ((low & required) !== required || (low & (PTE_R | PTE_W)) === PTE_W || (high & this.reserved) !== 0) {
      return this.isPointerTooFar(level) ? -accessFaultOf(kind) : -pageFaultOf(kind);
    }
    const ppn = (high & PPN_HI) * 0x40_0000 + (low >>> 10);
    let order = VPN_BITS * level;
    if (high < 0) {
      if (level !== 0 || (ppn & NAPOT_PPN_MASK) !== NAPOT_PPN_64K) return -pageFaultOf(kind);
      order = NAPOT_ORDER;
    } else if (level !== 0 && ppn % 2 ** order !== 0) {
      return -pageFaultOf(kind);
    }
    const wanted = kind === ACCESS_WRITE ? PTE_A | PTE_D : PTE_A;
    if ((low & wanted) !== wanted) {
      if (!context.updatesAccessedDirty) return -pageFaultOf(kind);
      const outcome = this.setAccessed(table * PAGE_SIZE + indexOf(page, level) * 8, wanted);
      if (outcome !== BUS_OK) return outcome === BUS_POISONED ? -CAUSE_PT_CORRUPTED : -accessFaultOf(kind);
    }
    this.marks = withOrder(MARKS_OF[(low | wanted | global) & 0xff]!, order);
    if (order === 0) return ppn;
    const leafPages = 2 ** order;
    return ppn - (ppn % leafPages) + (page % leafPages);
  }

  /** Whether the PTE is a good pointer, but to a table beyond the physical address space. */
  private isPointerTooFar(level: number): boolean {
    const { lo, hi } = this.pte;
    return level > 0 && (lo & POINTER_BITS) === PTE_V && (hi & this.special) === 0;
  }

  /**
   * Sets A (and D) in the PTE at an address. Nothing can come between the load of the PTE and this store, so the
   * comparison that the specification asks for always succeeds.
   */
  private setAccessed(address: number, bits: number): BusOutcome {
    return this.bus.store64(address, (this.pte.lo | bits) >>> 0, this.pte.hi);
  }
}

/** By level: the reciprocal of how many pages an entry of its tables spans. Multiplying is exact, and quicker than `**`. */
const PER_SPAN = Float64Array.from({ length: 5 }, (_, level) => 2 ** (-VPN_BITS * level));

/** The index into a table of any level, also where it lies beyond the 32 bits that bitwise operators keep. */
const indexOf = (page: number, level: number): number => (page * PER_SPAN[level]!) & 0x1ff;

const marksOf = (low: number): number =>
  ((low & PTE_R) !== 0 ? ALLOWS_READ : 0) |
  ((low & PTE_W) === 0 ? 0 : (low & PTE_D) !== 0 ? ALLOWS_WRITE : WRITABLE_NOT_DIRTY) |
  ((low & PTE_X) !== 0 ? ALLOWS_EXECUTE : 0) |
  ((low & PTE_G) !== 0 ? GLOBAL : 0);

/** The marks of the IOTLB for the low eight bits of a PTE. */
const MARKS_OF = Uint8Array.from({ length: 256 }, (_, low) => marksOf(low));
