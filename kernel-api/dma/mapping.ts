/**
 * The DMA API as drivers see it: what `<linux/dma-mapping.h>` declares. Behaviour is in the files named here; pools are in
 * `dmapool.ts`, as `<linux/dmapool.h>` has them.
 */
export { dma_set_master } from './admission';
export * from './attrs';
export * from './coherent';
export { dma_declare_coherent_memory, dma_release_coherent_memory } from './coherent-memory';
export { dmam_alloc_attrs, dmam_alloc_coherent, dmam_free_coherent } from './devres';
export * from './direction';
export { DMA_BIT_MASK, DMA_MAPPING_ERROR, dma_mapping_error } from './dma-address';
export { dma_coherent_ok } from './direct-pages';
export * from './get-sgtable';
export {
  DmaIovaState,
  dma_iova_destroy,
  dma_iova_free,
  dma_iova_link,
  dma_iova_size,
  dma_iova_sync,
  dma_iova_try_alloc,
  dma_iova_unlink,
  dma_use_iova,
} from './iommu-dma-link';
export * from './mask';
export * from './mmap';
export { dma_dev_need_sync, dma_need_sync, dma_need_unmap } from './need-sync';
export * from './noncontiguous';
export { dma_alloc_noncoherent, dma_alloc_pages, dma_free_noncoherent, dma_free_pages } from './pages';
export { dma_pgprot } from './remap';
export {
  of_reserved_mem_device_init,
  of_reserved_mem_device_init_by_idx,
  of_reserved_mem_device_init_by_name,
  of_reserved_mem_device_release,
} from './reserved-mem-device';
export {
  dma_get_max_seg_size,
  dma_get_min_align_mask,
  dma_get_seg_boundary,
  dma_get_seg_boundary_nr_pages,
  dma_set_max_seg_size,
  dma_set_min_align_mask,
  dma_set_seg_boundary,
} from './segments';
export * from './streaming';
export * from './sync';
