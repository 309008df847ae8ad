import {
  DMA_TO_DEVICE,
  EIO,
  ENOMEM,
  GuardedBuffer,
  PAGE_SIZE,
  dmaPageOf,
  dma_map_single,
  dma_mapping_error,
  dma_set_min_align_mask,
  dma_unmap_single,
  fillPattern,
  offsetInPage,
  patternBytes,
  readl,
  writel,
  writeq,
  type DmaAddr,
  type IoMem,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import { BOUNCING, exhibit } from './lib/exhibit';
import { PAGE_READER_MACHINE, PageReader } from './lib/page-reader';
import { judge } from './lib/verdict';
import { withDevice, type BoundDevice } from './lib/with-device';

const FRAME = 0x00;
const OFFSET = 0x20;
const LENGTH = 0x24;
const STATUS = 0x28;

const BLOCK = PAGE_SIZE + 1024;
const BLOCK_OFFSET = 1536;

/** Names the pages of a block to the device, from the one of the address on, and has it read them. */
const readPages = (regs: IoMem, address: DmaAddr, offset: number, length: number): number => {
  const pages = Math.ceil((offset + length) / PAGE_SIZE);
  for (let page = 0; page < pages; page++) writeq(BigInt(dmaPageOf(address) + page), regs.add(FRAME + 8 * page));
  writel(offset, regs.add(OFFSET));
  writel(length, regs.add(LENGTH));
  return readl(regs.add(STATUS)) === 0 ? 0 : -EIO;
};

type Send = (device: BoundDevice, block: VirtAddr) => number;

/** Takes it that the block begins where in a page it did before it was mapped. A bounce buffer need not. */
const sendBuggy: Send = ({ dev, regs }, block) => {
  const address = dma_map_single(dev, block, BLOCK, DMA_TO_DEVICE); // BUG
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const error = readPages(regs, address, offsetInPage(block), BLOCK);
  dma_unmap_single(dev, address, BLOCK, DMA_TO_DEVICE);
  return error;
};

/** Says which bits of an address must stay as they are. */
const sendFixed: Send = ({ dev, regs }, block) => {
  dma_set_min_align_mask(dev, PAGE_SIZE - 1);
  const address = dma_map_single(dev, block, BLOCK, DMA_TO_DEVICE);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  const error = readPages(regs, address, offsetInPage(block), BLOCK);
  dma_unmap_single(dev, address, BLOCK, DMA_TO_DEVICE);
  return error;
};

const scene = (send: Send): ((lab: ScenarioContext) => Promise<void>) =>
  withDevice('acme,page-reader', (device, lab) => {
    const memory = new GuardedBuffer(lab.kernel, BLOCK, BLOCK_OFFSET, 'the block');
    fillPattern(lab.kernel, memory.address, BLOCK, 23);
    lab.ok(send(device, memory.address), 'sending the block');
    const { block } = lab.machine.hardware.device('reader', PageReader);
    judge(lab, block, patternBytes(23, 0, BLOCK), 'the block');
    memory.expectGuards();
    memory.free();
  });

export default exhibit({
  number: 23,
  name: 'page-offset-lost',
  title: 'The device relies on the offset of a buffer in its page, which a bounce buffer has not got',
  example: 'nvme, L:20210204193035.2606838-9-hch@lst.de',
  dmaDebug: 'N',
  reports: ['DMA-ALIGN-LOST'],
  shows: BOUNCING,
  machine: PAGE_READER_MACHINE,
  buggy: scene(sendBuggy),
  fixed: scene(sendFixed),
});
