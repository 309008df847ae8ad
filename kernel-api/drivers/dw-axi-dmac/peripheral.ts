import { physAddr, type DmaAddr } from '../../../base/address';
import type { StructDevice } from '../../base/struct-device';
import { DMA_BIDIRECTIONAL } from '../../dma/direction';
import { dma_map_resource, dma_mapping_error, dma_unmap_resource } from '../../dma/mapping';

interface Mapped {
  readonly physical: number;
  readonly size: number;
  readonly address: DmaAddr;
}

/**
 * Data registers of a channel's peripheral as the controller has to address them: mapped like anything else that the
 * controller touches, so that slave transfers work behind an IOMMU too.
 *
 * Linux's driver uses the physical address as it is, which an IOMMU refuses.
 */
export class PeripheralAddresses {
  private readonly dev: StructDevice;
  private readonly mapped: Mapped[] = [];

  /** @param dev the controller */
  constructor(dev: StructDevice) {
    this.dev = dev;
  }

  /**
   * The address for a register of `size` bytes; NULL if it cannot be mapped. It stays mapped: transactions that were
   * prepared with it may still be queued when the client configures the channel anew.
   */
  resolve(physical: number, size: number): DmaAddr | null {
    const known = this.mapped.find((entry) => entry.physical === physical && entry.size === size);
    if (known !== undefined) return known.address;
    const address = dma_map_resource(this.dev, physAddr(physical), size, DMA_BIDIRECTIONAL, 0);
    if (dma_mapping_error(this.dev, address) !== 0) return null;
    this.mapped.push({ physical, size, address });
    return address;
  }

  /** Takes the mappings away. */
  forget(): void {
    for (const { address, size } of this.mapped.splice(0)) {
      dma_unmap_resource(this.dev, address, size, DMA_BIDIRECTIONAL, 0);
    }
  }
}
