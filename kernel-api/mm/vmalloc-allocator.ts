import { PAGE_SIZE, physAddr, virtAddr, type VirtAddr } from '../../base/address';
import { hex } from '../../base/u64';
import { __GFP_NOWARN, __GFP_ZERO, type Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import type { PageAllocator } from './page-allocator';
import type { VmArea, VmAreaKind, VmAreas } from './vm-areas';

/**
 * Virtually contiguous memory made of single pages (`mm/vmalloc.c`). The pages come one by one from the page allocator, so
 * they follow each other in memory only by chance.
 */
export class VmallocAllocator {
  /** Pages that areas own. */
  livePages = 0;
  private readonly kernel: Kernel;
  private readonly pages: PageAllocator;
  private readonly areas: VmAreas;

  constructor(kernel: Kernel, pages: PageAllocator, areas: VmAreas) {
    this.kernel = kernel;
    this.pages = pages;
    this.areas = areas;
  }

  /** Allocates and maps memory. @returns its address, or 0 */
  alloc(size: number, align: number, gfp: Gfp, kind: VmAreaKind): VirtAddr {
    const count = Math.ceil(size / PAGE_SIZE);
    if (!(count > 0)) {
      this.kernel.warn('vmalloc', 'no bytes asked for');
      return virtAddr(0);
    }
    const { failures, frames } = this.pages;
    if (failures.active && failures.hit(size, -1, gfp, 'vmalloc')) return virtAddr(0);
    const pfns = count > frames.size ? null : this.takePages(count, gfp);
    const contents = { kind, pfns, physical: 0, ownsPages: true, uncached: false };
    const area = pfns === null ? null : this.areas.add(count * PAGE_SIZE, align, contents);
    if (area === null) {
      if (pfns !== null) this.givePages(pfns);
      const message = `vmalloc error: size ${size}, failed to allocate pages`;
      if ((gfp & __GFP_NOWARN) === 0) this.kernel.log.warn({ size, time: this.kernel.cpu.now }, message);
      return virtAddr(0);
    }
    return area.start;
  }

  private takePages(count: number, gfp: Gfp): Float64Array | null {
    const pfns = new Float64Array(count);
    for (let index = 0; index < count; index++) {
      const pfn = this.pages.allocUncounted((gfp & ~__GFP_ZERO) | __GFP_NOWARN, 0);
      if (pfn < 0) {
        this.givePages(pfns.subarray(0, index));
        return null;
      }
      pfns[index] = pfn;
    }
    this.livePages += count;
    if ((gfp & __GFP_ZERO) !== 0) {
      for (const pfn of pfns) this.kernel.cpu.fillBytes(physAddr(pfn * PAGE_SIZE), 0, PAGE_SIZE);
    }
    return pfns;
  }

  private givePages(pfns: Float64Array): void {
    for (const pfn of pfns) this.pages.free(pfn, 0);
  }

  /** Maps the given pages one after the other. @returns the address, or 0 */
  map(pfns: Float64Array, ownsPages: boolean, uncached = false): VirtAddr {
    const contents = { kind: 'vmap', pfns, physical: 0, ownsPages, uncached } as const;
    const area = this.areas.add(pfns.length * PAGE_SIZE, PAGE_SIZE, contents);
    if (area === null) return virtAddr(0);
    if (ownsPages) this.livePages += pfns.length;
    return area.start;
  }

  /** Maps consecutive pages, which stay as they are when this is unmapped. @returns the address, or 0 */
  mapRun(pfn: number, count: number, uncached: boolean): VirtAddr {
    const contents = { kind: 'vmap', pfns: null, physical: pfn * PAGE_SIZE, ownsPages: false, uncached } as const;
    return this.areas.add(count * PAGE_SIZE, PAGE_SIZE, contents)?.start ?? virtAddr(0);
  }

  /** `vfree`: unmaps the area that begins at an address and frees the pages that belong to it. */
  free(address: VirtAddr, where: string): void {
    const area = this.unmap(address, where);
    if (area?.ownsPages !== true || area.pfns === null) return;
    this.livePages -= area.pfns.length;
    this.givePages(area.pfns);
  }

  /** `vunmap`: unmaps the area that begins at an address; its pages stay as they are. */
  unmap(address: VirtAddr, where: string): VmArea | null {
    const area = this.areas.find(address);
    if (area?.start !== address) {
      this.kernel.warn(where, `trying to free a vm area that does not exist: ${hex(address)}`);
      return null;
    }
    this.areas.remove(area);
    return area;
  }
}
