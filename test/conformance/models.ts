import type { AlignCase, Entry, FromPagesCase, MapSgCase } from '../../conformance/answers';

/**
 * What Linux's mapping functions answer, written down as plainly as possible and independently of `kernel-api/`, so that
 * there are expectations for inputs that nobody has measured.
 */

const PAGE = 4096;
const ALL_ONES = 2 ** 64;
const SLOT = 2048;
const SLOTS_AT_MOST = 128;

type MapSgInput = Pick<MapSgCase, 'max_seg' | 'boundary_mask' | 'in'>;

/** One page of I/O address space: the entry that it belongs to, and whether its last byte is used. */
interface IoPage {
  readonly entry: number;
  readonly full: boolean;
}

/** The pages of the one range that a list gets. Filling up to a boundary belongs to the entry before it. */
const ioPages = (entries: readonly Entry[], boundary: number): { pages: IoPage[]; starts: number[] } => {
  const pages: IoPage[] = [];
  const starts: number[] = [];
  entries.forEach(([, offset, length], entry) => {
    const inPage = offset % PAGE;
    const count = Math.ceil((inPage + length) / PAGE);
    const used = pages.length * PAGE;
    const room = (boundary - (used % boundary)) % boundary;
    // An entry that needs a single byte more than there is room for is let across, if only by a rounding: `room < size - 1`.
    const crosses = count === 0 || room < count * PAGE - 1;
    if (used > 0 && room > 0 && crosses) {
      for (let left = room; left > 0; left -= PAGE) pages.push({ entry: entry - 1, full: false });
    }
    starts.push(pages.length);
    const end = inPage + length;
    for (let page = 0; page < count; page++) pages.push({ entry, full: (page + 1) * PAGE <= end });
  });
  return { pages, starts };
};

/** `dma_map_sgtable` behind an IOMMU. */
export const mapSgBehindIommu = (input: MapSgInput): MapSgCase => {
  const { in: entries } = input;
  const boundary = input.boundary_mask === 0 || input.boundary_mask >= ALL_ONES ? ALL_ONES : input.boundary_mask + 1;
  const longest = input.max_seg === 0 ? 0x1_0000 : input.max_seg;
  const { pages, starts } = ioPages(entries, boundary);
  const out: [number, number][] = [];
  entries.forEach(([, offset, length], entry) => {
    const start = starts[entry]!;
    const last = out.at(-1);
    const adjoins = last !== undefined && last[1] > 0 && offset % PAGE === 0 && (start === 0 || pages[start - 1]!.full);
    const atBoundary = (start * PAGE) % boundary === 0;
    // The room is an unsigned int in C: a segment that is over the limit already is never full again.
    const room = last === undefined ? 0 : last[1] > longest ? 2 ** 32 + longest - last[1] : longest - last[1];
    if (adjoins && !atBoundary && length <= room) last[1] += length;
    else out.push([start * PAGE + (offset % PAGE), length]);
  });
  return { ...input, ret: 0, nents: out.length, orig_nents: entries.length, out };
};

/** `dma_map_sgtable` where all is bounced: one segment per entry, or -EIO if one finds no place. Addresses modulo a slot. */
export const mapSgBounced = (input: MapSgInput): MapSgCase => {
  const { in: entries } = input;
  const orig_nents = entries.length;
  const perBoundary = input.boundary_mask === 0 ? Infinity : Math.floor(input.boundary_mask / SLOT) + 1;
  const fits = entries.every(([, , length]) => Math.ceil(length / SLOT) <= Math.min(perBoundary, SLOTS_AT_MOST));
  if (!fits) return { ...input, ret: -5, nents: orig_nents, orig_nents, out: [] };
  return { ...input, ret: 0, nents: orig_nents, orig_nents, out: entries.map(([, , length]) => [0, length]) };
};

type FromPagesInput = Pick<FromPagesCase, 'max_segment' | 'offset' | 'size' | 'pfns'>;

/** `sg_alloc_table_from_pages_segment`, for a size that ends in the last page. */
export const fromPages = (input: FromPagesInput): FromPagesCase => {
  const { max_segment, offset, size, pfns } = input;
  if (max_segment < PAGE) return { ...input, ret: -22, orig_nents: null, out: null };
  const atMost = Math.floor(max_segment / PAGE);
  const runs: number[][] = [];
  for (const pfn of pfns) {
    const run = runs.at(-1);
    if (run !== undefined && run.length < atMost && run.at(-1)! + 1 === pfn) run.push(pfn);
    else runs.push([pfn]);
  }
  let left = size;
  const out = runs.map((run, index): Entry => {
    const start = index === 0 ? offset : 0;
    const length = Math.min(left, run.length * PAGE - start);
    left -= length;
    return [run[0]!, start, length];
  });
  return { ...input, ret: 0, orig_nents: out.length, out };
};

type AlignInput = Pick<AlignCase, 'min_align_mask' | 'offset' | 'len'>;

/** `dma_map_page` under an alignment mask behind an IOMMU, which keeps the place in the page anyway. */
export const alignBehindIommu = (input: AlignInput): AlignCase => {
  const max_mapping = '18446744073709551615';
  if (input.min_align_mask >= PAGE) return { ...input, error: -12, low13: 0, max_mapping };
  return { ...input, error: 0, low13: input.offset % PAGE, max_mapping };
};

/** The same where all is bounced: the bits of the mask are kept, and what is in front of the buffer takes slots too. */
export const alignBounced = (input: AlignInput): AlignCase => {
  const { min_align_mask, offset, len } = input;
  const kept = offset & min_align_mask;
  const largest = SLOT * SLOTS_AT_MOST - Math.ceil(min_align_mask / SLOT) * SLOT;
  const slots = Math.ceil(((kept % SLOT) + len) / SLOT);
  const error = slots <= SLOTS_AT_MOST ? 0 : -12;
  return { ...input, error, low13: error === 0 ? kept % (2 * PAGE) : 0, max_mapping: String(largest) };
};
