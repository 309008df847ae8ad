import {
  DMA_TO_DEVICE,
  ENOMEM,
  GFP_KERNEL,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  expectBytes,
  fillPattern,
  kfree,
  kzalloc,
  patternBytes,
  virtAddr,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import { withEngine, type Engine } from './lib/engine';
import { exhibit } from './lib/exhibit';
import { judgeThat } from './lib/verdict';

/** A request, and how much the engine fetches of it: its manual calls that a block. */
const REQUEST = 200;
const BLOCK = 512;
/** Where in one allocation the key lies that nobody else should see, and how long it is. */
const KEY_AT = 256;
const KEY = 64;
const KEY_SEED = 0x5ec;
/** More than the cache holds: after that the key is in memory. */
const OTHER_WORK = 0x1_0000;

type Send = (engine: Engine, request: VirtAddr) => Promise<number>;

/** Lends the request, and nothing of the key behind it. But an IOMMU lends pages, and without one all is lent. */
const sendBuggy: Send = async (engine, request) => {
  const { dev } = engine;
  const address = dma_map_single(dev, request, REQUEST, DMA_TO_DEVICE); // BUG
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const count = await engine.send(address, BLOCK);
  dma_unmap_single(dev, address, REQUEST, DMA_TO_DEVICE);
  return count;
};

/** Copies the request to a block of its own, which is all that the engine has a reason to look at. */
const sendFixed: Send = async (engine, request) => {
  const { dev, kernel } = engine;
  const block = kzalloc(kernel, BLOCK, GFP_KERNEL);
  if (block === 0) return -ENOMEM;
  kernel.mm.write(block, kernel.mm.read(request, REQUEST));
  const address = dma_map_single(dev, block, BLOCK, DMA_TO_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) {
    kfree(kernel, block);
    return -ENOMEM;
  }
  const count = await engine.send(address, BLOCK);
  dma_unmap_single(dev, address, BLOCK, DMA_TO_DEVICE);
  kfree(kernel, block);
  return count;
};

/** What the driver knows: a request, and behind it a key that is not of today. */
const prepare = (lab: ScenarioContext): VirtAddr => {
  const { kernel } = lab;
  const state = lab.ok(kzalloc(kernel, BLOCK, GFP_KERNEL), 'kzalloc');
  fillPattern(kernel, virtAddr(state + KEY_AT), KEY, KEY_SEED);
  const other = lab.ok(kzalloc(kernel, OTHER_WORK, GFP_KERNEL), 'kzalloc');
  kernel.mm.read(other, OTHER_WORK);
  kfree(kernel, other);
  fillPattern(kernel, state, REQUEST, 32);
  return state;
};

/** How many bytes of the key are in a packet, at their place. */
const leaked = (packet: Uint8Array): number =>
  patternBytes(KEY_SEED, 0, KEY).filter((byte, index) => packet[KEY_AT + index] === byte).length;

const scene = (send: Send): ((lab: ScenarioContext) => Promise<void>) =>
  withEngine(async (engine, lab) => {
    const state = prepare(lab);
    lab.equal(await send(engine, state), BLOCK, 'bytes sent');
    const [packet] = engine.hardware(lab).sent;
    expectBytes(packet!.subarray(0, REQUEST), patternBytes(32, 0, REQUEST), 'the request on the wire');
    judgeThat(lab, leaked(packet!) < KEY / 2, `the key went out with the request: ${leaked(packet!)} of ${KEY} bytes`);
    kfree(lab.kernel, state);
  });

export default exhibit({
  number: 32,
  name: 'sub-page-exposure',
  title: 'A device reads past a small mapping, into a secret that lies on the same page',
  example:
    'EuroSys 2021, "Characterizing, exploiting, and detecting DMA code injection vulnerabilities in the presence of an IOMMU"',
  dmaDebug: 'N',
  reports: ['DMA-SUB-PAGE'],
  shows: [{ translation: ['strict', 'lazy'] }, { translation: ['direct', 'passthrough'], mask: ['64'] }],
  buggy: scene(sendBuggy),
  fixed: scene(sendFixed),
});
