import { PAGE_SIZE, virtAddr, type VirtAddr } from '../../base/address';

/** What a range of the vmalloc area was made for. */
export type VmAreaKind = 'vmalloc' | 'vmap' | 'ioremap' | 'stack';

/** A mapped range of the vmalloc area (`struct vm_struct`), without its guard page. */
export interface VmArea {
  readonly kind: VmAreaKind;
  readonly start: VirtAddr;
  readonly end: number;
  /** Page frame number per page; null if the range maps consecutive physical addresses. */
  readonly pfns: Float64Array | null;
  /** Physical address of the start, where `pfns` is null. */
  readonly physical: number;
  /** The pages belong to the area: freed with it. */
  readonly ownsPages: boolean;
  /** Accesses go past the cache. */
  readonly uncached: boolean;
}

/** What a new area maps. */
export type VmAreaContents = Pick<VmArea, 'kind' | 'pfns' | 'physical' | 'ownsPages' | 'uncached'>;

/** A free range. */
interface Hole {
  start: number;
  end: number;
}

/** Every area is followed by an unmapped page, so that running off its end is noticed. */
const GUARD_SIZE = PAGE_SIZE;

/**
 * The vmalloc area (`mm/vmalloc.c`): mapped ranges and the holes between them, both sorted by address. A new range goes
 * into the lowest hole that takes it.
 */
export class VmAreas {
  private readonly areas: VmArea[] = [];
  private readonly holes: Hole[];
  /** The area that was looked up last. */
  private recent: VmArea | null = null;

  constructor(start: number, end: number) {
    this.holes = [{ start, end }];
  }

  /** How many areas there are. */
  get count(): number {
    return this.areas.length;
  }

  /** Every area, by address. */
  list(): readonly VmArea[] {
    return this.areas;
  }

  /** Maps `size` bytes (whole pages) at an address that is a multiple of `align`. @returns null if there is no room */
  add(size: number, align: number, contents: VmAreaContents): VmArea | null {
    const start = this.takeHole(size + GUARD_SIZE, align);
    if (start < 0) return null;
    const area: VmArea = { ...contents, start: virtAddr(start), end: start + size };
    this.areas.splice(this.firstAfter(start), 0, area);
    return area;
  }

  private takeHole(size: number, align: number): number {
    for (let index = 0; index < this.holes.length; index++) {
      const hole = this.holes[index]!;
      const start = Math.ceil(hole.start / align) * align;
      if (start + size > hole.end) continue;
      const rest: Hole[] = [];
      if (start > hole.start) rest.push({ start: hole.start, end: start });
      if (start + size < hole.end) rest.push({ start: start + size, end: hole.end });
      this.holes.splice(index, 1, ...rest);
      return start;
    }
    return -1;
  }

  /** Index of the first area that starts above an address. */
  private firstAfter(address: number): number {
    let low = 0;
    let high = this.areas.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.areas[middle]!.start <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The area that maps an address, or null. */
  find(address: number): VmArea | null {
    const { recent } = this;
    if (recent !== null && address >= recent.start && address < recent.end) return recent;
    const area = this.areas[this.firstAfter(address) - 1];
    if (area === undefined || address >= area.end) return null;
    this.recent = area;
    return area;
  }

  /** Unmaps an area. */
  remove(area: VmArea): void {
    const index = this.firstAfter(area.start) - 1;
    if (this.areas[index] !== area) return;
    this.areas.splice(index, 1);
    this.recent = null;
    this.giveHole(area.start, area.end + GUARD_SIZE);
  }

  private giveHole(start: number, end: number): void {
    let low = 0;
    let high = this.holes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.holes[middle]!.start < start) low = middle + 1;
      else high = middle;
    }
    const before = this.holes[low - 1];
    const after = this.holes[low];
    const joinsBefore = before?.end === start;
    const joinsAfter = after?.start === end;
    const hole = { start: joinsBefore ? before.start : start, end: joinsAfter ? after.end : end };
    const first = joinsBefore ? low - 1 : low;
    this.holes.splice(first, (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0), hole);
  }

  /** The physical address behind an address, or -1 where nothing is mapped. */
  translate(address: number): number {
    const area = this.find(address);
    if (area === null) return -1;
    const offset = address - area.start;
    if (area.pfns === null) return area.physical + offset;
    return area.pfns[Math.floor(offset / PAGE_SIZE)]! * PAGE_SIZE + (offset % PAGE_SIZE);
  }
}
