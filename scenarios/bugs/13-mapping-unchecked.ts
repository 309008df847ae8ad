import {
  DMA_TO_DEVICE,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  fillPattern,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import type { Engine } from './lib/engine';
import { BOUNCING, TRANSLATED, exhibit } from './lib/exhibit';
import { onBuffer } from './lib/scene';
import { SHORT_MACHINE, sendInShortage } from './lib/shortage';

const LENGTH = 512;

/** Mapping does not fail. It never has. */
const sendBuggy = async (engine: Engine, buffer: VirtAddr): Promise<number> => {
  const { dev } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_TO_DEVICE); // BUG
  const count = await engine.send(address, LENGTH);
  dma_unmap_single(dev, address, LENGTH, DMA_TO_DEVICE);
  return count;
};

const sendFixed = async (engine: Engine, buffer: VirtAddr): Promise<number> => {
  const { dev } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_TO_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const count = await engine.send(address, LENGTH);
  dma_unmap_single(dev, address, LENGTH, DMA_TO_DEVICE);
  return count;
};

const scene = (send: typeof sendFixed): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(LENGTH, async (engine, buffer, lab) => {
    fillPattern(lab.kernel, buffer, LENGTH, 13);
    const packet = { pattern: 13, length: LENGTH };
    await sendInShortage(
      lab,
      engine,
      () => send(engine, buffer),
      packet,
      'the device was given an address that is none',
    );
  });

export default exhibit({
  number: 13,
  name: 'mapping-unchecked',
  title: 'dma_map_single without dma_mapping_error; here bounce buffers and memory for tables run out',
  example: 'mtk-sd, L:174908565814.4056588.769599127120955383.stgit@mhiramat.tok.corp.google.com',
  dmaDebug: 'P',
  reports: ['DMA-MAP-FAILED-USED', 'DMA-MAP-UNCHECKED'],
  shows: [...BOUNCING, ...TRANSLATED],
  machine: SHORT_MACHINE,
  buggy: scene(sendBuggy),
  fixed: scene(sendFixed),
});
