import {
  DMA_FROM_DEVICE,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_sync_single_for_cpu,
  dma_sync_single_for_device,
  dma_unmap_single,
  type VirtAddr,
} from 'dmalab';
import type { Engine } from './lib/engine';
import { BOUNCING, NON_COHERENT, exhibit } from './lib/exhibit';
import { receivingPackets, type Deliver } from './lib/scene';

const LENGTH = 2048;
const PACKETS = 8;

/**
 * Invalidates the cache for the buffer, then starts the device: nothing old is in the cache now. But the CPU may fetch lines
 * of it at any time, without being asked, and what it fetches before the device has written is old.
 */
const receiveBuggy = async (engine: Engine, buffer: VirtAddr, deliver: Deliver): Promise<number> => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  for (let number = 0; number < PACKETS; number++) {
    engine.expect(number);
    dma_sync_single_for_cpu(dev, address, LENGTH, DMA_FROM_DEVICE); // BUG
    await engine.receive(address, LENGTH);
    deliver(kernel.mm.read(buffer, LENGTH), number);
  }
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return 0;
};

/** The device has the buffer from one sync to the other. */
const receiveFixed = async (engine: Engine, buffer: VirtAddr, deliver: Deliver): Promise<number> => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  for (let number = 0; number < PACKETS; number++) {
    engine.expect(number);
    await engine.receive(address, LENGTH);
    dma_sync_single_for_cpu(dev, address, LENGTH, DMA_FROM_DEVICE);
    deliver(kernel.mm.read(buffer, LENGTH), number);
    dma_sync_single_for_device(dev, address, LENGTH, DMA_FROM_DEVICE);
  }
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return 0;
};

export default exhibit({
  number: 4,
  name: 'invalidate-before-only',
  title: 'dma_sync_single_for_cpu before the device writes, and not after it',
  example: 'apache/nuttx#19506',
  dmaDebug: 'N',
  reports: ['DMA-DEVICE-NOT-OWNER'],
  shows: [...NON_COHERENT, ...BOUNCING],
  buggy: receivingPackets(LENGTH, receiveBuggy),
  fixed: receivingPackets(LENGTH, receiveFixed),
});
