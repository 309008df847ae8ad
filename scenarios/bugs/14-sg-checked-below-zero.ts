import {
  DMA_TO_DEVICE,
  ENOMEM,
  PAGE_SIZE,
  dma_map_sg,
  dma_unmap_sg,
  sg_dma_address,
  type ScenarioContext,
  type SgTable,
} from 'dmalab';
import type { Engine } from './lib/engine';
import { BOUNCING, TRANSLATED, exhibit } from './lib/exhibit';
import { fillList, onList } from './lib/scattered-list';
import { SHORT_MACHINE, sendInShortage } from './lib/shortage';

/** The engine of this driver takes one segment. */
const ENTRIES = 1;

/** Errors are negative in the kernel; but dma_map_sg returns a number of segments, and none is its error. */
const sendBuggy = async (engine: Engine, { sgl }: SgTable): Promise<number> => {
  const count = dma_map_sg(engine.dev, sgl!, ENTRIES, DMA_TO_DEVICE); // BUG
  if (count < 0) return count;
  const result = await engine.send(sg_dma_address(sgl!), sgl!.length);
  dma_unmap_sg(engine.dev, sgl!, ENTRIES, DMA_TO_DEVICE);
  return result;
};

const sendFixed = async (engine: Engine, { sgl }: SgTable): Promise<number> => {
  const count = dma_map_sg(engine.dev, sgl!, ENTRIES, DMA_TO_DEVICE);
  if (count === 0) return -ENOMEM;
  const result = await engine.send(sg_dma_address(sgl!), sgl!.length);
  dma_unmap_sg(engine.dev, sgl!, ENTRIES, DMA_TO_DEVICE);
  return result;
};

const scene = (send: typeof sendFixed): ((lab: ScenarioContext) => Promise<void>) =>
  onList(ENTRIES, async (engine, list, lab) => {
    fillList(lab, list, 14);
    const packet = { pattern: 14, length: PAGE_SIZE };
    await sendInShortage(
      lab,
      engine,
      () => send(engine, list),
      packet,
      'the device was given a list that is not mapped',
    );
  });

export default exhibit({
  number: 14,
  name: 'sg-checked-below-zero',
  title: 'dma_map_sg is taken to return a negative error; here bounce buffers and memory for tables run out',
  example: 'usb/hcd, L:20220819060801.10443-7-jinpu.wang@ionos.com',
  dmaDebug: 'N',
  reports: ['DMA-MAP-FAILED-USED'],
  shows: [...BOUNCING, ...TRANSLATED],
  machine: SHORT_MACHINE,
  buggy: scene(sendBuggy),
  fixed: scene(sendFixed),
});
