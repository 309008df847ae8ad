import {
  DMA_ATTR_NO_WARN,
  DMA_TO_DEVICE,
  GFP_KERNEL,
  __get_free_pages,
  dma_map_single_attrs,
  dma_mapping_error,
  dma_unmap_single,
  free_pages,
  type DmaAddr,
  type ScenarioContext,
  type StructDevice,
} from 'dmalab';
import type { Engine } from './engine';
import { bounceSlots } from './holdings';

/** What others have mapped, from large to small, until no bounce buffer is free. */
const SIZES = [0x4_0000, 0x8000, 0x800];
const ORDER = 6;

interface Mapping {
  readonly address: DmaAddr;
  readonly size: number;
}

/** Maps until that fails. Where nothing is bounced there is nothing to fill. */
const useUp = (dev: StructDevice, buffer: ReturnType<typeof __get_free_pages>): Mapping[] => {
  const taken: Mapping[] = [];
  for (const size of SIZES) {
    while (true) {
      const before = bounceSlots(dev);
      const address = dma_map_single_attrs(dev, buffer, size, DMA_TO_DEVICE, DMA_ATTR_NO_WARN);
      if (dma_mapping_error(dev, address) !== 0) break;
      taken.push({ address, size });
      if (bounceSlots(dev) === before) return taken;
    }
  }
  return taken;
};

/**
 * Runs `work` while mapping fails wherever it can: there is no memory for the IOMMU's tables, and no bounce buffer is free.
 * Without translation and bouncing it cannot fail.
 */
export const inShortage = async <T>(lab: ScenarioContext, { dev }: Engine, work: () => Promise<T>): Promise<T> => {
  const { kernel } = lab;
  const buffer = lab.ok(__get_free_pages(kernel, GFP_KERNEL, ORDER), '__get_free_pages');
  kernel.mm.failures.failWhen(({ caller }) => caller === 'page');
  const taken = useUp(dev, buffer);
  const result = await work();
  kernel.mm.failures.clear();
  for (const { address, size } of taken) dma_unmap_single(dev, address, size, DMA_TO_DEVICE);
  free_pages(kernel, buffer, ORDER);
  return result;
};
