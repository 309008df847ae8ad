import { virtAddr, type VirtAddr } from '../../../base/address';
import { TASK_SIZE } from '../layout';
import { duplicateVma, type VmAreaStruct } from './vm-area-struct';

/** Mappings without a wish for an address go below this one; above is room for a stack. */
const MMAP_BASE = TASK_SIZE - 0x4000_0000;
/** `mmap_min_addr`: a NULL pointer with an offset must fault. */
const MMAP_MIN_ADDR = 0x1_0000;

/** The mappings of an address space, by address, without overlaps. Neighbours that are alike stay separate mappings. */
export class VmaList {
  private readonly areas: VmAreaStruct[] = [];
  /** The one that was looked up last. */
  private recent: VmAreaStruct | null = null;

  /** How many there are. */
  get count(): number {
    return this.areas.length;
  }

  /** All of them, by address. */
  list(): readonly VmAreaStruct[] {
    return this.areas;
  }

  /** Index of the first mapping that ends above an address. */
  private indexOf(address: number): number {
    let low = 0;
    let high = this.areas.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.areas[middle]!.vm_end <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The mapping that an address lies in, or null. */
  lookup(address: number): VmAreaStruct | null {
    const { recent } = this;
    if (recent !== null && address >= recent.vm_start && address < recent.vm_end) return recent;
    const vma = this.areas[this.indexOf(address)];
    if (vma === undefined || address < vma.vm_start) return null;
    this.recent = vma;
    return vma;
  }

  /** Adds a mapping where there is none. */
  insert(vma: VmAreaStruct): void {
    this.areas.splice(this.indexOf(vma.vm_start), 0, vma);
  }

  /** The mappings that a range touches. */
  touching(start: number, end: number): VmAreaStruct[] {
    return this.areas.filter((vma) => vma.vm_start < end && vma.vm_end > start);
  }

  /** Splits mappings so that one begins, or ends, at each bound. @returns those in between */
  isolate(start: number, end: number): VmAreaStruct[] {
    this.splitAt(virtAddr(start));
    this.splitAt(virtAddr(end));
    return this.touching(start, end);
  }

  private splitAt(address: VirtAddr): void {
    const vma = this.lookup(address);
    if (vma === null || vma.vm_start === address) return;
    const upper = duplicateVma(vma, vma.vm_mm, address, vma.vm_end);
    vma.vm_end = address;
    this.insert(upper);
    this.recent = null;
  }

  /** Takes a mapping out. */
  remove(vma: VmAreaStruct): void {
    const index = this.areas.indexOf(vma);
    if (index >= 0) this.areas.splice(index, 1);
    this.recent = null;
  }

  /** How far a range is mapped without a hole: `end` at most. */
  coveredTo(start: number, end: number): number {
    let at = start;
    for (let index = this.indexOf(start); at < end; index++) {
      const vma = this.areas[index];
      if (vma === undefined || vma.vm_start > at) return at;
      at = vma.vm_end;
    }
    return end;
  }

  /** The highest free range of `size` bytes below the base of mappings, or -1 (`get_unmapped_area`, top down). */
  findFree(size: number): number {
    let end = MMAP_BASE;
    for (const vma of this.areas.toReversed()) {
      if (vma.vm_start >= end) continue;
      if (end - vma.vm_end >= size) break;
      end = vma.vm_start;
    }
    return end - size >= MMAP_MIN_ADDR ? end - size : -1;
  }
}
