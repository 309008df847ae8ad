import {
  DMA_FROM_DEVICE,
  ENOMEM,
  GuardedBuffer,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  patternBytes,
  type MachineOptions,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import { ENGINE_MACHINE, engineNode, withEngines, type Engine } from './lib/engine';
import { TRANSLATED, exhibit } from './lib/exhibit';
import { judge, judgeThat } from './lib/verdict';

const LENGTH = 1024;

/** A card with two ports. Each is a bus master of its own, with I/O addresses of its own. */
const MACHINE: MachineOptions = { ...ENGINE_MACHINE, nodes: [engineNode('first'), engineNode('second')] };

/** The driver of the card receives through one of its ports. */
type Receive = (card: readonly Engine[], port: Engine, buffer: VirtAddr) => Promise<number>;

/** The card goes by its first port, and so does each mapping. */
const receiveBuggy: Receive = async (card, port, buffer) => {
  const { dev } = card[0]!;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE); // BUG
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const received = await port.receive(address, LENGTH);
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return received;
};

/** Maps for the device that does the DMA. */
const receiveFixed: Receive = async (_card, port, buffer) => {
  const { dev } = port;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const received = await port.receive(address, LENGTH);
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return received;
};

const scene = (receive: Receive): ((lab: ScenarioContext) => Promise<void>) =>
  withEngines(async (card, lab) => {
    for (const [number, port] of card.entries()) {
      const memory = new GuardedBuffer(lab.kernel, LENGTH, 1024, 'the buffer');
      port.expect(24 + number);
      const received = await receive(card, port, memory.address);
      judgeThat(lab, received === LENGTH, `receiving through port ${number} gave ${received}`);
      const found = lab.kernel.mm.read(memory.address, LENGTH);
      judge(lab, found, patternBytes(24 + number, 0, LENGTH), `the packet of port ${number}`);
      memory.expectGuards();
      memory.free();
    }
  });

export default exhibit({
  number: 24,
  name: 'wrong-device',
  title: 'A buffer is mapped for another device than the one that uses it',
  example: 'xhci, L:20230915143108.1532163-2-mathias.nyman@linux.intel.com',
  dmaDebug: 'N',
  reports: ['DMA-WRONG-DEVICE'],
  shows: TRANSLATED,
  machine: MACHINE,
  buggy: scene(receiveBuggy),
  fixed: scene(receiveFixed),
});
