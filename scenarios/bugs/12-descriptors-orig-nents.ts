import {
  DMA_TO_DEVICE,
  PAGE_SIZE,
  dma_map_sgtable,
  dma_unmap_sgtable,
  for_each_sg,
  for_each_sgtable_dma_sg,
  patternBytes,
  sg_dma_address,
  sg_dma_len,
  type ScenarioContext,
  type SgTable,
} from 'dmalab';
import { DescriptorRing, RING } from './lib/descriptor-ring';
import type { Engine } from './lib/engine';
import { MERGING, exhibit } from './lib/exhibit';
import { fillList, joined, onList } from './lib/scattered-list';
import { judge, judgeThat } from './lib/verdict';

const PAGES = 4;
const SEED = 12;

type Describe = (ring: DescriptorRing, list: SgTable) => void;

/** A descriptor for each entry of the list, whether mapping has left it an address or not. */
const describeBuggy: Describe = (ring, list) => {
  const { sgl, orig_nents } = list;
  let index = 0;
  for (const sg of for_each_sg(sgl, orig_nents)) {
    const flags = index === orig_nents - 1 ? RING.LAST | RING.SEND : RING.SEND;
    ring.put(index++, sg_dma_address(sg), sg.length, flags); // BUG
  }
};

/** A descriptor for each segment that mapping made of the list. */
const describeFixed: Describe = (ring, list) => {
  let index = 0;
  for (const sg of for_each_sgtable_dma_sg(list)) {
    const flags = index === list.nents - 1 ? RING.LAST | RING.SEND : RING.SEND;
    ring.put(index++, sg_dma_address(sg), sg_dma_len(sg), flags);
  }
};

const send = async (engine: Engine, ring: DescriptorRing, list: SgTable, describe: Describe): Promise<number> => {
  const error = dma_map_sgtable(engine.dev, list, DMA_TO_DEVICE);
  if (error !== 0) return error;
  describe(ring, list);
  const result = await engine.ring(ring.handle, ring.entries);
  dma_unmap_sgtable(engine.dev, list, DMA_TO_DEVICE);
  return result;
};

const scene = (describe: Describe): ((lab: ScenarioContext) => Promise<void>) =>
  onList(PAGES, async (engine, list, lab) => {
    fillList(lab, list, SEED);
    const ring = lab.ok(DescriptorRing.alloc(engine, PAGES), 'the ring');
    const result = await send(engine, ring, list, describe);
    judgeThat(lab, result >= 0, `sending gave ${result}: the device went where nothing is mapped`);
    const sent = joined(engine.hardware(lab).sent);
    judge(lab, sent, patternBytes(SEED, 0, PAGES * PAGE_SIZE), `${PAGES} pages, segments: ${list.nents}`);
    ring.free();
  });

export default exhibit({
  number: 12,
  name: 'descriptors-orig-nents',
  title: 'Descriptors for all entries of a list, not for the segments that mapping made of them',
  example: 'caam, L:1569500789-7443-1-git-send-email-iuliana.prodan@nxp.com',
  dmaDebug: 'N',
  reports: ['DMA-OUTSIDE-MAPPING'],
  shows: MERGING,
  buggy: scene(describeBuggy),
  fixed: scene(describeFixed),
});
