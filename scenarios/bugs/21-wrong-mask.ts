import {
  DMA_BIT_MASK,
  DMA_FROM_DEVICE,
  EIO,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_set_mask_and_coherent,
  dma_unmap_single,
  patternBytes,
  type MachineOptions,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import { ENGINE_MACHINE, engineNode, type Engine } from './lib/engine';
import { exhibit } from './lib/exhibit';
import { onBuffer } from './lib/scene';
import { judge, judgeThat } from './lib/verdict';

const LENGTH = 1024;
const MIB = 0x10_0000;

/** The device has 32 address wires, and without its upper bits an address of the upper memory is one in the lower. */
const MACHINE: MachineOptions = {
  ...ENGINE_MACHINE,
  memory: [
    { base: 0x8000_0000, size: 16 * MIB },
    { base: 0x1_8040_0000, size: 8 * MIB },
  ],
  nodes: [engineNode('engine', { addressWires: 32 })],
};

type Receive = (engine: Engine, buffer: VirtAddr) => Promise<number>;

/** Has never met memory that the device does not reach. The kernel believes it, and hands out such addresses. */
const receiveBuggy: Receive = async (engine, buffer) => {
  const { dev } = engine;
  if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64)) !== 0) return -EIO; // BUG
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const received = await engine.receive(address, LENGTH);
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return received;
};

const receiveFixed: Receive = async (engine, buffer) => {
  const { dev } = engine;
  if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(32)) !== 0) return -EIO;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const received = await engine.receive(address, LENGTH);
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return received;
};

const scene = (receive: Receive): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(LENGTH, async (engine, buffer, lab) => {
    engine.expect(21);
    const received = await receive(engine, buffer);
    judgeThat(lab, received === LENGTH, `receiving gave ${received}`);
    judge(lab, lab.kernel.mm.read(buffer, LENGTH), patternBytes(21, 0, LENGTH), 'the packet');
  });

export default exhibit({
  number: 21,
  name: 'wrong-mask',
  title: 'The driver claims more address bits than the device has wires',
  example: 'fnic, L:20220513205605.81788-1-kartilak@cisco.com',
  dmaDebug: 'N',
  reports: ['DMA-MASK'],
  shows: [{ translation: ['direct', 'strict', 'lazy', 'untrusted', 'passthrough'], mask: ['64'] }],
  machine: MACHINE,
  buggy: scene(receiveBuggy),
  fixed: scene(receiveFixed),
});
