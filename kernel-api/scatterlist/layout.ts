import { PAGE_SIZE } from '../../base/address';

/**
 * `struct scatterlist` as a 64-bit kernel lays it out (`include/linux/scatterlist.h`, with CONFIG_NEED_SG_DMA_LENGTH and
 * CONFIG_NEED_SG_DMA_FLAGS).
 */

/** `sizeof(struct scatterlist)`. */
export const SG_ENTRY_SIZE = 32;
/** Address of a `struct page`, or of the next part of the list, and the two bits below. 64 bits. */
export const SG_PAGE_LINK = 0;
/** Offset of the data in its page. 32 bits. */
export const SG_OFFSET = 8;
/** Bytes of data. 32 bits. */
export const SG_LENGTH = 12;
/** Device address of a mapped segment. 64 bits. */
export const SG_DMA_ADDRESS = 16;
/** Bytes of a mapped segment. 32 bits. */
export const SG_DMA_LENGTH = 24;
/** `SG_DMA_*` bits. 32 bits. */
export const SG_DMA_FLAGS = 28;

/** In `page_link`: no data here, the list goes on elsewhere. */
export const SG_CHAIN = 1;
/** In `page_link`: the last entry. */
export const SG_END = 2;
export const SG_PAGE_LINK_MASK = SG_CHAIN | SG_END;

/** In `dma_flags`: a bus address, not to be unmapped. */
export const SG_DMA_BUS_ADDRESS = 1 << 0;
/** In `dma_flags`: bounced. */
export const SG_DMA_SWIOTLB = 1 << 1;

/** Entries that are allocated in one piece; a longer list is chained. */
export const SG_MAX_SINGLE_ALLOC = PAGE_SIZE / SG_ENTRY_SIZE;

/** Entries of the largest part that `sg_alloc_table_chained` takes. */
export const SG_CHUNK_SIZE = 128;
/** How many entries a block driver should give a list at most. */
export const SG_MAX_SEGMENTS = 2048;
