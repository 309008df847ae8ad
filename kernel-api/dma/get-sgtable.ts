import type { DmaAddr, VirtAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { SgTable } from '../scatterlist/sg-table';
import { checkDevice, checkDmaAddr, checkSize } from './arguments';
import type { DmaAttrs } from './attrs';

/**
 * Describes memory of `dma_alloc_attrs` by a table, which is allocated here and to be freed with `sg_free_table`
 * (`kernel/dma/mapping.c`). For sharing the memory with another device; the table must not be mapped for the same one.
 * @returns 0 or a negative error
 */
export const dma_get_sgtable_attrs = (
  dev: StructDevice,
  sgt: SgTable,
  cpu: VirtAddr,
  handle: DmaAddr,
  size: number,
  attrs: DmaAttrs,
): number => {
  checkDevice(dev);
  checkSize('dma_get_sgtable', size);
  checkDmaAddr('dma_get_sgtable', handle);
  return dev.dma.ops.getSgtable(dev, sgt, cpu, handle, size, attrs);
};

/** `dma_get_sgtable_attrs` without attributes. */
export const dma_get_sgtable = (
  dev: StructDevice,
  sgt: SgTable,
  cpu: VirtAddr,
  handle: DmaAddr,
  size: number,
): number => dma_get_sgtable_attrs(dev, sgt, cpu, handle, size, 0);
