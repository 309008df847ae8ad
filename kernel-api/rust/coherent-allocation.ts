import { dmaAddr, type DmaAddr, type VirtAddr } from '../../base/address';
import { ENOMEM } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import type { DmaRangeMap } from '../dma/bus-dma-region';
import { dma_alloc_attrs, dma_free_attrs } from '../dma/coherent';
import { out } from '../err';
import type { Gfp } from '../gfp';
import type { Attrs } from './attrs';
import { checkBound, type Bound, type Device } from './device';
import { KernelError } from './kernel-error';

/**
 * One allocation of coherent memory, whatever type owns it now (`CoherentBox`, `Coherent`, `CoherentHandle`). From its
 * allocation until it is freed it stands in `dev.dma.coherentAllocations`, so that whoever revokes a device's resources at
 * unbind finds everything that is left.
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

  private constructor(dev: StructDevice, size: number, cpu: VirtAddr, handle: DmaAddr, attrs: Attrs) {
    this.dev = dev;
    this.size = size;
    this.cpu = cpu;
    this.handle = handle;
    this.attrs = attrs;
    this.rangeMap = dev.dma.dma_range_map;
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

  /**
   * Frees it. Once. The bus windows that the handle was made by are forgotten when the driver is unbound; without them the
   * pages behind the handle would be taken for others, so they are put back meanwhile.
   */
  free(): void {
    const { dev, size, cpu, handle, attrs, rangeMap } = this;
    dev.dma.coherentAllocations.delete(this);
    const current = dev.dma.dma_range_map;
    dev.dma.dma_range_map = rangeMap;
    try {
      dma_free_attrs(dev, size, cpu, handle, attrs.asRaw());
    } finally {
      dev.dma.dma_range_map = current;
    }
  }
}
