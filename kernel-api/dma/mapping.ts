/**
 * The DMA API as drivers see it: what `<linux/dma-mapping.h>` declares. Behaviour is in the files named here; pools are in
 * `dmapool.ts`, as `<linux/dmapool.h>` has them.
 */
export * from './attrs';
export * from './coherent';
export { dmam_alloc_attrs, dmam_alloc_coherent, dmam_free_coherent } from './devres';
export * from './direction';
export { DMA_BIT_MASK, DMA_MAPPING_ERROR, dma_mapping_error } from './dma-address';
export * from './mask';
export {
  dma_get_max_seg_size,
  dma_get_min_align_mask,
  dma_get_seg_boundary,
  dma_set_max_seg_size,
  dma_set_min_align_mask,
  dma_set_seg_boundary,
} from './segments';
export * from './streaming';
export * from './sync';
