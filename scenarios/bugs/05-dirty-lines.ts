import {
  DMA_ATTR_SKIP_CPU_SYNC,
  DMA_FROM_DEVICE,
  ENOMEM,
  GFP_KERNEL,
  dma_map_single,
  dma_map_single_attrs,
  dma_mapping_error,
  dma_unmap_single,
  kfree,
  kzalloc,
  memset,
  patternBytes,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import type { Engine } from './lib/engine';
import { NON_COHERENT, exhibit } from './lib/exhibit';
import { onBuffer } from './lib/scene';
import { judge } from './lib/verdict';

const LENGTH = 2048;
/** More than the cache holds. */
const OTHER_WORK = 0x1_0000;

/** What the CPU does between the interrupt and the moment when the driver gets to run. */
type Meanwhile = () => void;

/**
 * The device will overwrite all of the buffer, so why write the zeroes to memory? Because they are in the cache, and the cache
 * writes them to memory when it likes: on top of what the device has written.
 */
const receiveBuggy = async (engine: Engine, buffer: VirtAddr, meanwhile: Meanwhile): Promise<number> => {
  const { dev, kernel } = engine;
  memset(kernel, buffer, 0, LENGTH);
  const address = dma_map_single_attrs(dev, buffer, LENGTH, DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC); // BUG
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const count = await engine.receive(address, LENGTH);
  meanwhile();
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return count;
};

/** Mapping writes the zeroes to memory now: nothing is left that could be written later. */
const receiveFixed = async (engine: Engine, buffer: VirtAddr, meanwhile: Meanwhile): Promise<number> => {
  const { dev, kernel } = engine;
  memset(kernel, buffer, 0, LENGTH);
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const count = await engine.receive(address, LENGTH);
  meanwhile();
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return count;
};

const scene = (receive: typeof receiveFixed): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(LENGTH, async (engine, buffer, lab) => {
    const { kernel } = lab;
    const other = lab.ok(kzalloc(kernel, OTHER_WORK, GFP_KERNEL), 'kzalloc');
    engine.expect(5);
    const meanwhile: Meanwhile = () => void kernel.mm.read(other, OTHER_WORK);
    lab.equal(await receive(engine, buffer, meanwhile), LENGTH, 'bytes received');
    judge(lab, kernel.mm.read(buffer, LENGTH), patternBytes(5, 0, LENGTH), 'the packet');
    kfree(kernel, other);
  });

export default exhibit({
  number: 5,
  name: 'dirty-lines',
  title: 'A buffer is mapped while the CPU still has changed cache lines of it, which end up on what the device writes',
  example: 'au-ts/sddf#774',
  dmaDebug: 'N',
  reports: ['DMA-DIRTY-LINE'],
  shows: NON_COHERENT,
  buggy: scene(receiveBuggy),
  fixed: scene(receiveFixed),
});
