import {
  DMA_FROM_DEVICE,
  ENOMEM,
  IOMMU_DOMAIN_IDENTITY,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  fillPattern,
  iommu_get_domain_for_dev,
  patternBytes,
  udelay,
  type ScenarioContext,
  type StructDevice,
  type VirtAddr,
} from 'dmalab';
import { COMMAND, ENGINE_MACHINE, type Engine } from './lib/engine';
import { exhibit } from './lib/exhibit';
import { OLD, onBuffer } from './lib/scene';
import { judge } from './lib/verdict';

const LENGTH = 256;
/** How long the engine receives into the buffer over and over, and how long the driver looks at the buffer afterwards. */
const RECEIVING_US = 10;
const LOOKING_US = 20;

type Receive = (engine: Engine, buffer: VirtAddr) => number;

/** Whether the DMA API maps for a device by an IOMMU. */
const isTranslated = (dev: StructDevice): boolean => {
  const domain = iommu_get_domain_for_dev(dev);
  return domain !== null && domain.type !== IOMMU_DOMAIN_IDENTITY;
};

/**
 * Stopping the engine takes a register access; behind an IOMMU unmapping will do that. But with lazy invalidation the IOMMU
 * knows the translation for some time yet, as the engine has just used it.
 */
const receiveBuggy: Receive = (engine, buffer) => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  engine.start(COMMAND.RECEIVE | COMMAND.REPEAT, address, LENGTH);
  udelay(kernel, RECEIVING_US);
  if (!isTranslated(dev)) engine.stop();
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE); // BUG
  return 0;
};

/** Stops the engine first, whatever is between it and memory. */
const receiveFixed: Receive = (engine, buffer) => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, buffer, LENGTH, DMA_FROM_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  engine.start(COMMAND.RECEIVE | COMMAND.REPEAT, address, LENGTH);
  udelay(kernel, RECEIVING_US);
  engine.stop();
  dma_unmap_single(dev, address, LENGTH, DMA_FROM_DEVICE);
  return 0;
};

const scene = (receive: Receive): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(LENGTH, async (engine, buffer, lab) => {
    const { kernel } = lab;
    engine.expect(30);
    lab.ok(receive(engine, buffer), 'receive');
    judge(lab, kernel.mm.read(buffer, LENGTH), patternBytes(30, 0, LENGTH), 'the packet');
    fillPattern(kernel, buffer, LENGTH, OLD);
    udelay(kernel, LOOKING_US);
    judge(lab, kernel.mm.read(buffer, LENGTH), patternBytes(OLD, 0, LENGTH), 'the buffer, now used for something else');
    engine.stop();
  });

export default exhibit({
  number: 30,
  name: 'stale-iotlb',
  title: 'A driver relies on unmapping to keep the device out, which lazy invalidation puts off',
  example: 'L:20210225061454.2864009-1-baolu.lu@linux.intel.com',
  dmaDebug: 'N',
  reports: ['DMA-STALE-IOTLB'],
  shows: [{ translation: ['lazy'] }],
  machine: { ...ENGINE_MACHINE, bootargs: 'iommu.strict=0', revocation: 'linux' },
  buggy: scene(receiveBuggy),
  fixed: scene(receiveFixed),
});
