import {
  DMA_FROM_DEVICE,
  EIO,
  ENOMEM,
  GuardedBuffer,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  patternBytes,
  type DmaAddr,
  type ScenarioContext,
  type StructDevice,
  type VirtAddr,
} from 'dmalab';
import { withEngine, type Engine } from './lib/engine';
import { exhibit } from './lib/exhibit';
import { bounceSlots, isTranslated } from './lib/holdings';
import { judge, judgeThat } from './lib/verdict';

const LENGTH = 512;
/** What some packet is too short by. */
const MISSING = 100;

/** A packet of the right length; where it was mapped is only told so that the scenario can look there. */
type Receive = (engine: Engine, buffer: VirtAddr, told: DmaAddr[]) => Promise<number>;

/** Leaves early if something went wrong. */
const receiveBuggy: Receive = async (engine, buffer, told) => {
  const { dev } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE); // BUG
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  told.push(address);
  const count = await engine.receive(address, LENGTH);
  if (count !== LENGTH) return -EIO;
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return count;
};

/** Unmaps, however it went. */
const receiveFixed: Receive = async (engine, buffer, told) => {
  const { dev } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  told.push(address);
  const count = await engine.receive(address, LENGTH);
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return count === LENGTH ? count : -EIO;
};

/** What a device has of bounce buffers and of addresses that lead somewhere. */
const holdings = (dev: StructDevice, told: readonly DmaAddr[]): number =>
  bounceSlots(dev) + told.filter((address) => isTranslated(dev, address)).length;

const scene =
  (receive: Receive) =>
  async (lab: ScenarioContext): Promise<void> => {
    const memory = new GuardedBuffer(lab.kernel, LENGTH, 1024, 'the buffer');
    const told: DmaAddr[] = [];
    let before = 0;
    let dev: StructDevice | undefined;
    const driver = withEngine(async (engine) => {
      dev = engine.dev;
      before = holdings(dev, []);
      engine.expect(1, LENGTH - MISSING);
      lab.equal(await receive(engine, memory.address, told), -EIO, 'a packet that is too short');
      engine.expect(2);
      lab.equal(await receive(engine, memory.address, told), LENGTH, 'the next one');
      judge(lab, lab.kernel.mm.read(memory.address, LENGTH), patternBytes(2, 0, LENGTH), 'the packet');
    });
    await driver(lab);
    const left = holdings(dev!, told) - before;
    judgeThat(lab, left <= 0, 'the device still has a mapping after its driver is gone');
    memory.expectGuards();
    memory.free();
  };

export default exhibit({
  number: 15,
  name: 'mapping-leak',
  title: 'A mapping is left behind when something goes wrong',
  example: 'aacraid, L:20251022030537.1298395-1-danisjiang@gmail.com',
  dmaDebug: 'P',
  reports: ['DMA-LEAK'],
  shows: 'everywhere',
  buggy: scene(receiveBuggy),
  fixed: scene(receiveFixed),
});
