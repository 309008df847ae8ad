import {
  DMA_FROM_DEVICE,
  ENOMEM,
  PAGE_SIZE,
  dmaAddr,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  patternBytes,
  type DmaAddr,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import type { Engine } from './lib/engine';
import { BOUNCING, NON_COHERENT, TRANSLATED, exhibit } from './lib/exhibit';
import { isTranslated } from './lib/holdings';
import { onBuffer } from './lib/scene';
import { judge, judgeThat } from './lib/verdict';

/** The device puts a trailer behind the payload, which the upper layers know nothing of. */
const PAYLOAD = 2 * PAGE_SIZE - 1024;
const TRAILER = 256;
const FRAME = PAYLOAD + TRAILER;
const SEED = 17;

/** What came of a frame: its length or an error, and where it was mapped. */
type Receive = (engine: Engine, buffer: VirtAddr) => Promise<{ count: number; address: DmaAddr }>;

/** Maps what the device writes, and unmaps what it hands on. */
const receiveBuggy: Receive = async (engine, buffer) => {
  const { dev } = engine;
  const address = dma_map_single(dev, buffer, FRAME, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return { count: -ENOMEM, address };
  const count = await engine.receive(address, FRAME);
  dma_unmap_single(dev, address, PAYLOAD, DMA_FROM_DEVICE); // BUG
  return { count, address };
};

const receiveFixed: Receive = async (engine, buffer) => {
  const { dev } = engine;
  const address = dma_map_single(dev, buffer, FRAME, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return { count: -ENOMEM, address };
  const count = await engine.receive(address, FRAME);
  dma_unmap_single(dev, address, FRAME, DMA_FROM_DEVICE);
  return { count, address };
};

const scene = (receive: Receive): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(FRAME, async (engine, buffer, lab) => {
    engine.expect(SEED);
    const { count, address } = await receive(engine, buffer);
    lab.equal(count, FRAME, 'bytes received');
    judge(lab, lab.kernel.mm.read(buffer, FRAME), patternBytes(SEED, 0, FRAME), 'the frame');
    const last = dmaAddr(address + BigInt(FRAME - 1));
    judgeThat(lab, !isTranslated(engine.dev, last), 'the device still reaches the end of the buffer');
  });

export default exhibit({
  number: 17,
  name: 'unmap-size',
  title: 'A buffer is unmapped with another size than it was mapped with',
  example: 'sld-columbia/esp#328',
  dmaDebug: 'P',
  reports: ['DMA-UNMAP-SIZE'],
  shows: [...NON_COHERENT, ...BOUNCING, ...TRANSLATED],
  buggy: scene(receiveBuggy),
  fixed: scene(receiveFixed),
});
