import { ADDRESS_LIMIT, dmaAddr, type DmaAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { DMA_MAPPING_ERROR } from './dma-address';

/** Physical addresses and those of a device's bus (`include/linux/dma-direct.h`). Not for hot paths (bigint). */

/** `phys_to_dma`; all ones where the bus does not show the memory. */
export const directToDma = (dev: StructDevice, phys: number): DmaAddr =>
  dev.dma.dma_range_map?.toDma(phys) ?? dmaAddr(phys);

/** `dma_to_phys`: all ones where the bus shows nothing, so that it is above every limit. */
export const dmaToPhys = (dev: StructDevice, address: bigint): bigint => {
  const map = dev.dma.dma_range_map;
  if (map === null) return address;
  const phys = map.toPhysical(dmaAddr(address));
  return phys < 0 ? DMA_MAPPING_ERROR : BigInt(phys);
};

/** The physical address behind a bus address, or -1. */
export const directToPhysical = (dev: StructDevice, address: DmaAddr): number => {
  const phys = dmaToPhys(dev, address);
  return phys < BigInt(ADDRESS_LIMIT) ? Number(phys) : -1;
};
