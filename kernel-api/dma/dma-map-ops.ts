import type { DmaAddr, PhysAddr, VirtAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { Out } from '../err';
import type { Gfp } from '../gfp';
import type { DmaAttrs } from './attrs';
import type { DmaDataDirection } from './direction';

/**
 * A back end of the DMA API. Arguments have been checked: the direction is one, the device has a mask.
 *
 * Scatter-gather lists come as the address of their first `struct scatterlist`, and are worked on in place.
 */
export interface DmaMapOps {
  readonly name: 'direct' | 'iommu';
  /** Maps `size` bytes of physical address space. `DMA_MAPPING_ERROR` on failure. */
  mapPhys(dev: StructDevice, phys: PhysAddr, size: number, dir: DmaDataDirection, attrs: DmaAttrs): DmaAddr;
  unmapPhys(dev: StructDevice, address: DmaAddr, size: number, dir: DmaDataDirection, attrs: DmaAttrs): void;
  /** Maps a list of `nents` entries. The number of mapped entries, or a negative error; nothing stays mapped then. */
  mapSg(dev: StructDevice, sgl: VirtAddr, nents: number, dir: DmaDataDirection, attrs: DmaAttrs): number;
  unmapSg(dev: StructDevice, sgl: VirtAddr, nents: number, dir: DmaDataDirection, attrs: DmaAttrs): void;
  /** Allocates zeroed memory that CPU and device may use at any time. 0 (NULL) on failure. */
  alloc(dev: StructDevice, size: number, handle: Out<DmaAddr>, gfp: Gfp, attrs: DmaAttrs): VirtAddr;
  free(dev: StructDevice, size: number, cpu: VirtAddr, handle: DmaAddr, attrs: DmaAttrs): void;
  /** Whether the back end can work with a mask. */
  supported(dev: StructDevice, mask: bigint): boolean;
  /** The smallest mask with which everything works best. */
  requiredMask(dev: StructDevice): bigint;
  /** Segments that meet at a multiple of this plus one can be merged; 0 if none can. */
  mergeBoundary(dev: StructDevice): number;
  /** The physical address behind an address that the device uses; -1 where there is nothing. Not for hot paths. */
  toPhysical(dev: StructDevice, address: DmaAddr): number;
}
