/** User address spaces, and what drivers do with user memory. */
export { dup_mm } from './fork';
export * from './gup';
export { migrateUserPage } from './migrate';
export { MmStruct, kthread_unuse_mm, kthread_use_mm, mm_alloc, mmget, mmput, vma_lookup } from './mm-struct';
export {
  GUP_PIN_COUNTING_BIAS,
  PageDirty,
  is_zero_page,
  page_maybe_dma_pinned,
  set_page_dirty_lock,
} from './page-refs';
export * from './remap';
export * from './uaccess';
export * from './unpin';
export { SegmentationFault, UserProcess } from './user-process';
export { VmAreaStruct, vma_is_anonymous, vma_pages, type UserMappable } from './vm-area-struct';
export * from './vm-flags';
