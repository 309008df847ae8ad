import {
  DMA_BIDIRECTIONAL,
  DMA_TO_DEVICE,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  fillPattern,
  patternBytes,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import { COMMAND, type Engine } from './lib/engine';
import { BOUNCING, NON_COHERENT, TRANSLATED, exhibit } from './lib/exhibit';
import { packetSum } from './lib/packet-engine';
import { onBuffer } from './lib/scene';
import { judge, judgeThat } from './lib/verdict';

const LENGTH = 512;

/** It is sent, so it goes to the device. That the device puts a checksum into it stands elsewhere in the manual. */
const sendBuggy = async (engine: Engine, buffer: VirtAddr): Promise<number> => {
  const { dev } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_TO_DEVICE); // BUG
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  engine.start(COMMAND.SEND | COMMAND.CHECKSUM, address, LENGTH);
  const count = await engine.finish();
  dma_unmap_single(dev, address, LENGTH, DMA_TO_DEVICE);
  return count;
};

const sendFixed = async (engine: Engine, buffer: VirtAddr): Promise<number> => {
  const { dev } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_BIDIRECTIONAL);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  engine.start(COMMAND.SEND | COMMAND.CHECKSUM, address, LENGTH);
  const count = await engine.finish();
  dma_unmap_single(dev, address, LENGTH, DMA_BIDIRECTIONAL);
  return count;
};

const scene = (send: typeof sendFixed): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(LENGTH, async (engine, buffer, lab) => {
    fillPattern(lab.kernel, buffer, LENGTH, 9);
    const count = await send(engine, buffer);
    judgeThat(lab, count === LENGTH, `sending gave ${count}: the device was not let in`);
    const right = patternBytes(9, 0, LENGTH);
    new DataView(right.buffer).setUint32(LENGTH - 4, packetSum(right), true);
    judge(lab, lab.kernel.mm.read(buffer, LENGTH), right, 'the packet with its checksum');
  });

export default exhibit({
  number: 9,
  name: 'wrong-direction',
  title: 'A device also writes to a buffer that was mapped as one that it only reads (qat: the other way round)',
  example: 'qat, L:20250714070806.5694-1-giovanni.cabiddu@intel.com',
  dmaDebug: 'N',
  reports: ['DMA-DIRECTION'],
  shows: [...NON_COHERENT, ...BOUNCING, ...TRANSLATED],
  buggy: scene(sendBuggy),
  fixed: scene(sendFixed),
});
