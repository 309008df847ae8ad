/**
 * The kernel API as drivers see it: everything that a driver on Linux would get from `include/linux/`.
 */
export * from './base/dev-printk';
export { dev_get_drvdata, dev_name, dev_set_drvdata } from './base/device';
export * from './base/devres';
export * from './base/platform';
export type { DeviceDriver, OfDeviceId } from './base/device-driver';
export type { StructDevice } from './base/struct-device';
export { dma_get_cache_alignment } from './dma/arch-sync';
export { dmam_pool_create, dmam_pool_destroy } from './dma/devres';
export * from './dma/dmapool';
export * from './dma/mapping';
export * from './dmaengine/client';
export {
  devm_dma_request_chan,
  dma_chan_name,
  dma_get_any_slave_channel,
  dma_get_slave_channel,
  dma_release_channel,
  dma_request_chan,
  dma_request_chan_by_mask,
  dma_async_device_register,
  dma_async_device_unregister,
  dmaenginem_async_device_register,
} from './dmaengine/dmaengine';
export { dma_async_is_complete } from './dmaengine/cookie';
export * from './dmaengine/of-dma';
export * from './dmaengine/types';
export * from './dmaengine/virt-dma';
export { prototypeDriver, PrototypePort, type PrototypeDriverOptions } from './drivers/prototype/prototype';
export * as prototypeRegs from './drivers/prototype/regs';
export type { PrototypeQueue, PrototypeQueueOptions, StreamOptions } from './drivers/prototype/queue';
export type { TransferCallback, TransferLists, TransferResult } from './drivers/prototype/transfer';
export { StreamFifoPort } from './drivers/stream-fifo/stream-fifo';
export * from './err';
export * from './gfp';
export * from './io/accessors';
export * from './io/barriers';
export * from './io/io-mem';
export * from './io/ioremap';
export * from './io/poll';
export { iommu_group_show_type, iommu_group_store_type } from './iommu/group-type';
export * from './iommu/iommu';
export {
  IOMMU_CACHE,
  IOMMU_DOMAIN_BLOCKED,
  IOMMU_DOMAIN_DMA,
  IOMMU_DOMAIN_DMA_FQ,
  IOMMU_DOMAIN_IDENTITY,
  IOMMU_DOMAIN_UNMANAGED,
  IOMMU_MMIO,
  IOMMU_NOEXEC,
  IOMMU_PRIV,
  IOMMU_READ,
  IOMMU_WRITE,
  type IommuDomain,
} from './iommu/iommu-domain';
export type { IommuGroup } from './iommu/iommu-group';
export { IotlbGather } from './iommu/iotlb-gather';
export { IOMMU_FAULT_READ, IOMMU_FAULT_WRITE, iommu_set_fault_handler, type IommuFault } from './iommu/faults';
export * from './irq/request-irq';
export type { Kernel } from './kernel';
export { stack_alloc, stack_frame, object_is_on_stack } from './mm/kernel-stack';
export * from './mm/kmalloc';
export * from './mm/layout';
export * from './mm/page';
export * from './mm/page-alloc';
export * from './mm/string';
export * from './mm/user';
export * from './mm/vmalloc';
export type { AllocationRequest } from './mm/failures';
export * from './of/address';
export {
  of_find_compatible_node,
  of_find_node_by_name,
  of_find_node_by_path,
  of_find_node_by_phandle,
  of_find_node_with_property,
} from './of/device-tree';
export * from './of/irq';
export { OfNode } from './of/of-node';
export * from './of/property';
export * from './oops';
export { SgAppendTable, sg_alloc_append_table_from_pages, sg_free_append_table } from './scatterlist/append-table';
export * from './scatterlist/dma-flags';
export {
  SG_CHUNK_SIZE,
  SG_DMA_BUS_ADDRESS,
  SG_DMA_SWIOTLB,
  SG_MAX_SEGMENTS,
  SG_MAX_SINGLE_ALLOC,
} from './scatterlist/layout';
export * from './scatterlist/miter';
export * from './scatterlist/page-iter';
export * from './scatterlist/scatterlist';
export * from './scatterlist/sg-copy';
export { sg_last, sg_nents, sg_nents_for_dma, sg_nents_for_len } from './scatterlist/sg-count';
export * from './scatterlist/sg-split';
export * from './scatterlist/sg-table';
export * from './scatterlist/sg-table-chained';
export * from './scatterlist/sgl-alloc';
export * from './sched/atomic';
export * from './sched/completion';
export * from './sched/delay';
export * from './sched/jiffies';
export * from './sched/kthread';
export * from './sched/mutex';
export * from './sched/spinlock';
export type { Task } from './sched/task';
export * from './sched/tasklet';
export * from './sched/timer';
export * from './sched/wait-queue';
export * from './sched/workqueue';
