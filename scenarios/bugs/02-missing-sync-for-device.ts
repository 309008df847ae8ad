import {
  DMA_TO_DEVICE,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_sync_single_for_cpu,
  dma_sync_single_for_device,
  dma_unmap_single,
  patternBytes,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import type { Engine } from './lib/engine';
import { BOUNCING, NON_COHERENT, exhibit } from './lib/exhibit';
import { onBuffer } from './lib/scene';
import { judge } from './lib/verdict';

const LENGTH = 512;
const PACKETS = 4;

/** A transmit buffer that stays mapped; the CPU puts one packet after another into it. */
const sendBuggy = async (engine: Engine, buffer: VirtAddr, packets: readonly Uint8Array[]): Promise<number> => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_TO_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  for (const packet of packets) {
    dma_sync_single_for_cpu(dev, address, LENGTH, DMA_TO_DEVICE);
    kernel.mm.write(buffer, packet); // BUG
    await engine.send(address, LENGTH);
  }
  dma_unmap_single(dev, address, LENGTH, DMA_TO_DEVICE);
  return 0;
};

/** Hands each packet over before the device fetches it. */
const sendFixed = async (engine: Engine, buffer: VirtAddr, packets: readonly Uint8Array[]): Promise<number> => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_TO_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  for (const packet of packets) {
    dma_sync_single_for_cpu(dev, address, LENGTH, DMA_TO_DEVICE);
    kernel.mm.write(buffer, packet);
    dma_sync_single_for_device(dev, address, LENGTH, DMA_TO_DEVICE);
    await engine.send(address, LENGTH);
  }
  dma_unmap_single(dev, address, LENGTH, DMA_TO_DEVICE);
  return 0;
};

const scene = (send: typeof sendFixed): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(LENGTH, async (engine, buffer, lab) => {
    const packets = Array.from({ length: PACKETS }, (_, number) => patternBytes(number, 0, LENGTH));
    lab.ok(await send(engine, buffer, packets), 'send');
    const { sent } = engine.hardware(lab);
    lab.equal(sent.length, PACKETS, 'packets that went out');
    for (const [number, packet] of packets.entries()) judge(lab, sent[number]!, packet, `packet ${number} on the wire`);
  });

export default exhibit({
  number: 2,
  name: 'missing-sync-for-device',
  title: 'A device reads what the CPU wrote to a mapped buffer without dma_sync_single_for_device',
  example: 'spi-imx, L:1591392755-19136-7-git-send-email-yibin.gong@nxp.com',
  dmaDebug: 'N',
  reports: ['DMA-SYNC-MISSING-DEVICE'],
  shows: [...NON_COHERENT, ...BOUNCING],
  buggy: scene(sendBuggy),
  fixed: scene(sendFixed),
});
