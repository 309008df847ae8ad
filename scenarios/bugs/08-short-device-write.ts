import {
  DMA_FROM_DEVICE,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  expectBytes,
  patternBytes,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import type { Engine } from './lib/engine';
import { exhibit } from './lib/exhibit';
import { onBuffer } from './lib/scene';
import { judge } from './lib/verdict';

const LENGTH = 512;
/** How long the second packet on the wire is; the first one fills the buffer. */
const SHORT = 200;

/** Hands on the buffer, whatever of it has arrived: the rest is what was in it before, an earlier packet of somebody else's. */
const receiveBuggy = async (engine: Engine, buffer: VirtAddr): Promise<Uint8Array | number> => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const count = await engine.receive(address, LENGTH);
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return count < 0 ? count : kernel.mm.read(buffer, LENGTH); // BUG
};

/** Hands on what has arrived. */
const receiveFixed = async (engine: Engine, buffer: VirtAddr): Promise<Uint8Array | number> => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const count = await engine.receive(address, LENGTH);
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return count < 0 ? count : kernel.mm.read(buffer, count);
};

const scene = (receive: typeof receiveFixed): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(LENGTH, async (engine, buffer, lab) => {
    engine.expect(7, LENGTH);
    const earlier = lab.ok<Uint8Array>(await receive(engine, buffer), 'receive');
    expectBytes(earlier, patternBytes(7, 0, LENGTH), 'the earlier packet');
    engine.expect(8, SHORT);
    const packet = lab.ok<Uint8Array>(await receive(engine, buffer), 'receive');
    lab.check(packet.length >= SHORT, 'the packet should have arrived');
    judge(lab, packet, patternBytes(8, 0, packet.length), 'the packet');
  });

export default exhibit({
  number: 8,
  name: 'short-device-write',
  title: 'The driver reads more than the device has written',
  example: 'ath9k, L:1812355.tdWV9SEqCh@natalenko.name',
  dmaDebug: 'N',
  reports: ['DMA-SHORT-WRITE'],
  shows: 'everywhere',
  buggy: scene(receiveBuggy),
  fixed: scene(receiveFixed),
});
