import { PAGE_SIZE } from '../../base/address';

/** The sizes of the general-purpose caches (`kmalloc_info` of `mm/slab_common.c`), smallest first. */
export const KMALLOC_SIZES = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192] as const;
/** What objects are aligned to at least, unless caches and DMA ask for more. */
export const ARCH_KMALLOC_MINALIGN = 8;
/** Larger objects are pages of their own. */
export const KMALLOC_MAX_CACHE_SIZE = 8192;
/** The largest object there can be. */
export const KMALLOC_MAX_SIZE = 4 << 20;
/** What an allocation of no bytes returns: not NULL, and nothing to be touched. */
export const ZERO_SIZE_PTR = 16;

/** The sizes that are left if every object is to fill whole units of an alignment (`new_kmalloc_cache`). */
export const kmallocSizes = (minAlign: number): readonly number[] =>
  KMALLOC_SIZES.filter((size) => size % minAlign === 0);

/** Index of the smallest cache for every size, by `(size + 7) >> 3`. */
export const kmallocIndexTable = (sizes: readonly number[] = KMALLOC_SIZES): Uint8Array => {
  const table = new Uint8Array(KMALLOC_MAX_CACHE_SIZE / 8 + 1);
  let index = 0;
  for (let eighths = 1; eighths < table.length; eighths++) {
    if (eighths * 8 > sizes[index]!) index++;
    table[eighths] = index;
  }
  return table;
};

/** The largest order a slab is given as long as an object does not need more. */
const SLUB_MAX_ORDER = 3;
/** Objects a slab should hold at least, on one CPU. */
const SLUB_MIN_OBJECTS = 8;

/**
 * The order of a slab: the smallest one that holds enough objects (all sizes here divide it with little waste), as
 * `calculate_order` of `mm/slub.c` finds it.
 */
export const slabOrder = (size: number): number => {
  const objects = Math.min(SLUB_MIN_OBJECTS, Math.floor((PAGE_SIZE << SLUB_MAX_ORDER) / size));
  return Math.max(0, Math.ceil(Math.log2((objects * size) / PAGE_SIZE)));
};

/** The smallest order that holds one object: what is tried when memory is short. */
export const minimalSlabOrder = (size: number): number => Math.max(0, Math.ceil(Math.log2(size / PAGE_SIZE)));
