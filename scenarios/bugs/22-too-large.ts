import {
  DMA_FROM_DEVICE,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_max_mapping_size,
  dma_unmap_single,
  patternBytes,
  virtAddr,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import { ENGINE_MACHINE, type Engine } from './lib/engine';
import { BOUNCING, exhibit } from './lib/exhibit';
import { onBuffer } from './lib/scene';
import { judge, judgeThat } from './lib/verdict';

/** What the device moves at once, and a request: more than a bounce buffer holds. */
const LARGEST = 0x8_0000;
const REQUEST = 0x4_1000;

type Receive = (engine: Engine, buffer: VirtAddr) => Promise<number>;

/** Makes each transfer as large as the device can. */
const receiveBuggy: Receive = async (engine, buffer) => {
  const { dev } = engine;
  let done = 0;
  while (done < REQUEST) {
    const length = Math.min(REQUEST - done, LARGEST);
    const address = dma_map_single(dev, virtAddr(buffer + done), length, DMA_FROM_DEVICE); // BUG
    if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
    engine.expect(done);
    await engine.receive(address, length);
    dma_unmap_single(dev, address, length, DMA_FROM_DEVICE);
    done += length;
  }
  return done;
};

/** As large as the device can, and as can be mapped. */
const receiveFixed: Receive = async (engine, buffer) => {
  const { dev } = engine;
  const largest = Math.min(LARGEST, dma_max_mapping_size(dev));
  let done = 0;
  while (done < REQUEST) {
    const length = Math.min(REQUEST - done, largest);
    const address = dma_map_single(dev, virtAddr(buffer + done), length, DMA_FROM_DEVICE);
    if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
    engine.expect(done);
    await engine.receive(address, length);
    dma_unmap_single(dev, address, length, DMA_FROM_DEVICE);
    done += length;
  }
  return done;
};

/** Each transfer brings the pattern of its place in the request. */
const expected = (largest: number): Uint8Array => {
  const bytes = new Uint8Array(REQUEST);
  for (let at = 0; at < REQUEST; at += largest) {
    bytes.set(patternBytes(at, 0, Math.min(largest, REQUEST - at)), at);
  }
  return bytes;
};

const scene = (receive: Receive, largestOf: (engine: Engine) => number): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(REQUEST, async (engine, buffer, lab) => {
    const received = await receive(engine, buffer);
    judgeThat(lab, received === REQUEST, `the request gave ${received}`);
    judge(lab, lab.kernel.mm.read(buffer, REQUEST), expected(largestOf(engine)), 'the request');
  });

export default exhibit({
  number: 22,
  name: 'too-large',
  title: 'More is mapped at once than a bounce buffer holds',
  example: 'dw_mmc, L:20241020142931.138277-1-aurelien@aurel32.net',
  dmaDebug: 'N',
  reports: ['DMA-MAP-TOO-LARGE'],
  shows: BOUNCING,
  machine: { ...ENGINE_MACHINE, untrusted: true },
  buggy: scene(receiveBuggy, () => LARGEST),
  fixed: scene(receiveFixed, ({ dev }) => Math.min(LARGEST, dma_max_mapping_size(dev))),
});
