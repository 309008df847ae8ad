import { BUG_ON } from '../../oops';
import { IO_TLB_SEGSIZE, IO_TLB_SHIFT, IO_TLB_SIZE, nrSlots } from './slots';

/** `orig_addr` of a slot that no mapping uses. */
export const INVALID_PHYS_ADDR = -1;

/** `count` bits, 1 to 32, from a bit of a word on. */
const bitsOf = (bit: number, count: number): number => (count === 32 ? -1 : (1 << count) - 1) << bit;

/**
 * What a search for slots is to satisfy. Kept and used again, so that a mapping allocates nothing.
 */
export class SlotRequest {
  /** Physical address of the buffer, whose bits under the device's mask are preserved; 0 if there is none. */
  origAddr = 0;
  /** Bytes, with the padding in front. */
  allocSize = 0;
  /** Bits of the first slot's address that have to be 0. */
  allocAlignMask = 0;
  /** `dma_get_min_align_mask` of the device. */
  minAlignMask = 0;
  /** The low 32 bits of the pool's first address, as the device sees it and within its segment boundary. */
  dmaLow = 0;
  /** The same address in slots, up to the next segment boundary's multiple. */
  dmaSlots = 0;
  /** Slots between two of the device's segment boundaries: a power of two. */
  maxSlots = 0;
}

/**
 * A pool of bounce buffers (`struct io_tlb_pool`): a run of physical memory in slots of 2 KiB, in segments of 128 slots, in
 * areas that are searched one after the other. What is known about a slot is here and not in RAM.
 *
 * Linux keeps, for each free slot, how many free ones follow in its segment, and counts anew at each change; here there is a
 * bit for each slot, which says the same.
 */
export class IoTlbPool {
  /** First byte, and the one after the last. */
  readonly start: number;
  readonly end: number;
  readonly nslabs: number;
  readonly nareas: number;
  readonly areaSlabs: number;
  /** What the slot stands in for: a physical address, or `INVALID_PHYS_ADDR`. */
  readonly origAddr: Float64Array;
  /** Bytes from the mapping's first byte in this slot to the end of the allocation. */
  readonly allocSize: Int32Array;
  /** A bit for each slot, set if it is free; the lowest bit is the first slot's. */
  private readonly free: Int32Array;
  /** In the first slot behind the padding: slots of padding. */
  readonly padSlots: Uint8Array;
  /** In the first slot behind the padding: slots of the allocation, with the padding. 0 in all others. */
  readonly heads: Uint8Array;
  /** Taken slots of each area. */
  readonly areaUsed: Int32Array;
  private readonly areaIndex: Int32Array;

  /** @param start of whole pages; @param nareas a power of two */
  constructor(start: number, nslabs: number, nareas: number) {
    this.start = start;
    this.end = start + nslabs * IO_TLB_SIZE;
    this.nslabs = nslabs;
    this.nareas = nareas;
    this.areaSlabs = Math.floor(nslabs / nareas);
    this.origAddr = new Float64Array(nslabs).fill(INVALID_PHYS_ADDR);
    this.allocSize = new Int32Array(nslabs);
    this.free = new Int32Array(Math.ceil(nslabs / 32));
    this.padSlots = new Uint8Array(nslabs);
    this.heads = new Uint8Array(nslabs);
    this.areaUsed = new Int32Array(nareas);
    this.areaIndex = new Int32Array(nareas);
    this.mark(0, nslabs, true);
  }

  /** Whether a physical address lies in the pool. */
  has(phys: number): boolean {
    return phys >= this.start && phys < this.end;
  }

  /** The slot that a physical address of the pool lies in. */
  slotAt(phys: number): number {
    return Math.floor((phys - this.start) / IO_TLB_SIZE);
  }

  /** The physical address of a slot. */
  addressOf(slot: number): number {
    return this.start + slot * IO_TLB_SIZE;
  }

  /** Takes slots that satisfy a request, of the first area that has some. @returns the first one, or -1 */
  find(request: SlotRequest): number {
    if (!(request.allocSize >= 0 && request.allocSize <= IO_TLB_SEGSIZE * IO_TLB_SIZE)) return -1;
    BUG_ON(request.allocSize === 0, 'swiotlb: a mapping of no bytes');
    for (let area = 0; area < this.nareas; area++) {
      const slot = this.searchArea(area, request);
      if (slot >= 0) return slot;
    }
    return -1;
  }

