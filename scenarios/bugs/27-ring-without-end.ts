import {
  DMA_TO_DEVICE,
  ENOMEM,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  dmaAddr,
  expectBytes,
  fillPattern,
  patternBytes,
  type DmaAddr,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import { DescriptorRing, RING } from './lib/descriptor-ring';
import type { Engine } from './lib/engine';
import { exhibit } from './lib/exhibit';
import { onBuffer } from './lib/scene';
import { joined } from './lib/scattered-list';
import { judgeThat } from './lib/verdict';

/** A packet of several pieces; the ring has room for more. */
const PIECE = 256;
const PIECES = 3;
const LENGTH = PIECE * PIECES;
const ENTRIES = 8;

type Start = (engine: Engine, ring: DescriptorRing, address: DmaAddr) => Promise<number>;

/** A descriptor for each piece, and the doorbell. Nothing says which is the last one, so the engine goes on to the next. */
const startBuggy: Start = (engine, ring, address) => {
  for (let index = 0; index < PIECES; index++) {
    ring.put(index, dmaAddr(address + BigInt(index * PIECE)), PIECE, RING.SEND);
  }
  return engine.ring(ring.handle, ENTRIES); // BUG
};

/** The last piece is marked as such. */
const startFixed: Start = (engine, ring, address) => {
  for (let index = 0; index < PIECES; index++) {
    const flags = index === PIECES - 1 ? RING.SEND | RING.LAST : RING.SEND;
    ring.put(index, dmaAddr(address + BigInt(index * PIECE)), PIECE, flags);
  }
  return engine.ring(ring.handle, ENTRIES);
};

const send = async (engine: Engine, ring: DescriptorRing, buffer: VirtAddr, start: Start): Promise<number> => {
  const { dev } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_TO_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const result = await start(engine, ring, address);
  dma_unmap_single(dev, address, LENGTH, DMA_TO_DEVICE);
  return result;
};

const scene = (start: Start): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(LENGTH, async (engine, buffer, lab) => {
    fillPattern(lab.kernel, buffer, LENGTH, 27);
    const ring = lab.ok(DescriptorRing.alloc(engine, ENTRIES), 'the ring');
    const result = await send(engine, ring, buffer, start);
    judgeThat(lab, result >= 0, `sending gave ${result}: the engine went on to a descriptor that nobody wrote`);
    expectBytes(joined(engine.hardware(lab).sent), patternBytes(27, 0, LENGTH), 'the packet on the wire');
    ring.free();
  });

export default exhibit({
  number: 27,
  name: 'ring-without-end',
  title: 'A chain of descriptors of which none is marked as the last',
  example: 'rz-dmac, L:20260126103155.2644586-8-claudiu.beznea.uj@bp.renesas.com',
  dmaDebug: 'N',
  reports: ['DMA-CHAIN'],
  shows: 'everywhere',
  buggy: scene(startBuggy),
  fixed: scene(startFixed),
});
