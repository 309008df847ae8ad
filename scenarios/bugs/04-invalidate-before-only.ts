import {
  DMA_FROM_DEVICE,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_sync_single_for_cpu,
  dma_sync_single_for_device,
  dma_unmap_single,
  patternBytes,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import type { Engine } from './lib/engine';
import { BOUNCING, NON_COHERENT, exhibit } from './lib/exhibit';
import { onBuffer } from './lib/scene';
import { judge } from './lib/verdict';

const LENGTH = 2048;
const PACKETS = 8;

type Deliver = (packet: Uint8Array, number: number) => void;

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

const scene = (receive: typeof receiveFixed): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(LENGTH, async (engine, buffer, lab) => {
    const error = await receive(engine, buffer, (packet, number) =>
      judge(lab, packet, patternBytes(number, 0, LENGTH), `packet ${number}`),
    );
    lab.ok(error, 'receive');
  });

export default exhibit({
  number: 4,
  name: 'invalidate-before-only',
  title: 'dma_sync_single_for_cpu before the device writes, and not after it',
  example: 'apache/nuttx#19506',
  dmaDebug: 'N',
  reports: ['DMA-DEVICE-NOT-OWNER'],
  shows: [...NON_COHERENT, ...BOUNCING],
  buggy: scene(receiveBuggy),
  fixed: scene(receiveFixed),
});
