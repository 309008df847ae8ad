import type { DmaAddr, PhysAddr, VirtAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { Out } from '../err';
import type { Gfp } from '../gfp';
import type { Page } from '../mm/page';
import type { SgTable } from '../scatterlist/sg-table';
import type { DmaAttrs } from './attrs';
import type { DmaDataDirection } from './direction';

/**
 * A back end of the DMA API (`struct dma_map_ops` of `include/linux/dma-map-ops.h`). Arguments have been checked: the
 * direction is one, the device has a mask, sizes are non-negative integers.
 *
 * Scatter-gather lists come as the address of their first `struct scatterlist`, and are worked on in place.
 */
export interface DmaMapOps extends DmaSyncOps, DmaAllocOps {
  readonly name: 'direct' | 'iommu';
  /** Maps `size` bytes of physical address space. `DMA_MAPPING_ERROR` on failure. */
  mapPhys(dev: StructDevice, phys: PhysAddr, size: number, dir: DmaDataDirection, attrs: DmaAttrs): DmaAddr;
  unmapPhys(dev: StructDevice, address: DmaAddr, size: number, dir: DmaDataDirection, attrs: DmaAttrs): void;
  /** Maps a list of `nents` entries. The number of mapped entries, or a negative error; nothing stays mapped then. */
  mapSg(dev: StructDevice, sgl: VirtAddr, nents: number, dir: DmaDataDirection, attrs: DmaAttrs): number;
  unmapSg(dev: StructDevice, sgl: VirtAddr, nents: number, dir: DmaDataDirection, attrs: DmaAttrs): void;
  /** Whether the back end can work with a mask. */
  supported(dev: StructDevice, mask: bigint): boolean;
  /** The smallest mask with which everything works best. */
  requiredMask(dev: StructDevice): bigint;
  /** Segments that meet at a multiple of this plus one can be merged; 0 if none can. */
  mergeBoundary(dev: StructDevice): number;
  /** The largest mapping there can be, in bytes; `SIZE_MAX` for no limit. */
  maxMappingSize(dev: StructDevice): number;
  /** The largest mapping that is still made quickly, in bytes; `SIZE_MAX` for no limit. */
  optMappingSize(dev: StructDevice): number;
  /** The physical address behind an address that the device uses; -1 where there is nothing. Not for hot paths. */
  toPhysical(dev: StructDevice, address: DmaAddr): number;
}

/**
 * Handing mapped memory back and forth: caches of devices that do not snoop, bounce buffers. In a list the address of an
 * entry is its DMA address, and the length that of its data, unless a back end says otherwise.
 */
export interface DmaSyncOps {
  syncSingleForCpu(dev: StructDevice, address: DmaAddr, size: number, dir: DmaDataDirection): void;
  syncSingleForDevice(dev: StructDevice, address: DmaAddr, size: number, dir: DmaDataDirection): void;
  syncSgForCpu(dev: StructDevice, sgl: VirtAddr, nents: number, dir: DmaDataDirection): void;
  syncSgForDevice(dev: StructDevice, sgl: VirtAddr, nents: number, dir: DmaDataDirection): void;
  /** Whether a mapping needs syncs. Asked only of devices that may have mappings that do. */
  needSync(dev: StructDevice, address: DmaAddr): boolean;
}

/** Memory for DMA. Sizes of pages are whole pages; all other sizes are what the caller asked for. */
export interface DmaAllocOps {
  /** Allocates zeroed memory that CPU and device may use at any time. 0 (NULL) on failure. */
  alloc(dev: StructDevice, size: number, handle: Out<DmaAddr>, gfp: Gfp, attrs: DmaAttrs): VirtAddr;
  free(dev: StructDevice, size: number, cpu: VirtAddr, handle: DmaAddr, attrs: DmaAttrs): void;
  /** Describes memory of `alloc` by a list (`sg_alloc_table` and friends). 0 or a negative error. */
  getSgtable(dev: StructDevice, sgt: SgTable, cpu: VirtAddr, handle: DmaAddr, size: number, attrs: DmaAttrs): number;
  /** Allocates zeroed, contiguous pages of the linear map and maps them; they need syncs. Null on failure. */
  allocPages(dev: StructDevice, size: number, handle: Out<DmaAddr>, dir: DmaDataDirection, gfp: Gfp): Page | null;
  freePages(dev: StructDevice, size: number, page: Page, handle: DmaAddr, dir: DmaDataDirection): void;
  /** Only where something stands between the device and memory. */
  readonly revocation?: DmaRevocationOps;
  /** Only where scattered pages can be made contiguous for the device. */
  readonly noncontiguous?: DmaNoncontiguousOps;
}

/** Taking memory of `DmaAllocOps.alloc` from the device while the CPU goes on to use it. */
export interface DmaRevocationOps {
  /** When this returns, the device reaches the memory no more. */
  revoke(dev: StructDevice, size: number, handle: DmaAddr): void;
  /** Frees memory that was taken from the device. */
  free(dev: StructDevice, size: number, cpu: VirtAddr): void;
}

/** Memory that is contiguous for the device only, described by a list of one segment. */
export interface DmaNoncontiguousOps {
  alloc(dev: StructDevice, size: number, dir: DmaDataDirection, gfp: Gfp, attrs: DmaAttrs): SgTable | null;
  free(dev: StructDevice, size: number, sgt: SgTable, dir: DmaDataDirection): void;
  /** The pages of `alloc`, in order. */
  pages(dev: StructDevice, sgt: SgTable): readonly Page[];
}
