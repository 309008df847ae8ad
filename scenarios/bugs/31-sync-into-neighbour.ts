import {
  DMA_ATTR_SKIP_CPU_SYNC,
  DMA_FROM_DEVICE,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_sync_single_range_for_cpu,
  dma_unmap_single_attrs,
  dmaAddr,
  patternBytes,
  virtAddr,
  type DmaAddr,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import type { Engine } from './lib/engine';
import { BOUNCING, NON_COHERENT, exhibit } from './lib/exhibit';
import { onBuffer } from './lib/scene';
import { judge } from './lib/verdict';

/** One mapping is a row of small buffers, each with a life of its own. */
const BUFFER = 512;
const BUFFERS = 4;
const LENGTH = BUFFER * BUFFERS;
/** What syncs are rounded to here: as if small ones were not worth it. */
const GRAIN = 1024;

/** What the stack makes of a packet, in place, while the engine fills the next buffer. */
const opened = (packet: Uint8Array): Uint8Array => packet.map((byte) => byte ^ 0x5a);

type Take = (engine: Engine, address: DmaAddr, offset: number) => void;

/** Takes back whole grains: with a buffer also its neighbour, on which the CPU is at work. */
const takeBuggy: Take = ({ dev }, address, offset) => {
  const start = offset - (offset % GRAIN);
  dma_sync_single_range_for_cpu(dev, address, start, offset + BUFFER - start, DMA_FROM_DEVICE); // BUG
};

/** Takes back the buffer that has arrived. */
const takeFixed: Take = ({ dev }, address, offset) => {
  dma_sync_single_range_for_cpu(dev, address, offset, BUFFER, DMA_FROM_DEVICE);
};

/** Fills one buffer after the other; each is decrypted where it lies. */
const receive = async (engine: Engine, base: VirtAddr, take: Take): Promise<number> => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, base, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  for (let number = 0; number < BUFFERS; number++) {
    const offset = number * BUFFER;
    engine.expect(number);
    await engine.receive(dmaAddr(address + BigInt(offset)), BUFFER);
    take(engine, address, offset);
    const buffer = virtAddr(base + offset);
    kernel.mm.write(buffer, opened(kernel.mm.read(buffer, BUFFER)));
  }
  // Each buffer has been taken back, and all are the CPU's: nothing is left to sync.
  dma_unmap_single_attrs(dev, address, LENGTH, DMA_FROM_DEVICE, DMA_ATTR_SKIP_CPU_SYNC);
  return 0;
};

const scene = (take: Take): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(LENGTH, async (engine, base, lab) => {
    lab.ok(await receive(engine, base, take), 'receive');
    for (let number = 0; number < BUFFERS; number++) {
      const found = lab.kernel.mm.read(virtAddr(base + number * BUFFER), BUFFER);
      judge(lab, found, opened(patternBytes(number, 0, BUFFER)), `packet ${number}`);
    }
  });

export default exhibit({
  number: 31,
  name: 'sync-into-neighbour',
  title:
    'A sync for the CPU is rounded to more than the buffer and takes back its neighbour as well, which the CPU has changed',
  example: 'asterinas#3920',
  dmaDebug: 'N',
  reports: ['DMA-SYNC-CLOBBER'],
  shows: [...NON_COHERENT, ...BOUNCING],
  buggy: scene(takeBuggy),
  fixed: scene(takeFixed),
});
