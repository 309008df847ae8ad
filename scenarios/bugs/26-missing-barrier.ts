import {
  DMA_TO_DEVICE,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  dmaAddr,
  fillPattern,
  patternBytes,
  udelay,
  writel,
  writel_relaxed,
  writeq,
  type DmaAddr,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import { DescriptorRing, RING } from './lib/descriptor-ring';
import { COMMAND, ENGINE_MACHINE, REG, type Engine } from './lib/engine';
import { exhibit } from './lib/exhibit';
import { onBuffer } from './lib/scene';
import { joined } from './lib/scattered-list';
import { judge } from './lib/verdict';

const PACKET = 128;
const PACKETS = 16;
const LENGTH = PACKET * PACKETS;
/** How long the driver spins for a packet: an interrupt would take longer. */
const SPIN_US = 5;

type Post = (engine: Engine, ring: DescriptorRing, number: number, address: DmaAddr) => void;

/** Writes a descriptor and rings the doorbell. But the descriptor may still be in the CPU when the engine looks for it. */
const postBuggy: Post = ({ regs }, ring, number, address) => {
  ring.put(number, address, PACKET, RING.SEND | RING.LAST); // BUG
  writel_relaxed(COMMAND.RING, regs.add(REG.COMMAND));
};

/** A doorbell that first sees to it that everything stored before is in memory. */
const postFixed: Post = ({ regs }, ring, number, address) => {
  ring.put(number, address, PACKET, RING.SEND | RING.LAST);
  writel(COMMAND.RING, regs.add(REG.COMMAND));
};

/** Sends the packets one by one. How many the engine could not send when it was told to. */
const send = async (engine: Engine, ring: DescriptorRing, buffer: VirtAddr, post: Post): Promise<number> => {
  const { dev, kernel, regs } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_TO_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  writeq(ring.handle, regs.add(REG.RING));
  writel(ring.entries, regs.add(REG.RING_ENTRIES));
  let failed = 0;
  for (let number = 0; number < PACKETS; number++) {
    post(engine, ring, number, dmaAddr(address + BigInt(number * PACKET)));
    udelay(kernel, SPIN_US);
    if ((await engine.finish()) < 0) failed++;
  }
  dma_unmap_single(dev, address, LENGTH, DMA_TO_DEVICE);
  return failed;
};

const scene = (post: Post): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(LENGTH, async (engine, buffer, lab) => {
    fillPattern(lab.kernel, buffer, LENGTH, 26);
    const ring = lab.ok(DescriptorRing.alloc(engine, PACKETS), 'the ring');
    const failed = lab.ok(await send(engine, ring, buffer, post), 'send');
    lab.note(`packets that were not there yet when the engine looked: ${failed} of ${PACKETS}`);
    judge(lab, joined(engine.hardware(lab).sent), patternBytes(26, 0, LENGTH), 'the packets on the wire');
    ring.free();
  });

export default exhibit({
  number: 26,
  name: 'missing-barrier',
  title: 'writel_relaxed for the doorbell, which a descriptor may come after',
  example: 'fsl-edma, L:20251124-dma-coldfire-v1-1-dc8f93185464@yoseli.org',
  dmaDebug: 'N',
  reports: ['DMA-BARRIER'],
  shows: [{ cache: ['adversarial'] }],
  machine: { ...ENGINE_MACHINE, cache: { adversarial: true } },
  buggy: scene(postBuggy),
  fixed: scene(postFixed),
});
