import { dmaAddr, type DmaAddr, type VirtAddr } from '../../base/address';
import { ENOMEM } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import type { DmaRangeMap } from '../dma/bus-dma-region';
import { dma_alloc_attrs, dma_free_attrs } from '../dma/coherent';
import type { DmaAllocOps } from '../dma/dma-map-ops';
import { out } from '../err';
import type { Gfp } from '../gfp';
import type { Attrs } from './attrs';
import { checkBound, type Bound, type Device } from './device';
import { KernelError } from './kernel-error';

/**
 * One allocation of coherent memory, whatever type owns it now (`CoherentBox`, `Coherent`, `CoherentHandle`).
 *
 * It may outlive the binding of the driver; its device's access must not. When the driver is unbound, everything that stands
 * in `dev.dma.coherentAllocations` is taken from the device, where an IOMMU makes that possible, and the memory stays
 * usable until its owner drops it. Rust-for-Linux has this as a to-do.
 */
export class CoherentAllocation {
  readonly dev: StructDevice;
  /** Bytes, as they were asked for. */
  readonly size: number;
  /** The CPU's address, or with `DMA_ATTR_NO_KERNEL_MAPPING` whatever stands for it. */
  readonly cpu: VirtAddr;
  readonly handle: DmaAddr;
  readonly attrs: Attrs;
  /** How the bus showed memory at the time: `handle` means something in these terms only. */
  private readonly rangeMap: DmaRangeMap | null;
  /** The back end that it came from: at a later binding the device may have another. */
  private readonly ops: DmaAllocOps;
  private revoked = false;

  private constructor(dev: StructDevice, size: number, cpu: VirtAddr, handle: DmaAddr, attrs: Attrs) {
    this.dev = dev;
    this.size = size;
    this.cpu = cpu;
    this.handle = handle;
    this.attrs = attrs;
    this.rangeMap = dev.dma.dma_range_map;
    this.ops = dev.dma.ops;
  }

  /** Allocates `size` bytes, more than none. @throws KernelError `ENOMEM` */
  static allocate(dev: Device<Bound>, size: number, gfp: Gfp, attrs: Attrs): CoherentAllocation {
    checkBound(dev, 'dma_alloc_attrs');
    const handle = out(dmaAddr(0));
    const cpu = Number.isSafeInteger(size) ? dma_alloc_attrs(dev, size, handle, gfp, attrs.asRaw()) : 0;
    if (cpu === 0) throw new KernelError(ENOMEM, `no ${size} bytes of coherent memory for ${dev.name}`);
    const allocation = new CoherentAllocation(dev, size, cpu, handle.value, attrs);
    dev.dma.coherentAllocations.add(allocation);
    return allocation;
  }

  /** Whether the device has lost it. */
  get isRevoked(): boolean {
    return this.revoked;
  }

  /** Takes it from the device, once, if anything stands between the device and memory. */
  revoke(): void {
    const { dev, ops, size, cpu, handle } = this;
    if (this.revoked || ops.revocation === undefined || dev.dma.dma_mem?.has(cpu) === true) return;
    this.revoked = true;
    ops.revocation.revoke(dev, size, handle);
  }

  /**
   * Frees it. Once. The bus windows that the handle was made by are forgotten when the driver is unbound; without them the
   * pages behind the handle would be taken for others, so they are put back meanwhile.
   */
  free(): void {
    const { dev, size, cpu, handle, attrs, rangeMap } = this;
    dev.dma.coherentAllocations.delete(this);
    if (this.revoked) {
      this.ops.revocation!.free(dev, size, cpu);
      return;
    }
    const current = dev.dma.dma_range_map;
    dev.dma.dma_range_map = rangeMap;
    try {
      dma_free_attrs(dev, size, cpu, handle, attrs.asRaw());
    } finally {
      dev.dma.dma_range_map = current;
    }
  }
}
