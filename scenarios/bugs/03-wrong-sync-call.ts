import {
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_sync_single_for_cpu,
  dma_sync_single_for_device,
  dma_unmap_single,
  fillPattern,
  patternBytes,
  virtAddr,
  type DmaAddr,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import type { Engine } from './lib/engine';
import { BOUNCING, NON_COHERENT, exhibit } from './lib/exhibit';
import { onBuffer } from './lib/scene';
import { judge } from './lib/verdict';

/** Half of the buffer is what the engine works on, half is the result. */
const LENGTH = 256;

interface Work {
  readonly input: DmaAddr;
  readonly result: DmaAddr;
}

/** A cipher engine, as it were, with bounce buffers of its driver's own: maps both, and lets `step` work. */
const process = async (
  { dev }: Engine,
  buffer: VirtAddr,
  step: (work: Work) => Promise<Uint8Array>,
): Promise<Uint8Array | number> => {
  const input = dma_map_single(dev, buffer, LENGTH, DMA_TO_DEVICE);
  if (dma_mapping_error(dev, input) !== 0) return -ENOMEM;
  const result = dma_map_single(dev, virtAddr(buffer + LENGTH), LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, result) !== 0) {
    dma_unmap_single(dev, input, LENGTH, DMA_TO_DEVICE);
    return -ENOMEM;
  }
  const found = await step({ input, result });
  dma_unmap_single(dev, result, LENGTH, DMA_FROM_DEVICE);
  dma_unmap_single(dev, input, LENGTH, DMA_TO_DEVICE);
  return found;
};

/** The name says it is for the device, and it is the device that has just written. */
const stepBuggy = async (engine: Engine, buffer: VirtAddr, { input, result }: Work): Promise<Uint8Array> => {
  await engine.copy(result, input, LENGTH);
  dma_sync_single_for_device(engine.dev, result, LENGTH, DMA_FROM_DEVICE); // BUG
  return engine.kernel.mm.read(virtAddr(buffer + LENGTH), LENGTH);
};

/** It is for whoever comes next: the CPU. */
const stepFixed = async (engine: Engine, buffer: VirtAddr, { input, result }: Work): Promise<Uint8Array> => {
  await engine.copy(result, input, LENGTH);
  dma_sync_single_for_cpu(engine.dev, result, LENGTH, DMA_FROM_DEVICE);
  return engine.kernel.mm.read(virtAddr(buffer + LENGTH), LENGTH);
};

const scene = (step: typeof stepFixed): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(2 * LENGTH, async (engine, buffer, lab) => {
    fillPattern(lab.kernel, buffer, LENGTH, 3);
    const found = lab.ok(await process(engine, buffer, (work) => step(engine, buffer, work)), 'process');
    judge(lab, found, patternBytes(3, 0, LENGTH), 'the result');
  });

export default exhibit({
  number: 3,
  name: 'wrong-sync-call',
  title: 'dma_sync_single_for_device where dma_sync_single_for_cpu belongs',
  example: 'atmel-tdes, L:20260307153109.321147-2-thorsten.blum@linux.dev',
  dmaDebug: 'N',
  reports: ['DMA-SYNC-WRONG-CALL'],
  shows: [...NON_COHERENT, ...BOUNCING],
  buggy: scene(stepBuggy),
  fixed: scene(stepFixed),
});
