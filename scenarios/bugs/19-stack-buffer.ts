import {
  DMA_TO_DEVICE,
  ENOMEM,
  GFP_KERNEL,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  kfree,
  kmalloc,
  patternBytes,
  stack_frame,
  type ScenarioContext,
} from 'dmalab';
import { withEngine, type Engine } from './lib/engine';
import { exhibit } from './lib/exhibit';
import { judge, judgeThat } from './lib/verdict';

/** Sends a command of a few bytes. */
type SendCommand = (engine: Engine, command: Uint8Array) => Promise<number>;

/** The command is a local variable. Stacks are pages of the vmalloc area, which need not follow each other in memory. */
const sendBuggy: SendCommand = async (engine, command) => {
  const { dev, kernel } = engine;
  using frame = stack_frame(kernel);
  const buffer = frame.alloc(command.length);
  kernel.mm.write(buffer, command);
  const address = dma_map_single(dev, buffer, command.length, DMA_TO_DEVICE); // BUG
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const sent = await engine.send(address, command.length);
  dma_unmap_single(dev, address, command.length, DMA_TO_DEVICE);
  return sent;
};

const sendFixed: SendCommand = async (engine, command) => {
  const { dev, kernel } = engine;
  const buffer = kmalloc(kernel, command.length, GFP_KERNEL);
  if (buffer === 0) return -ENOMEM;
  kernel.mm.write(buffer, command);
  const address = dma_map_single(dev, buffer, command.length, DMA_TO_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) {
    kfree(kernel, buffer);
    return -ENOMEM;
  }
  const sent = await engine.send(address, command.length);
  dma_unmap_single(dev, address, command.length, DMA_TO_DEVICE);
  kfree(kernel, buffer);
  return sent;
};

const scene = (send: SendCommand): ((lab: ScenarioContext) => Promise<void>) =>
  withEngine(async (engine, lab) => {
    const command = patternBytes(19, 0, 48);
    const result = await send(engine, command);
    judgeThat(lab, result === command.length, `sending the command gave ${result}`);
    judge(lab, engine.hardware(lab).sent.at(0) ?? new Uint8Array(0), command, 'the command');
  });

export default exhibit({
  number: 19,
  name: 'stack-buffer',
  title: 'A buffer on the stack is mapped',
  example: 'dt9812, L:20211027093529.30896-3-johan@kernel.org',
  dmaDebug: 'Y',
  reports: ['DMA-MAP-STACK'],
  shows: 'everywhere',
  buggy: scene(sendBuggy),
  fixed: scene(sendFixed),
});
