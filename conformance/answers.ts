/**
 * What a file of measured answers holds: what Linux's own mapping functions returned on inputs drawn from a seed. How the
 * inputs and the answers are to be read is told in `docs/conformance.md`.
 */

/** How the measured device was mapped: behind an IOMMU with strict invalidation, or without one and all bounced. */
export const MODES = ['iommu-strict', 'swiotlb-force'] as const;
export type Mode = (typeof MODES)[number];

/** A part of a list: page (relative to the block), offset into it and length, both in bytes. */
export type Entry = readonly [page: number, offset: number, length: number];

/** Sizes and masks as the measured kernel printed them: `merge` and `bound` hexadecimal, the others decimal. */
export type InfoAnswers = Readonly<Record<'max_mapping' | 'opt' | 'merge' | 'seg' | 'bound' | 'align', string>>;

/** One call of `dma_map_sgtable`. */
export interface MapSgCase {
  readonly max_seg: number;
  readonly boundary_mask: number;
  readonly in: readonly Entry[];
  readonly ret: number;
  readonly nents: number;
  readonly orig_nents: number;
  /** Address (relative to the page of the first) and length of each mapped segment; none, or null, after a failure. */
  readonly out: readonly (readonly [address: number, length: number])[] | null;
}

/** One call of `sg_alloc_table_from_pages_segment`. */
export interface FromPagesCase {
  readonly max_segment: number;
  readonly offset: number;
  readonly size: number;
  readonly pfns: readonly number[];
  readonly ret: number;
  /** Null, like `out`, after a call that failed. */
  readonly orig_nents: number | null;
  readonly out: readonly Entry[] | null;
}

/** One `dma_map_page` or `dma_unmap_page`. A call that failed has an address of 2^64 - 1. */
export type IovaCase =
  | {
      readonly op: 'alloc';
      readonly slot: number;
      readonly offset: number;
      readonly len: number;
      readonly addr: number;
    }
  | { readonly op: 'free'; readonly slot: number };

/** One `dma_map_page` under `dma_set_min_align_mask`. */
export interface AlignCase {
  readonly min_align_mask: number;
  readonly offset: number;
  readonly len: number;
  readonly error: number;
  readonly low13: number;
  readonly max_mapping: string;
}

/** One `dma_set_mask`; `required` is hexadecimal. */
export interface MaskCase {
  readonly bits: number;
  readonly ret: number;
  readonly required: string;
}

/** A file of answers. A section that was not measured is not there. */
export interface Answers {
  readonly mode: Mode;
  readonly info?: InfoAnswers;
  readonly map_sg?: readonly MapSgCase[];
  readonly from_pages?: readonly FromPagesCase[];
  readonly iova?: readonly IovaCase[];
  readonly align?: readonly AlignCase[];
  readonly mask?: readonly MaskCase[];
}

/** The sections, in the order in which they were measured. */
export const SECTIONS = ['info', 'map_sg', 'from_pages', 'iova', 'align', 'mask'] as const;
export type SectionName = (typeof SECTIONS)[number];

/** Bytes of the physically contiguous block that inputs lie in, and its order for the page allocator. */
export const BLOCK_BYTES = 4 << 20;
export const BLOCK_ORDER = 10;
export const BLOCK_PAGES = 1024;
/** How many mappings of the section `iova` there can be at a time. */
export const SLOTS = 64;
