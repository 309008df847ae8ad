import {
  DMA_FROM_DEVICE,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_sync_single_range_for_cpu,
  dma_sync_single_range_for_device,
  dma_unmap_single,
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

/** One mapping of several packets. */
const PACKET = 512;
const PACKETS = 4;
const LENGTH = PACKET * PACKETS;

/** What the driver looks at first. */
const HEADER = 64;

type Take = (engine: Engine, address: DmaAddr, offset: number) => void;

/** Takes back the header, to see whose packet it is; then all of it is handed on. */
const takeBuggy: Take = ({ dev }, address, offset) => {
  dma_sync_single_range_for_cpu(dev, address, offset, HEADER, DMA_FROM_DEVICE); // BUG
};

const takeFixed: Take = ({ dev }, address, offset) => {
  dma_sync_single_range_for_cpu(dev, address, offset, PACKET, DMA_FROM_DEVICE);
};

/** Receives a packet into each part of the buffer, and looks at each as it comes. */
const receive = async (
  engine: Engine,
  buffer: VirtAddr,
  take: Take,
  deliver: (packet: Uint8Array, number: number) => void,
): Promise<number> => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  for (let number = 0; number < PACKETS; number++) {
    const offset = number * PACKET;
    engine.expect(number);
    await engine.receive(dmaAddr(address + BigInt(offset)), PACKET);
    take(engine, address, offset);
    deliver(kernel.mm.read(virtAddr(buffer + offset), PACKET), number);
    dma_sync_single_range_for_device(dev, address, offset, PACKET, DMA_FROM_DEVICE);
  }
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return 0;
};

const scene = (take: Take): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(LENGTH, async (engine, buffer, lab) => {
    const error = await receive(engine, buffer, take, (packet, number) =>
      judge(lab, packet, patternBytes(number, 0, PACKET), `packet ${number}`),
    );
    lab.ok(error, 'receive');
  });

export default exhibit({
  number: 7,
  name: 'partial-sync',
  title: 'The CPU reads more of a mapping than it has taken back by a sync',
  example: 'caam, L:2e899de2-4b69-c4b6-33a6-09fb8949d2fd@nxp.com',
  dmaDebug: 'N',
  reports: ['DMA-SYNC-PARTIAL'],
  shows: [...NON_COHERENT, ...BOUNCING],
  buggy: scene(takeBuggy),
  fixed: scene(takeFixed),
});
