import {
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  fillPattern,
  patternBytes,
  virtAddr,
  type DmaAddr,
  type ScenarioContext,
  type StructDevice,
  type VirtAddr,
} from 'dmalab';
import type { Engine } from './lib/engine';
import { BOUNCING, NON_COHERENT, exhibit } from './lib/exhibit';
import { onBuffer } from './lib/scene';
import { judge } from './lib/verdict';

const LENGTH = 256;

type Unmap = (dev: StructDevice, input: DmaAddr, result: DmaAddr) => void;

/** Both are unmapped alike. */
const unmapBuggy: Unmap = (dev, input, result) => {
  dma_unmap_single(dev, input, LENGTH, DMA_TO_DEVICE);
  dma_unmap_single(dev, result, LENGTH, DMA_TO_DEVICE); // BUG
};

/** Each is unmapped as it was mapped. */
const unmapFixed: Unmap = (dev, input, result) => {
  dma_unmap_single(dev, input, LENGTH, DMA_TO_DEVICE);
  dma_unmap_single(dev, result, LENGTH, DMA_FROM_DEVICE);
};

/** Has the engine work on the first half of a buffer and put its result into the second. */
const process = async (engine: Engine, buffer: VirtAddr, unmap: Unmap): Promise<number> => {
  const { dev } = engine;
  const input = dma_map_single(dev, buffer, LENGTH, DMA_TO_DEVICE);
  if (dma_mapping_error(dev, input) !== 0) return -ENOMEM;
  const result = dma_map_single(dev, virtAddr(buffer + LENGTH), LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, result) !== 0) {
    dma_unmap_single(dev, input, LENGTH, DMA_TO_DEVICE);
    return -ENOMEM;
  }
  const count = await engine.copy(result, input, LENGTH);
  unmap(dev, input, result);
  return count;
};

const scene = (unmap: Unmap): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(2 * LENGTH, async (engine, buffer, lab) => {
    fillPattern(lab.kernel, buffer, LENGTH, 10);
    lab.equal(await process(engine, buffer, unmap), LENGTH, 'bytes copied');
    const found = lab.kernel.mm.read(virtAddr(buffer + LENGTH), LENGTH);
    judge(lab, found, patternBytes(10, 0, LENGTH), 'the result');
  });

export default exhibit({
  number: 10,
  name: 'unmap-direction',
  title: 'A buffer is unmapped in another direction than it was mapped in',
  example: 'hisilicon, L:20260330151937.83837-2-fourier.thomas@gmail.com',
  dmaDebug: 'Y',
  reports: ['DMA-UNMAP-DIRECTION'],
  shows: [...NON_COHERENT, ...BOUNCING],
  buggy: scene(unmapBuggy),
  fixed: scene(unmapFixed),
});
