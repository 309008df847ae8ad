import {
  DMA_FROM_DEVICE,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_sync_single_for_cpu,
  dma_sync_single_range_for_cpu,
  dma_unmap_single_attrs,
  DMA_ATTR_SKIP_CPU_SYNC,
  patternBytes,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import type { Engine } from './lib/engine';
import { BOUNCING, NON_COHERENT, exhibit } from './lib/exhibit';
import { onBuffer } from './lib/scene';
import { judge } from './lib/verdict';

const LENGTH = 1024;
const HEADER = 128;

/** What the stack makes of a header: other byte order, other addresses. */
const rewritten = (header: Uint8Array): Uint8Array => header.map((byte) => byte ^ 0x5a);

/** Rewrites the header in place, then has a look at the payload, and takes back all of the packet for that: once more. */
const receiveBuggy = async (engine: Engine, buffer: VirtAddr): Promise<number> => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const count = await engine.receive(address, LENGTH);
  dma_sync_single_for_cpu(dev, address, HEADER, DMA_FROM_DEVICE);
  kernel.mm.write(buffer, rewritten(kernel.mm.read(buffer, HEADER)));
  dma_sync_single_for_cpu(dev, address, LENGTH, DMA_FROM_DEVICE); // BUG
  dma_unmap_single_attrs(dev, address, LENGTH, DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
  return count;
};

/** Takes back each part once. */
const receiveFixed = async (engine: Engine, buffer: VirtAddr): Promise<number> => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const count = await engine.receive(address, LENGTH);
  dma_sync_single_for_cpu(dev, address, HEADER, DMA_FROM_DEVICE);
  kernel.mm.write(buffer, rewritten(kernel.mm.read(buffer, HEADER)));
  dma_sync_single_range_for_cpu(dev, address, HEADER, LENGTH - HEADER, DMA_FROM_DEVICE);
  dma_unmap_single_attrs(dev, address, LENGTH, DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
  return count;
};

const scene = (receive: typeof receiveFixed): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(LENGTH, async (engine, buffer, lab) => {
    engine.expect(6);
    lab.equal(await receive(engine, buffer), LENGTH, 'bytes received');
    const right = patternBytes(6, 0, LENGTH);
    right.set(rewritten(right.subarray(0, HEADER)));
    judge(lab, lab.kernel.mm.read(buffer, LENGTH), right, 'the packet');
  });

export default exhibit({
  number: 6,
  name: 'extra-sync-clobbers',
  title: 'A second dma_sync_single_for_cpu throws away what the CPU has written since the first one',
  example: 'idpf, L:20260227203457.558196-1-srutherford@google.com',
  dmaDebug: 'N',
  reports: ['DMA-SYNC-CLOBBER'],
  shows: [...NON_COHERENT, ...BOUNCING],
  buggy: scene(receiveBuggy),
  fixed: scene(receiveFixed),
});
