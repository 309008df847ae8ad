import {
  DMA_FROM_DEVICE,
  ECANCELED,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  fillPattern,
  patternBytes,
  usleep_range,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import { COMMAND, type Engine } from './lib/engine';
import { exhibit } from './lib/exhibit';
import { OLD, onBuffer } from './lib/scene';
import { judge, judgeThat } from './lib/verdict';

/** More pages than an IOMMU looks up at a time. */
const LENGTH = 40_960;
/** When the caller gives up, and when the engine would be done; it needs a microsecond for 256 bytes. */
const PATIENCE_US = 5;
const DONE_US = 200;

/** Waits for a packet, or until the caller gives up. */
type Wait = (engine: Engine) => Promise<number>;

const toTheEnd: Wait = (engine) => engine.finish();
const notForLong: Wait = async ({ kernel }) => {
  await usleep_range(kernel, PATIENCE_US, 2 * PATIENCE_US);
  return -ECANCELED;
};

type Receive = (engine: Engine, buffer: VirtAddr, wait: Wait) => Promise<number>;

/** Nobody waits for the packet any more, so its buffer goes back. But the engine has not been told. */
const receiveBuggy: Receive = async (engine, buffer, wait) => {
  const { dev } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  engine.start(COMMAND.RECEIVE, address, LENGTH);
  const count = await wait(engine);
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE); // BUG
  return count;
};

/** Takes the buffer from the engine before it takes the mapping. */
const receiveFixed: Receive = async (engine, buffer, wait) => {
  const { dev } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  engine.start(COMMAND.RECEIVE, address, LENGTH);
  const count = await wait(engine);
  if (count < 0) engine.stop();
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return count;
};

const scene = (receive: Receive): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(LENGTH, async (engine, buffer, lab) => {
    const { kernel } = lab;
    engine.expect(28);
    lab.equal(await receive(engine, buffer, notForLong), -ECANCELED, 'a packet that nobody waits for');
    fillPattern(kernel, buffer, LENGTH, OLD);
    await usleep_range(kernel, DONE_US, 2 * DONE_US);
    judgeThat(lab, engine.hardware(lab).refused === 0, 'the engine was refused in the middle of a packet');
    judge(lab, kernel.mm.read(buffer, LENGTH), patternBytes(OLD, 0, LENGTH), 'the buffer, now used for something else');
    engine.expect(29);
    lab.equal(await receive(engine, buffer, toTheEnd), LENGTH, 'bytes received');
    judge(lab, kernel.mm.read(buffer, LENGTH), patternBytes(29, 0, LENGTH), 'the next packet');
  });

export default exhibit({
  number: 28,
  name: 'unmap-in-flight',
  title: 'A buffer is unmapped while the device still writes to it',
  example: 'uvc/dwc3, L:20260105050724.2041581-1-udipto.goswami@oss.qualcomm.com',
  dmaDebug: 'N',
  reports: ['DMA-USE-AFTER-UNMAP'],
  shows: 'everywhere',
  buggy: scene(receiveBuggy),
  fixed: scene(receiveFixed),
});
