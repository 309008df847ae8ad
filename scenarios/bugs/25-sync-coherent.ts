import {
  DMA_TO_DEVICE,
  ENOMEM,
  GFP_KERNEL,
  dma_alloc_coherent,
  dma_free_coherent,
  dma_sync_single_for_device,
  dma_wmb,
  fillPattern,
  out,
  patternBytes,
  type DmaAddr,
  type ScenarioContext,
} from 'dmalab';
import { withEngine, type Engine } from './lib/engine';
import { NON_COHERENT, exhibit } from './lib/exhibit';
import { judge, judgeThat } from './lib/verdict';

const LENGTH = 2048;

/** Hands a coherent buffer to the device, which is about to read it. */
type HandOver = (engine: Engine, address: DmaAddr) => void;

/**
 * Treats the buffer as if it were mapped. Where devices do not snoop it is not cached to begin with: all that the cache is
 * asked for is about lines that it must not have, of memory that the DMA API may not even be able to find.
 */
const handOverBuggy: HandOver = ({ dev }, address) => {
  dma_sync_single_for_device(dev, address, LENGTH, DMA_TO_DEVICE); // BUG
};

/** The device sees what the CPU stores; in which order is all there is to say. */
const handOverFixed: HandOver = ({ kernel }) => dma_wmb(kernel);

const send = async (engine: Engine, lab: ScenarioContext, handOver: HandOver): Promise<number> => {
  const { dev, kernel } = engine;
  const handle = out(0n as DmaAddr);
  const buffer = dma_alloc_coherent(dev, LENGTH, handle, GFP_KERNEL);
  if (buffer === 0) return -ENOMEM;
  fillPattern(kernel, buffer, LENGTH, 25);
  const before = lab.machine.clock.now;
  handOver(engine, handle.value);
  const spent = lab.machine.clock.now - before;
  judgeThat(lab, spent === 0, `${spent} ns went into cache operations on memory that is not cached`);
  const sent = await engine.send(handle.value, LENGTH);
  dma_free_coherent(dev, LENGTH, buffer, handle.value);
  return sent;
};

const scene = (handOver: HandOver): ((lab: ScenarioContext) => Promise<void>) =>
  withEngine(async (engine, lab) => {
    lab.equal(await send(engine, lab, handOver), LENGTH, 'bytes sent');
    judge(lab, engine.hardware(lab).sent[0]!, patternBytes(25, 0, LENGTH), 'the packet');
  });

export default exhibit({
  number: 25,
  name: 'sync-coherent',
  title: 'Coherent memory is synced as if it were a mapping',
  example: 'tegra-qspi, L:20250613123037.2082788-1-thierry.reding@gmail.com',
  dmaDebug: 'N',
  reports: ['DMA-SYNC-COHERENT'],
  shows: NON_COHERENT,
  buggy: scene(handOverBuggy),
  fixed: scene(handOverFixed),
});
