import { PAGE_SIZE, physAddr, type VirtAddr } from '../../base/address';
import { dev_warn } from '../base/dev-printk';
import type { StructDevice } from '../base/struct-device';
import { phys_to_virt } from '../mm/layout';
import type { DmaAttrs } from './attrs';
import type { DmaDataDirection } from './direction';
import { dma_kmalloc_needs_bounce, dma_kmalloc_safe } from './kmalloc-bounce';
import { swiotlb_tbl_map_single } from './swiotlb/map-single';
import { is_swiotlb_active } from './swiotlb/swiotlb-map';

/**
 * Bounce buffers behind an IOMMU (`drivers/iommu/dma-iommu.c`): an IOMMU grants whole pages, so what shares a page with a
 * buffer would show to a device that is not trusted; and small buffers of kmalloc share cache lines.
 */

/** Whether a mapping of this size may have to be bounced (`dev_use_swiotlb`). */
export const dev_use_swiotlb = (dev: StructDevice, size: number, dir: DmaDataDirection): boolean =>
  dev.dma.untrusted || dma_kmalloc_needs_bounce(dev, size, dir);

/** Whether entries of a list have to be mapped one by one, because some may have to be bounced (`dev_use_sg_swiotlb`). */
export const dev_use_sg_swiotlb = (dev: StructDevice, sgl: VirtAddr, nents: number, dir: DmaDataDirection): boolean => {
  if (dev.dma.untrusted) return true;
  if (dma_kmalloc_safe(dev, dir)) return false;
  const { scratch: pool } = dev.kernel.dma;
  const scratch = pool.take(0);
  try {
    const { reader } = scratch;
    reader.begin(dev.kernel, sgl, nents);
    while (reader.next()) if (dma_kmalloc_needs_bounce(dev, reader.length, dir)) return true;
    return false;
  } finally {
    pool.give(scratch);
  }
};

/** Whether a buffer begins or ends inside a page (`iova_unaligned`). */
export const isUnaligned = (phys: number, size: number): boolean => ((phys | size) & (PAGE_SIZE - 1)) !== 0;

/** What is around a bounce buffer in its pages held other data: an untrusted device must not see it. */
const clearPadding = (dev: StructDevice, place: number, size: number): void => {
  const { mm } = dev.kernel;
  const before = place % PAGE_SIZE;
  const after = (PAGE_SIZE - ((place + size) % PAGE_SIZE)) % PAGE_SIZE;
  if (before > 0) mm.fill(phys_to_virt(physAddr(place - before)), 0, before);
  if (after > 0) mm.fill(phys_to_virt(physAddr(place + size)), 0, after);
};

/** Finds a bounce buffer in pages of its own (`iommu_dma_map_swiotlb`). @returns its physical address, or -1 */
export const mapSwiotlb = (
  dev: StructDevice,
  phys: number,
  size: number,
  dir: DmaDataDirection,
  attrs: DmaAttrs,
): number => {
  const { trace } = dev.kernel;
  if (!is_swiotlb_active(dev)) {
    const cookie = dev.dma.iommu!;
    if (!cookie.toldNoBounce) dev_warn(dev, 'cannot be given part of a page, as there are no bounce buffers.');
    cookie.toldNoBounce = true;
    return -1;
  }
  if (trace.active) trace.emit({ type: 'swiotlb-bounced', device: dev.name, physical: physAddr(phys), length: size });
  const place = swiotlb_tbl_map_single(dev, phys, size, PAGE_SIZE - 1, dir, attrs);
  if (place >= 0 && dev.dma.untrusted) clearPadding(dev, place, size);
  return place;
};
