import {
  DMA_FROM_DEVICE,
  ENOMEM,
  dmaAddr,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  patternBytes,
  virt_to_phys,
  type DmaAddr,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import type { Engine } from './lib/engine';
import { BOUNCING, TRANSLATED, exhibit } from './lib/exhibit';
import { isTranslated } from './lib/holdings';
import { onBuffer } from './lib/scene';
import { judge, judgeThat } from './lib/verdict';

const LENGTH = 512;

/** What came of a packet: its length or an error, and where it was mapped. */
type Receive = (engine: Engine, buffer: VirtAddr) => Promise<{ count: number; address: DmaAddr }>;

/** Does not keep what mapping returned: it knows where the buffer is. */
const receiveBuggy: Receive = async (engine, buffer) => {
  const { dev } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return { count: -ENOMEM, address };
  const count = await engine.receive(address, LENGTH);
  dma_unmap_single(dev, dmaAddr(virt_to_phys(buffer)), LENGTH, DMA_FROM_DEVICE); // BUG
  return { count, address };
};

const receiveFixed: Receive = async (engine, buffer) => {
  const { dev } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return { count: -ENOMEM, address };
  const count = await engine.receive(address, LENGTH);
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return { count, address };
};

const scene = (receive: Receive): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(LENGTH, async (engine, buffer, lab) => {
    engine.expect(16);
    const { count, address } = await receive(engine, buffer);
    lab.equal(count, LENGTH, 'bytes received');
    judge(lab, lab.kernel.mm.read(buffer, LENGTH), patternBytes(16, 0, LENGTH), 'the packet');
    judgeThat(lab, !isTranslated(engine.dev, address), 'the device still reaches the buffer after it was unmapped');
  });

export default exhibit({
  number: 16,
  name: 'unmap-wrong-address',
  title: 'A buffer is unmapped by its physical address, not by the address that mapping gave it',
  example: 'AsahiLinux/linux#591',
  dmaDebug: 'Y',
  reports: ['DMA-UNMAP-UNKNOWN'],
  shows: [...BOUNCING, ...TRANSLATED],
  buggy: scene(receiveBuggy),
  fixed: scene(receiveFixed),
});
