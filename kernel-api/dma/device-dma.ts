import { DMA_BIT_MASK, minNotZero } from './dma-address';
import type { DmaRangeMap } from './bus-dma-region';
import type { DmaMapOps } from './dma-map-ops';
import { directOps } from './direct';
import type { DmaCoherentMem } from './coherent-memory';
import { DmaLimit } from './dma-limit';
import type { IommuDmaCookie } from './iommu-dma-cookie';
import type { IoTlbMem } from './swiotlb/io-tlb-mem';
import { DeviceWindows } from '../ostd/device-windows';
import type { CoherentAllocation } from '../rust/coherent-allocation';

/** What a device can make of segments (`struct device_dma_parameters`). 0 stands for the default. */
export interface DeviceDmaParameters {
  /** The longest segment, in bytes. Default 64 KiB. */
  max_segment_size: number;
  /** A segment does not cross a multiple of this plus one; a power of two minus one. Default: no boundary. */
  segment_boundary_mask: bigint;
  /** Address bits that a mapping has to preserve. */
  min_align_mask: number;
}

/**
 * The DMA side of a `struct device`: what it can address, how its bus shows memory, and by which back end its buffers are
 * mapped. A new one is that of a platform device: 32-bit masks, parameters present, mapped directly until
 * `DmaSubsystem.configure` finds an IOMMU.
 */
export class DeviceDma {
  /** Whether the device sees what the CPU caches hold (`dev_is_dma_coherent`). */
  dma_coherent = true;
  /** `dev->dma_range_map`; null if bus addresses are physical addresses. */
  dma_range_map: DmaRangeMap | null = null;
  /** `dev->dma_parms`; null for a device whose bus gives it none. */
  dma_parms: DeviceDmaParameters | null = { max_segment_size: 0, segment_boundary_mask: 0n, min_align_mask: 0 };
  /** The back end. */
  ops: DmaMapOps = directOps;
  /** Lets the device through to the bus; null once that has been done, and where nothing keeps it out. */
  admission: (() => void) | null = null;
  /** The I/O address space that the IOMMU back end maps into; null with any other. */
  iommu: IommuDmaCookie | null = null;
  /** The device may attack: nothing but its own buffers may show (`dev_is_untrusted`). */
  untrusted = false;
  /** Linux tries addresses below 4 GiB first for PCI devices, until there are none left. */
  pci_32bit_workaround = false;
  /** The restricted pool that the device bounces in; null for the kernel's default memory. */
  dma_io_tlb_mem: IoTlbMem | null = null;
  /** Some mapping of the device was bounced since it was created. */
  dma_uses_io_tlb = false;
  /** The device's mappings need no syncs: it is coherent, and nothing has been bounced. */
  dma_skip_sync = false;

  /** Memory of its own that the device's coherent memory comes from (`dev->dma_mem`). */
  dma_mem: DmaCoherentMem | null = null;
  /** Coherent memory of the typed APIs that is alive, in the order in which it was allocated. */
  readonly coherentAllocations = new Set<CoherentAllocation>();
  /** What the device reaches by `DmaStream` and `DmaCoherent`. */
  readonly ostdWindows = new DeviceWindows();

  /** The two masks are one. */
  private sharesMask = false;
  private streamingMask: bigint | null = DMA_BIT_MASK(32);
  private coherentMask = DMA_BIT_MASK(32);
  private busLimit = 0n;
  private streaming = new DmaLimit(DMA_BIT_MASK(32));
  private iova = new DmaLimit(DMA_BIT_MASK(32));
  private coherent = new DmaLimit(DMA_BIT_MASK(32));

  /** `*dev->dma_mask`; null where the pointer is NULL: the device does no DMA, and mapping for it is refused. */
  get dma_mask(): bigint | null {
    return this.streamingMask;
  }

  set dma_mask(mask: bigint | null) {
    this.streamingMask = mask;
    if (mask === null) this.sharesMask = false;
    else if (this.sharesMask) this.coherentMask = mask;
    this.recalculate();
  }

  /**
   * The driver is gone: memory of the typed APIs that outlives it stays with its owners and is taken from the device. Comes
   * before managed resources are released, so that nothing that is freed then can be hit.
   */
  revokeTypedMemory(): void {
    for (const allocation of this.coherentAllocations) allocation.revoke();
    for (const window of this.ostdWindows.list()) window.close();
  }

  /** Makes `dma_mask` point to the coherent mask (`dev->dma_mask = &dev->coherent_dma_mask`). */
  coerceMask(): void {
    this.sharesMask = true;
    this.streamingMask = this.coherentMask;
    this.recalculate();
  }

  get coherent_dma_mask(): bigint {
    return this.coherentMask;
  }

  set coherent_dma_mask(mask: bigint) {
    this.coherentMask = mask;
    if (this.sharesMask) this.streamingMask = mask;
    this.recalculate();
  }

  /** The last address that reaches memory through the bus; 0 if the bus sets no limit. */
  get bus_dma_limit(): bigint {
    return this.busLimit;
  }

  set bus_dma_limit(limit: bigint) {
    this.busLimit = limit;
    this.recalculate();
  }

  /** What streaming mappings have to stay under: the mask or the bus's limit. */
  get limit(): DmaLimit {
    return this.streaming;
  }

  /** What I/O addresses of streaming mappings have to stay under: for them a mask of 0 stands for 32 bits (`dma_get_mask`). */
  get iovaLimit(): DmaLimit {
    return this.iova;
  }

  /** What coherent memory has to stay under. */
  get coherentLimit(): DmaLimit {
    return this.coherent;
  }

  private recalculate(): void {
    this.streaming = new DmaLimit(minNotZero(this.streamingMask ?? 0n, this.busLimit));
    this.iova = new DmaLimit(minNotZero(this.streamingMask || DMA_BIT_MASK(32), this.busLimit));
    this.coherent = new DmaLimit(minNotZero(this.coherentMask, this.busLimit));
  }
}
