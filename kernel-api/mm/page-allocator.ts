import { PAGE_SIZE, physAddr } from '../../base/address';
import { hex } from '../../base/u64';
import { __GFP_COMP, __GFP_DIRECT_RECLAIM, __GFP_DMA, __GFP_DMA32, __GFP_NOWARN, __GFP_ZERO, type Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { AllocationFailures } from './failures';
import {
  FRAME_COMPOUND,
  FRAME_DIRTY,
  FRAME_HEAD,
  FRAME_LARGE_KMALLOC,
  FRAME_PRESENT,
  FRAME_RESERVED,
  FRAME_SLAB,
  FrameTable,
  MAX_ORDER_NR_PAGES,
  MAX_PAGE_ORDER,
} from './frame-table';
import { memoryFrames, reservedFrames, subtractRanges, type Memblock, type PfnRange } from './memblock';
import { PageHandles } from './page';
import { Zone } from './zone';

/** Below the `zoneDmaLimit` of the memory map. */
export const ZONE_DMA = 0;
/** Below 4 GiB. */
export const ZONE_DMA32 = 1;
/** All the rest. */
export const ZONE_NORMAL = 2;

const ZONES = [ZONE_DMA, ZONE_DMA32, ZONE_NORMAL] as const;
const DMA32_PFN_LIMIT = 0x10_0000;
const SPECIAL = FRAME_SLAB | FRAME_LARGE_KMALLOC;
const ALLOCATED = FRAME_PRESENT | FRAME_HEAD;

/**
 * The page allocator: zones of free blocks over one table of frames (`mm/page_alloc.c`). A request tries the highest zone
 * it allows and then the ones below. Metadata lies outside of RAM; only `__GFP_ZERO` touches the pages.
 */
export class PageAllocator {
  readonly frames: FrameTable;
  readonly handles: PageHandles;
  readonly failures = new AllocationFailures();
  /** Pages handed out and not given back. */
  allocatedPages = 0;
  private readonly kernel: Kernel;
  private readonly zones: readonly Zone[];
  /** The zone of every largest block. */
  private readonly blockZone: Uint8Array;
  /** The highest zone for `__GFP_DMA`: without ZONE_DMA the flag means nothing. */
  private readonly dmaZone: number;

  constructor(kernel: Kernel, memblock: Memblock) {
    const memory = memoryFrames(memblock.memory);
    this.kernel = kernel;
    this.frames = new FrameTable(memory);
    this.handles = new PageHandles(kernel, this.frames);
    const next = new Int32Array(this.frames.size);
    const previous = new Int32Array(this.frames.size);
    this.zones = ZONES.map(() => new Zone(this.frames, next, previous));
    this.dmaZone = memblock.zoneDmaLimit === undefined ? ZONE_NORMAL : ZONE_DMA;
    this.blockZone = this.assignZones(memblock);
    const reserved = reservedFrames(memblock.reserved);
    for (const range of reserved) this.markReserved(memory, range);
    this.giveAll(subtractRanges(memory, reserved));
  }

  private assignZones({ zoneDmaLimit = physAddr(0) }: Memblock): Uint8Array {
    const zoneOf = new Uint8Array(this.frames.size / MAX_ORDER_NR_PAGES);
    for (let block = 0; block < zoneOf.length; block++) {
      const pfn = this.frames.pfnOf(block * MAX_ORDER_NR_PAGES);
      const isDma = (pfn + MAX_ORDER_NR_PAGES) * PAGE_SIZE <= zoneDmaLimit;
      zoneOf[block] = isDma ? ZONE_DMA : pfn < DMA32_PFN_LIMIT ? ZONE_DMA32 : ZONE_NORMAL;
    }
    return zoneOf;
  }

  private markReserved(memory: readonly PfnRange[], range: PfnRange): void {
    for (const run of memory) {
      const first = Math.max(run.first, range.first);
      const end = Math.min(run.end, range.end);
      if (first >= end) continue;
      const frame = this.frames.frameOf(first);
      this.frames.flags.fill(FRAME_PRESENT | FRAME_RESERVED, frame, frame + end - first);
      this.frames.refcount.fill(1, frame, frame + end - first);
    }
  }

  /** Puts free runs onto the lists, the highest first, so that the lowest is handed out first. */
  private giveAll(runs: readonly PfnRange[]): void {
    for (const { first, end } of runs.toReversed()) {
      let pfn = end;
      while (pfn > first) {
        let order = 0;
        while (order < MAX_PAGE_ORDER && pfn % (2 << order) === 0 && pfn - (2 << order) >= first) order++;
        pfn -= 1 << order;
        const frame = this.frames.frameOf(pfn);
        this.zoneOfFrame(frame).buddy.give(frame, order);
      }
    }
  }

  private zoneOfFrame(frame: number): Zone {
    return this.zones[this.blockZone[frame >>> MAX_PAGE_ORDER]!]!;
  }

  /** The zone of a page frame number: one of the `ZONE_*`, or -1 where there is no memory. */
  zoneOfPfn(pfn: number): number {
    return this.frames.hasMemory(pfn) ? this.blockZone[this.frames.frameOf(pfn) >>> MAX_PAGE_ORDER]! : -1;
  }

  /** Free pages of a zone. */
  freePages(zone: number): number {
    return this.zones[zone]?.freePages ?? 0;
  }

  /** Lets every free page merge with its buddy (`drain_all_pages`): single pages wait on a list of their own before. */
  drain(): void {
    for (const zone of this.zones) zone.drain();
  }

  /** The free blocks of a zone and an order, as page frame numbers, in the order in which they will be handed out. */
  freeBlocks(zone: number, order: number): number[] {
    return this.zones[zone]?.buddy.blocks(order).map((frame) => this.frames.pfnOf(frame)) ?? [];
  }

  /** Allocates `1 << order` pages. @returns the first page frame number, or -1 */
  alloc(gfp: Gfp, order: number): number {
    if ((gfp & __GFP_DIRECT_RECLAIM) !== 0) this.kernel.sched.mightSleep('alloc_pages');
    if (this.failures.active && this.failures.hit(PAGE_SIZE * 2 ** order, order, gfp, 'page')) return -1;
    const pfn = this.allocUncounted(gfp, order);
    if (pfn >= 0 && this.kernel.trace.active) this.tell('memory-alloc', pfn, order, (gfp & __GFP_ZERO) !== 0);
    return pfn;
  }

  private tell(type: 'memory-alloc' | 'memory-free', pfn: number, order: number, zeroed: boolean): void {
    const physical = physAddr(pfn * PAGE_SIZE);
    this.kernel.trace.emit({ type, what: 'pages', physical, length: PAGE_SIZE * 2 ** order, zeroed });
  }

  /** Allocates pages as part of a request that other code has made known to the injected failures. */
  allocUncounted(gfp: Gfp, order: number): number {
    const frame = this.allocFrame(gfp, order);
    if (frame < 0) return -1;
    const pfn = this.frames.pfnOf(frame);
    if ((gfp & __GFP_ZERO) !== 0) this.kernel.cpu.fillBytes(physAddr(pfn * PAGE_SIZE), 0, PAGE_SIZE << order);
    return pfn;
  }

  private allocFrame(gfp: Gfp, order: number): number {
    if (!(order >= 0 && order <= MAX_PAGE_ORDER)) {
      if ((gfp & __GFP_NOWARN) === 0) this.kernel.warn('alloc_pages', `order ${order} is above MAX_PAGE_ORDER`);
      return -1;
    }
    let zone = (gfp & __GFP_DMA) !== 0 ? this.dmaZone : (gfp & __GFP_DMA32) !== 0 ? ZONE_DMA32 : ZONE_NORMAL;
    for (; zone >= 0; zone--) {
      const frame = this.zones[zone]!.take(order);
      if (frame < 0) continue;
      this.frames.flags[frame] = (gfp & __GFP_COMP) !== 0 && order > 0 ? ALLOCATED | FRAME_COMPOUND : ALLOCATED;
      this.frames.order[frame] = order;
      this.frames.refcount[frame] = 1;
      this.allocatedPages += 1 << order;
      return frame;
    }
    if ((gfp & __GFP_NOWARN) === 0) this.tellFailure(order);
    return -1;
  }

  private tellFailure(order: number): void {
    this.kernel.log.warn({ order, time: this.kernel.cpu.now }, `page allocation failure: order:${order}`);
  }

  /**
   * Drops a reference to a block and frees it if that was the last one. A free that does not fit what was allocated is
   * a warning and changes nothing.
   */
  free(pfn: number, order: number): void {
    const frame = this.frames.frameOf(pfn);
    const flags = frame < 0 ? 0 : this.frames.flags[frame]!;
    if ((flags & (FRAME_HEAD | SPECIAL)) !== FRAME_HEAD || this.frames.order[frame] !== order) {
      this.badFree(pfn, order);
    } else if (this.frames.refcount[frame]! > 1) {
      this.dropOne(frame, order);
    } else {
      this.release(frame);
    }
  }

  /**
   * `__free_pages` of a page that somebody else still holds: a compound page stays whole; otherwise all but the
   * first page are freed, as only that one is referenced.
   */
  private dropOne(frame: number, order: number): void {
    this.frames.refcount[frame]!--;
    if ((this.frames.flags[frame]! & FRAME_COMPOUND) !== 0) return;
    this.frames.order[frame] = 0;
    this.allocatedPages -= (1 << order) - 1;
    const zone = this.zoneOfFrame(frame);
    for (let half = order - 1; half >= 0; half--) zone.give(frame + (1 << half), half);
  }

  /** Gives an allocated block back to its zone, whatever its reference count. */
  release(frame: number): void {
    const order = this.frames.order[frame]!;
    if (this.kernel.trace.active) this.tell('memory-free', this.frames.pfnOf(frame), order, false);
    this.frames.refcount[frame] = 0;
    this.frames.flags[frame] = FRAME_PRESENT;
    this.allocatedPages -= 1 << order;
    this.zoneOfFrame(frame).give(frame, order);
  }

  /** Gives back a compound page, or the single page that any other block is to `put_page`. */
  releaseFolio(frame: number): void {
    if ((this.frames.flags[frame]! & FRAME_COMPOUND) === 0) this.frames.order[frame] = 0;
    this.release(frame);
  }

  private badFree(pfn: number, order: number): void {
    const where = `page frame ${hex(Math.trunc(pfn) || 0)}`;
    this.kernel.warn('__free_pages', `bad page state: ${where} ${this.describe(pfn, order)}`);
  }

  private describe(pfn: number, order: number): string {
    const frame = this.frames.frameOf(pfn);
    const flags = frame < 0 ? 0 : this.frames.flags[frame]!;
    if ((flags & FRAME_PRESENT) === 0) return 'is no memory';
    if ((flags & FRAME_RESERVED) !== 0) return 'is reserved';
    if ((flags & FRAME_SLAB) !== 0) return 'belongs to a slab';
    if ((flags & FRAME_LARGE_KMALLOC) !== 0) return 'belongs to kmalloc';
    if ((flags & FRAME_HEAD) !== 0) return `was allocated with order ${this.frames.order[frame]!}, not ${order}`;
    return this.frames.headOf(frame) === frame ? 'is already free' : 'is not the first page of its block';
  }

  /** `split_page`: the pages of a block become single pages, each with a reference of its own. */
  split(pfn: number, order: number): void {
    const { frames } = this;
    const frame = frames.frameOf(pfn);
    const flags = frame < 0 ? 0 : frames.flags[frame]! & ~FRAME_DIRTY;
    if (flags !== ALLOCATED || frames.order[frame] !== order) {
      this.kernel.warn('split_page', `page frame ${hex(Math.trunc(pfn) || 0)} is no allocated block of order ${order}`);
      return;
    }
    for (let index = frame; index < frame + (1 << order); index++) {
      frames.flags[index] = ALLOCATED;
      frames.order[index] = 0;
      frames.refcount[index] = 1;
    }
  }
}
