/** Bounce buffers as `include/linux/swiotlb.h` declares them. */
export {
  is_swiotlb_buffer,
  swiotlb_find_pool,
  swiotlb_sync_single_for_cpu,
  swiotlb_sync_single_for_device,
  swiotlb_tbl_map_single,
  swiotlb_tbl_unmap_single,
} from './map-single';
export { of_dma_set_restricted_buffer, swiotlb_alloc, swiotlb_free } from './restricted-pool';
export { IO_TLB_DEFAULT_SIZE, IO_TLB_SEGSIZE, IO_TLB_SHIFT, IO_TLB_SIZE } from './slots';
export { Swiotlb } from './swiotlb';
export {
  is_swiotlb_active,
  is_swiotlb_allocated,
  is_swiotlb_for_alloc,
  is_swiotlb_force_bounce,
  swiotlb_map,
  swiotlb_max_mapping_size,
} from './swiotlb-map';
export { dma_kmalloc_needs_bounce, dma_kmalloc_safe } from '../kmalloc-bounce';
