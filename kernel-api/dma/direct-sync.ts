import { SIZE_MAX } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { arch_sync_dma_for_cpu, arch_sync_dma_for_device } from './arch-sync';
import { directPhysOf, isPhysical } from './direct-map';
import { directIsPlain, forEachMappedEntry } from './direct-sg';
import type { DmaDataDirection } from './direction';
import type { DmaSyncOps } from './dma-map-ops';
import { dma_addressing_limited } from './mask';
import { is_swiotlb_buffer, swiotlb_sync_single_for_cpu, swiotlb_sync_single_for_device } from './swiotlb/map-single';
import { is_swiotlb_active, is_swiotlb_force_bounce, swiotlb_max_mapping_size } from './swiotlb/swiotlb-map';

/** Handing directly mapped buffers back and forth (`kernel/dma/direct.{c,h}`), and how large they may be. */

const forDevice = (dev: StructDevice, place: number, size: number, dir: DmaDataDirection): void => {
  swiotlb_sync_single_for_device(dev, place, size, dir);
  if (!dev.dma.dma_coherent && isPhysical(place)) arch_sync_dma_for_device(dev.kernel, place, size, dir);
};

const forCpu = (dev: StructDevice, place: number, size: number, dir: DmaDataDirection): void => {
  if (!dev.dma.dma_coherent && isPhysical(place)) arch_sync_dma_for_cpu(dev.kernel, place, size, dir);
  swiotlb_sync_single_for_cpu(dev, place, size, dir);
};

/** Lists are synced by the lengths of their data, as in Linux, not by those of the mapped segments. */
export const directSync: DmaSyncOps = {
  syncSingleForCpu: (dev, address, size, dir) => forCpu(dev, directPhysOf(dev, address), size, dir),
  syncSingleForDevice: (dev, address, size, dir) => forDevice(dev, directPhysOf(dev, address), size, dir),
  syncSgForCpu: (dev, sgl, nents, dir) => {
    if (directIsPlain(dev)) return;
    forEachMappedEntry(dev, sgl, nents, (place, _dmaLength, length) => forCpu(dev, place, length, dir));
  },
  syncSgForDevice: (dev, sgl, nents, dir) => {
    if (directIsPlain(dev)) return;
    forEachMappedEntry(dev, sgl, nents, (place, _dmaLength, length) => forDevice(dev, place, length, dir));
  },
  needSync: (dev, address) => !dev.dma.dma_coherent || is_swiotlb_buffer(dev, directPhysOf(dev, address)),
};

/** `dma_direct_max_mapping_size`: a bounce buffer's size, for devices whose mappings may have to be bounced. */
export const directMaxMappingSize = (dev: StructDevice): number =>
  is_swiotlb_active(dev) && (is_swiotlb_force_bounce(dev) || dma_addressing_limited(dev))
    ? swiotlb_max_mapping_size(dev)
    : SIZE_MAX;
