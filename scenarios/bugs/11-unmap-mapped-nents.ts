import {
  DMA_FROM_DEVICE,
  ENOMEM,
  PAGE_SIZE,
  dma_map_sg,
  dma_unmap_sg,
  for_each_sg,
  patternBytes,
  sg_dma_address,
  sg_dma_len,
  type ScenarioContext,
  type SgTable,
} from 'dmalab';
import { DescriptorRing, RING } from './lib/descriptor-ring';
import type { Engine } from './lib/engine';
import { exhibit } from './lib/exhibit';
import { onList, readList } from './lib/scattered-list';
import { judge, judgeThat } from './lib/verdict';

const PAGES = 4;
const SEED = 11;

/** Has the engine fill a mapped list: a descriptor for each of the segments that mapping made of it. */
const receive = async (engine: Engine, ring: DescriptorRing, list: SgTable, count: number): Promise<number> => {
  let index = 0;
  for (const sg of for_each_sg(list.sgl, count)) {
    const flags = ++index === count ? RING.LAST : 0;
    ring.put(index - 1, sg_dma_address(sg), sg_dma_len(sg), flags);
  }
  engine.expect(SEED);
  return engine.ring(ring.handle, ring.entries);
};

/** Uses the number that mapping returned for everything that follows. */
const receiveBuggy = async (engine: Engine, ring: DescriptorRing, list: SgTable): Promise<number> => {
  const count = dma_map_sg(engine.dev, list.sgl!, list.orig_nents, DMA_FROM_DEVICE);
  if (count === 0) return -ENOMEM;
  const error = await receive(engine, ring, list, count);
  dma_unmap_sg(engine.dev, list.sgl!, count, DMA_FROM_DEVICE); // BUG
  return error < 0 ? error : count;
};

/** Unmaps as many entries as it has mapped. */
const receiveFixed = async (engine: Engine, ring: DescriptorRing, list: SgTable): Promise<number> => {
  const count = dma_map_sg(engine.dev, list.sgl!, list.orig_nents, DMA_FROM_DEVICE);
  if (count === 0) return -ENOMEM;
  const error = await receive(engine, ring, list, count);
  dma_unmap_sg(engine.dev, list.sgl!, list.orig_nents, DMA_FROM_DEVICE);
  return error < 0 ? error : count;
};

/** What the engine writes: a packet for each segment. */
const packets = (count: number): Uint8Array => {
  const length = (PAGES * PAGE_SIZE) / count;
  const bytes = new Uint8Array(PAGES * PAGE_SIZE);
  for (let i = 0; i < count; i++) bytes.set(patternBytes(SEED + i, 0, length), i * length);
  return bytes;
};

const scene = (drive: typeof receiveFixed): ((lab: ScenarioContext) => Promise<void>) =>
  onList(PAGES, async (engine, list, lab) => {
    const ring = lab.ok(DescriptorRing.alloc(engine, PAGES), 'the ring');
    const count = await drive(engine, ring, list);
    judgeThat(lab, count > 0, `receiving gave ${count}`);
    judge(lab, readList(lab, list), packets(count), `${PAGES} pages, segments: ${count}`);
    ring.free();
  });

export default exhibit({
  number: 11,
  name: 'unmap-mapped-nents',
  title: 'dma_unmap_sg with the number that dma_map_sg returned, not with the one that it was given',
  example: 'rockchip, L:20250903080648.614539-2-fourier.thomas@gmail.com',
  dmaDebug: 'P',
  reports: ['DMA-UNMAP-ENTRIES'],
  shows: [{ translation: ['strict', 'lazy'], coherency: ['off'] }],
  buggy: scene(receiveBuggy),
  fixed: scene(receiveFixed),
});
