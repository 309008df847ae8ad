import { PAGE_SIZE, physAddr } from '../../base/address';
import { hex } from '../../base/u64';
import { __GFP_COMP, __GFP_DIRECT_RECLAIM, __GFP_DMA, __GFP_DMA32, __GFP_NOWARN, __GFP_ZERO, type Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { FRAME_LARGE_KMALLOC, FRAME_SLAB } from './frame-table';
import {
  KMALLOC_MAX_CACHE_SIZE,
  KMALLOC_MAX_SIZE,
  ARCH_KMALLOC_MINALIGN,
  kmallocIndexTable,
  kmallocSizes,
  minimalSlabOrder,
  slabOrder,
  ZERO_SIZE_PTR,
} from './kmalloc-sizes';
import { PAGE_OFFSET } from './layout';
import { get_order } from './page';
import type { PageAllocator } from './page-allocator';
import { Slab } from './slab';

/** Slabs with free objects that a cache keeps (`min_partial`): only above that is an empty one given back. */
const MIN_PARTIAL = 5;

/** One size of `kmalloc`, in one kind of memory. */
class SlabCache {
  readonly index: number;
  readonly size: number;
  readonly gfp: Gfp;
  /** Slab that objects are taken from while it has room. It is on no list. */
  current: Slab | null = null;
  /** The other slabs that have room. */
  readonly partial: Slab[] = [];

  constructor(index: number, size: number, gfp: Gfp) {
    this.index = index;
    this.size = size;
    this.gfp = gfp;
  }

  list(slab: Slab): void {
    slab.listed = this.partial.length;
    this.partial.push(slab);
  }

  unlist(slab: Slab): void {
    const last = this.partial.pop()!;
    if (last !== slab) {
      this.partial[slab.listed] = last;
      last.listed = slab.listed;
    }
    slab.listed = -1;
  }
}

/**
 * `kmalloc` (`mm/slub.c`): objects of a few sizes, packed into slabs, so that small objects share cache lines and pages as
 * they do on a real machine. There are no per-CPU lists and no merging of caches.
 */
export class SlabAllocator {
  /** Objects handed out and not given back. */
  liveObjects = 0;
  /** Bytes of these, as `ksize` counts. */
  liveBytes = 0;
  private readonly kernel: Kernel;
  private readonly pages: PageAllocator;
  private readonly sizes: readonly number[];
  private readonly indexOf: Uint8Array;
  /** Caches of normal memory, then those of ZONE_DMA. */
  private readonly caches: readonly SlabCache[];
  private readonly slabs: (Slab | null)[] = [];
  private readonly freeIds: number[] = [];
  private readonly hasDmaZone: boolean;

  /** @param minAlign the least that objects are aligned to, `ARCH_KMALLOC_MINALIGN` or more: a power of two */
  constructor(kernel: Kernel, pages: PageAllocator, hasDmaZone: boolean, minAlign = ARCH_KMALLOC_MINALIGN) {
    this.kernel = kernel;
    this.pages = pages;
    this.hasDmaZone = hasDmaZone;
    this.sizes = kmallocSizes(minAlign);
    this.indexOf = kmallocIndexTable(this.sizes);
    const kinds = hasDmaZone ? [0, __GFP_DMA] : [0];
    this.caches = kinds.flatMap((gfp, kind) =>
      this.sizes.map((size, index) => new SlabCache(kind * this.sizes.length + index, size, gfp)),
    );
  }

  /** Allocates an object. @returns its address, 0 if there is no memory, `ZERO_SIZE_PTR` for no bytes */
  alloc(size: number, gfp: Gfp): number {
    if ((gfp & __GFP_DIRECT_RECLAIM) !== 0) this.kernel.sched.mightSleep('kmalloc');
    if (size === 0) return ZERO_SIZE_PTR;
    if (this.pages.failures.active && this.pages.failures.hit(size, -1, gfp, 'kmalloc')) return 0;
    if (!(size > 0 && size <= KMALLOC_MAX_CACHE_SIZE)) return this.allocLarge(size, gfp);
    let index = this.indexOf[(size + 7) >>> 3]!;
    if (this.hasDmaZone && (gfp & __GFP_DMA) !== 0) index += this.sizes.length;
    const cache = this.caches[index]!;
    let slab = cache.current;
    if (slab === null || slab.inUse === slab.capacity) {
      slab = this.refill(cache, gfp);
      if (slab === null) return 0;
    }
    const address = slab.take();
    this.liveObjects++;
    this.liveBytes += slab.size;
    if ((gfp & __GFP_ZERO) !== 0) this.kernel.cpu.fillBytes(physAddr(address - PAGE_OFFSET), 0, slab.size);
    if (this.kernel.trace.active) this.tell('memory-alloc', address, size, (gfp & __GFP_ZERO) !== 0);
    return address;
  }

  private tell(type: 'memory-alloc' | 'memory-free', address: number, length: number, zeroed: boolean): void {
    const physical = physAddr(address - PAGE_OFFSET);
    this.kernel.trace.emit({ type, what: 'kmalloc', physical, length, zeroed });
  }

  private refill(cache: SlabCache, gfp: Gfp): Slab | null {
    const last = cache.partial.at(-1);
    if (last !== undefined) cache.unlist(last);
    const slab = last ?? this.makeSlab(cache, gfp);
    if (slab !== null) cache.current = slab;
    return slab;
  }

  private makeSlab(cache: SlabCache, requested: Gfp): Slab | null {
    const gfp = (this.fixFlags(requested) & ~(__GFP_ZERO | __GFP_DMA)) | cache.gfp;
    const minimal = minimalSlabOrder(cache.size);
    let order = slabOrder(cache.size);
    let pfn = this.pages.allocUncounted(order > minimal ? gfp | __GFP_NOWARN : gfp, order);
    if (pfn < 0 && order > minimal) {
      order = minimal;
      pfn = this.pages.allocUncounted(gfp, order);
    }
    return pfn < 0 ? null : this.addSlab(cache, pfn, order);
  }

  private addSlab(cache: SlabCache, pfn: number, order: number): Slab {
    const { frames } = this.pages;
    const id = this.freeIds.pop() ?? this.slabs.length;
    const frame = frames.frameOf(pfn);
    const capacity = Math.floor((PAGE_SIZE << order) / cache.size);
    const slab = new Slab(id, PAGE_OFFSET + pfn * PAGE_SIZE, frame, cache.index, cache.size, capacity);
    this.slabs[id] = slab;
    frames.flags[frame]! |= FRAME_SLAB;
    frames.refcount[frame] = 0;
    frames.slab.fill(id + 1, frame, frame + (1 << order));
    return slab;
  }

  private dropSlab(slab: Slab): void {
    const { frames } = this.pages;
    frames.slab.fill(0, slab.frame, slab.frame + (1 << frames.order[slab.frame]!));
    this.slabs[slab.id] = null;
    this.freeIds.push(slab.id);
    this.pages.release(slab.frame);
  }

  /** The slab allocator has no caches below 4 GiB: it takes the flag off and says so (`kmalloc_fix_flags`). */
  private fixFlags(gfp: Gfp): Gfp {
    if ((gfp & __GFP_DMA32) === 0) return gfp;
    this.kernel.warn('kmalloc', 'unexpected __GFP_DMA32: kmalloc has no such memory, use alloc_pages');
    return gfp & ~__GFP_DMA32;
  }

  private allocLarge(size: number, gfp: Gfp): number {
    if (!(size > 0 && size <= KMALLOC_MAX_SIZE)) {
      if ((gfp & __GFP_NOWARN) === 0) this.kernel.warn('kmalloc', `${size} bytes are more than kmalloc can give`);
      return 0;
    }
    const order = get_order(size);
    const pfn = this.pages.allocUncounted(this.fixFlags(gfp) | __GFP_COMP, order);
    if (pfn < 0) return 0;
    const { frames } = this.pages;
    const frame = frames.frameOf(pfn);
    frames.flags[frame]! |= FRAME_LARGE_KMALLOC;
    frames.refcount[frame] = 0;
    this.liveObjects++;
    this.liveBytes += PAGE_SIZE << order;
    const address = PAGE_OFFSET + pfn * PAGE_SIZE;
    if (this.kernel.trace.active) this.tell('memory-alloc', address, size, (gfp & __GFP_ZERO) !== 0);
    return address;
  }

  /** Gives an object back. NULL and `ZERO_SIZE_PTR` are ignored; anything that is no live object is a warning. */
  free(address: number): void {
    if (address === 0 || address === ZERO_SIZE_PTR) return;
    const slab = this.slabAt(address);
    if (slab === null) {
      this.freeLarge(address);
      return;
    }
    if (!slab.give(address)) {
      const what = slab.isObject(address) ? 'object already free' : 'invalid object pointer';
      this.kernel.warn('kfree', `${what}: ${hex(address)} in a slab of kmalloc-${slab.size}`);
      return;
    }
    if (this.kernel.trace.active) this.tell('memory-free', address, slab.size, false);
    this.liveObjects--;
    this.liveBytes -= slab.size;
    const cache = this.caches[slab.cache]!;
    if (slab !== cache.current) this.settle(cache, slab);
  }

  /** Puts a slab that has just got room in its place: on the list, or back to the page allocator. */
  private settle(cache: SlabCache, slab: Slab): void {
    if (slab.listed < 0) cache.list(slab);
    if (slab.inUse > 0 || cache.partial.length <= MIN_PARTIAL) return;
    cache.unlist(slab);
    this.dropSlab(slab);
  }

  private frameAt(address: number): number {
    return this.pages.frames.frameOf(Math.floor((address - PAGE_OFFSET) / PAGE_SIZE));
  }

  private slabAt(address: number): Slab | null {
    const frame = this.frameAt(address);
    const id = frame < 0 ? 0 : this.pages.frames.slab[frame]!;
    return id === 0 ? null : this.slabs[id - 1]!;
  }

  private freeLarge(address: number): void {
    const frame = this.frameAt(address);
    const { frames } = this.pages;
    if (frame < 0 || address % PAGE_SIZE !== 0 || (frames.flags[frame]! & FRAME_LARGE_KMALLOC) === 0) {
      this.kernel.warn('kfree', `not a kmalloc allocation: ${hex(address)}`);
      return;
    }
    this.liveObjects--;
    this.liveBytes -= PAGE_SIZE << frames.order[frame]!;
    this.pages.release(frame);
  }

  /** `ksize`: the bytes that an object really has; 0 for NULL, and for anything that is no live object. */
  sizeOf(address: number): number {
    const slab = this.slabAt(address);
    if (slab !== null) return slab.liveObjectAt(address) === address ? slab.size : 0;
    const frame = this.frameAt(address);
    const { frames } = this.pages;
    const isLarge = frame >= 0 && address % PAGE_SIZE === 0 && (frames.flags[frame]! & FRAME_LARGE_KMALLOC) !== 0;
    return isLarge ? PAGE_SIZE << frames.order[frame]! : 0;
  }

  /** The bytes that an allocation of `size` really gets (`kmalloc_size_roundup`). */
  roundUp(size: number): number {
    if (size > 0 && size <= KMALLOC_MAX_CACHE_SIZE) return this.sizes[this.indexOf[(size + 7) >>> 3]!]!;
    return size > 0 && size <= KMALLOC_MAX_SIZE ? PAGE_SIZE << get_order(size) : size;
  }

  /** Gives back the slabs that hold no object (`kmem_cache_shrink` of every cache). @returns the pages given back */
  shrink(): number {
    const before = this.pages.allocatedPages;
    for (const cache of this.caches) {
      for (const slab of cache.partial.filter(({ inUse }) => inUse === 0)) {
        cache.unlist(slab);
        this.dropSlab(slab);
      }
      if (cache.current?.inUse === 0) {
        this.dropSlab(cache.current);
        cache.current = null;
      }
    }
    return before - this.pages.allocatedPages;
  }
}
