import {
  DMA_ATTR_NO_WARN,
  DMA_ATTR_SKIP_CPU_SYNC,
  DMA_TO_DEVICE,
  GFP_KERNEL,
  __get_free_pages,
  dma_map_single_attrs,
  dma_mapping_error,
  dma_unmap_single_attrs,
  free_pages,
  patternBytes,
  type DmaAddr,
  type MachineOptions,
  type ScenarioContext,
  type StructDevice,
} from 'dmalab';
import { ENGINE_MACHINE, engineNode, type Engine } from './engine';
import { bounceSlots } from './holdings';
import { judge, judgeThat } from './verdict';

/** A pool of the engine's own, where the matrix asks for one; elsewhere it is left out. */
const POOL = 'small_pool';

/** The board of the other exhibits with so few bounce buffers, 128 of 2 KiB, that they are soon used up. */
export const SHORT_MACHINE: MachineOptions = {
  ...ENGINE_MACHINE,
  bootargs: 'swiotlb=128',
  reservedMemory: [{ label: POOL, size: 0x4_0000, compatible: 'restricted-dma-pool' }],
  nodes: [engineNode('engine', { memoryRegions: [POOL] })],
};

/** What others have mapped, from large to small, until no bounce buffer is free. */
const SIZES = [0x4_0000, 0x8000, 0x800];
const ORDER = 6;
/** No device is ever given these addresses, so nothing needs to be copied. */
const ATTRS = DMA_ATTR_NO_WARN | DMA_ATTR_SKIP_CPU_SYNC;

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
      const address = dma_map_single_attrs(dev, buffer, size, DMA_TO_DEVICE, ATTRS);
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
const inShortage = async <T>(lab: ScenarioContext, { dev }: Engine, work: () => Promise<T>): Promise<T> => {
  const { kernel } = lab;
  const buffer = lab.ok(__get_free_pages(kernel, GFP_KERNEL, ORDER), '__get_free_pages');
  kernel.mm.failures.failWhen(({ caller }) => caller === 'page');
  const taken = useUp(dev, buffer);
  const result = await work();
  kernel.mm.failures.clear();
  for (const { address, size } of taken) dma_unmap_single_attrs(dev, address, size, DMA_TO_DEVICE, ATTRS);
  free_pages(kernel, buffer, ORDER);
  return result;
};

/**
 * Sends while nothing can be mapped, when the device must not be given an address; and once more when there is memory again.
 *
 * @param packet the pattern that is sent, and its bytes
 * @param harm what it means if the device was given one
 */
export const sendInShortage = async (
  lab: ScenarioContext,
  engine: Engine,
  send: () => Promise<number>,
  { pattern, length }: { readonly pattern: number; readonly length: number },
  harm: string,
): Promise<void> => {
  const hardware = engine.hardware(lab);
  const result = await inShortage(lab, engine, send);
  lab.note(`sending while nothing can be mapped gave ${result}`);
  judgeThat(lab, hardware.refused === 0, harm);
  hardware.sent.length = 0;
  lab.equal(await send(), length, 'bytes sent once there is memory again');
  judge(lab, hardware.sent[0]!, patternBytes(pattern, 0, length), 'the packet on the wire');
};
