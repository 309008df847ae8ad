import {
  DMA_FROM_DEVICE,
  ENOMEM,
  GFP_KERNEL,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  kfree,
  kzalloc,
  patternBytes,
  udelay,
  virtAddr,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import { COMMAND, withEngine, type Engine } from './lib/engine';
import { exhibit } from './lib/exhibit';
import { judge, judgeThat } from './lib/verdict';

/** The driver's state of one message: a counter for the CPU, and what the device writes. */
const LENGTH = 192;
const SIZE = 512;
const POLLS = 0;
const BUFFER = 8;
/** As `____cacheline_aligned` puts it: nothing else is in its lines, neither in front nor behind. */
const ALIGNED_BUFFER = 64;

const POLLS_PER_MESSAGE = 3;

type Receive = (engine: Engine, message: VirtAddr) => Promise<number>;

/** Counts while the device writes to the same cache line. */
const receiveBuggy: Receive = async (engine, message) => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, virtAddr(message + BUFFER), LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  engine.start(COMMAND.RECEIVE, address, LENGTH);
  for (let poll = 1; poll <= POLLS_PER_MESSAGE; poll++) {
    kernel.mm.store32(virtAddr(message + POLLS), poll); // BUG
    udelay(kernel, 1);
  }
  const received = await engine.finish();
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return received;
};

const receiveFixed: Receive = async (engine, message) => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, virtAddr(message + ALIGNED_BUFFER), LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  engine.start(COMMAND.RECEIVE, address, LENGTH);
  for (let poll = 1; poll <= POLLS_PER_MESSAGE; poll++) {
    kernel.mm.store32(virtAddr(message + POLLS), poll);
    udelay(kernel, 1);
  }
  const received = await engine.finish();
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return received;
};

const scene = (receive: Receive, buffer: number): ((lab: ScenarioContext) => Promise<void>) =>
  withEngine(async (engine, lab) => {
    const { mm } = lab.kernel;
    const message = kzalloc(lab.kernel, SIZE, GFP_KERNEL);
    engine.expect(18);
    lab.equal(await receive(engine, message), LENGTH, 'bytes received');
    judge(lab, mm.read(virtAddr(message + buffer), LENGTH), patternBytes(18, 0, LENGTH), 'the message');
    const polls = mm.load32(virtAddr(message + POLLS));
    judgeThat(lab, polls === POLLS_PER_MESSAGE, `the counter of ${POLLS_PER_MESSAGE} polls is ${polls}`);
    kfree(lab.kernel, message);
  });

export default exhibit({
  number: 18,
  name: 'shared-cache-line',
  title: "What a device writes shares a cache line with the driver's own data",
  example: 'spi, L:20220927112117.77599-3-vincent.whitchurch@axis.com',
  dmaDebug: 'P',
  reports: ['DMA-LINE-SHARED'],
  shows: [
    { coherency: ['off'], translation: ['strict', 'lazy'] },
    { coherency: ['off'], translation: ['direct', 'passthrough'], mask: ['64'] },
  ],
  buggy: scene(receiveBuggy, BUFFER),
  fixed: scene(receiveFixed, ALIGNED_BUFFER),
});
