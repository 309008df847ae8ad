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

const LENGTH = 512;
const PACKETS = 4;

/** A receive buffer that stays mapped from packet to packet, and that the driver looks into in between. */
const receiveBuggy = async (engine: Engine, buffer: VirtAddr, deliver: Deliver): Promise<number> => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  for (let number = 0; number < PACKETS; number++) {
    engine.expect(number);
    await engine.receive(address, LENGTH);
    deliver(kernel.mm.read(buffer, LENGTH), number); // BUG
    dma_sync_single_for_device(dev, address, LENGTH, DMA_FROM_DEVICE);
  }
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return 0;
};

/** Takes the buffer back before it looks. */
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
  number: 1,
  name: 'missing-sync-for-cpu',
  title: 'The CPU reads what a device wrote without dma_sync_single_for_cpu',
  example: 'talitos, L:20260507-bootlin_test-7-1-rc1_sec_bugfix-v3-1-c98d7589b942@bootlin.com',
  dmaDebug: 'N',
  reports: ['DMA-SYNC-MISSING-CPU'],
  shows: [...NON_COHERENT, ...BOUNCING],
  buggy: receivingPackets(LENGTH, receiveBuggy),
  fixed: receivingPackets(LENGTH, receiveFixed),
});