  /** `swiotlb_search_pool_area`. */
  private searchArea(area: number, request: SlotRequest): number {
    const { allocSize, origAddr, minAlignMask, dmaLow } = request;
    const nslots = nrSlots(allocSize);
    if (nslots > this.areaSlabs - this.areaUsed[area]!) return -1;
    // Page alignment of whole pages is what drivers relied on before they could ask for alignment.
    const wholePages = request.allocAlignMask === 0 && minAlignMask === 0 && allocSize >= 4096;
    const zeroMask = (wholePages ? 4095 : request.allocAlignMask) | (IO_TLB_SIZE - 1);
    const sameMask = minAlignMask & ~zeroMask;
    const stride = (Math.max(zeroMask >>> 0, sameMask >>> 0) >>> IO_TLB_SHIFT) + 1;
    const base = area * this.areaSlabs;
    let index = this.areaIndex[area]!;
    for (let checked = 0; checked < this.areaSlabs;) {
      const low = dmaLow + (base + index) * IO_TLB_SIZE;
      if ((low & zeroMask) !== 0 || (origAddr !== 0 && ((low ^ origAddr) & sameMask) !== 0)) {
        index = this.wrap(index + 1);
        checked++;
        continue;
      }
      if (this.fits(base + index, nslots, request)) {
        this.take(base + index, nslots, request);
        this.areaIndex[area] = this.wrap(index + nslots);
        this.areaUsed[area]! += nslots;
        return base + index;
      }
      index = this.wrap(index + stride);
      checked += stride;
    }
    return -1;
  }

  private wrap(index: number): number {
    return index >= this.areaSlabs ? 0 : index;
  }

  /** Whether there is room at a slot that does not cross one of the device's boundaries. */
  private fits(slot: number, nslots: number, { dmaSlots, maxSlots }: SlotRequest): boolean {
    const at = dmaSlots + slot;
    return (at < maxSlots ? at : at % maxSlots) + nslots <= maxSlots && this.areFree(slot, nslots);
  }

  private take(first: number, nslots: number, { allocSize, origAddr, minAlignMask }: SlotRequest): void {
    const offset = origAddr & minAlignMask & (IO_TLB_SIZE - 1);
    for (let i = 0; i < nslots; i++) this.allocSize[first + i] = allocSize - offset - i * IO_TLB_SIZE;
    this.heads[first] = nslots;
    this.mark(first, nslots, false);
  }

  /** Makes slots free or taken. */
  private mark(first: number, count: number, isFree: boolean): void {
    for (let slot = first; slot < first + count;) {
      const bit = slot & 31;
      const span = Math.min(32 - bit, first + count - slot);
      const mask = bitsOf(bit, span);
      this.free[slot >>> 5] = isFree ? this.free[slot >>> 5]! | mask : this.free[slot >>> 5]! & ~mask;
      slot += span;
    }
  }

  /** Whether slots of one segment are all free. */
  areFree(first: number, count: number): boolean {
    if ((first % IO_TLB_SEGSIZE) + count > IO_TLB_SEGSIZE) return false;
    for (let slot = first; slot < first + count;) {
      const bit = slot & 31;
      const span = Math.min(32 - bit, first + count - slot);
      const mask = bitsOf(bit, span);
      if ((this.free[slot >>> 5]! & mask) !== mask) return false;
      slot += span;
    }
    return true;
  }

  /**
   * Gives back the allocation whose mapping begins in a slot (`swiotlb_release_slots`).
   * @returns its slots; 0 if there is none, and nothing has changed then
   */
  release(slot: number): number {
    const nslots = this.heads[slot]!;
    if (nslots === 0) return 0;
    const first = slot - this.padSlots[slot]!;
    for (let i = first; i < first + nslots; i++) {
      this.origAddr[i] = INVALID_PHYS_ADDR;
      this.allocSize[i] = 0;
    }
    this.padSlots[slot] = 0;
    this.heads[slot] = 0;
    this.mark(first, nslots, true);
    this.areaUsed[Math.floor(first / this.areaSlabs)]! -= nslots;
    return nslots;
  }

  /** Notes what the slots of an allocation stand in for: `pad` slots of padding, then the buffer. @returns the first slot of it */
  assign(first: number, pad: number, origAddr: number): number {
    const nslots = this.heads[first]!;
    const head = first + pad;
    this.heads[first] = 0;
    this.heads[head] = nslots;
    this.padSlots[head] = pad;
    for (let i = 0; i < nslots - pad; i++) this.origAddr[head + i] = origAddr + i * IO_TLB_SIZE;
    return head;
  }
}
