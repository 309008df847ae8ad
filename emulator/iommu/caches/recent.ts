/** log2 of the number of answers kept. */
const BITS = 9;
const MASK = 2 ** BITS - 1;
/** log2 of the pages whose translations come with one walk. */
const LINE_BITS = 3;
/** Words of an entry, besides its page: device, physical page, kinds of access allowed (`1 << kind`). */
const FRAME = 1;
const ALLOWED = 2;
const STRIDE = 4;
/** As page number: the entry is free. */
const NO_PAGE = -1;

/**
 * The latest answers of context cache and IOTLB together, by device and page: the small cache that real designs put in
 * front of their large one, so that most accesses are one probe.
 *
 * It holds only what the caches behind it were asked for, and forgets everything whenever anything there is
 * invalidated, so it can make no translation live longer than they do. Direct-mapped; physical page numbers of more than
 * 31 bits are not kept.
 */
export class RecentTranslations {
  /** Apart from the rest, because only they need more than 32 bits. */
  private readonly pages = new Float64Array(MASK + 1).fill(NO_PAGE);
  private readonly entries = new Int32Array((MASK + 1) * STRIDE);
  private empty = true;

  /** The physical page number, or -1 if the answer is not here. */
  find(deviceId: number, page: number, kind: number): number {
    const slot = slotOf(deviceId, page);
    if (this.pages[slot] !== page) return -1;
    const { entries } = this;
    const at = slot * STRIDE;
    return entries[at] === deviceId && ((entries[at + ALLOWED]! >>> kind) & 1) !== 0 ? entries[at + FRAME]! : -1;
  }

  /** Keeps an answer. @param allowed bits `1 << kind` of the accesses that it is good for */
  keep(deviceId: number, page: number, frame: number, allowed: number): void {
    if (frame > 0x7fff_ffff) return;
    const slot = slotOf(deviceId, page);
    const { entries } = this;
    const at = slot * STRIDE;
    this.pages[slot] = page;
    entries[at] = deviceId;
    entries[at + FRAME] = frame;
    entries[at + ALLOWED] = allowed;
    this.empty = false;
  }

  /** Forgets everything. Cheap if there is nothing to forget. */
  clear(): void {
    if (this.empty) return;
    this.pages.fill(NO_PAGE);
    this.empty = true;
  }
}

/**
 * Folds high bits in, since buffers often lie a large power of two apart; above the pages of a line, which come together: two
 * devices' or buffers' lines are then in each other's way no more often than chance has it.
 */
const slotOf = (deviceId: number, page: number): number =>
  (page ^ ((page >>> BITS) << LINE_BITS) ^ (deviceId << 4)) & MASK;
