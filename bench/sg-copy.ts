import { PAGE_SIZE, type DmaAddr } from '../base/address';
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../kernel-api/dma/direction';
import { dma_map_sgtable } from '../kernel-api/dma/mapping';
import { dma_async_issue_pending, dmaengine_prep_dma_memcpy, dmaengine_submit } from '../kernel-api/dmaengine/client';
import { dma_request_chan_by_mask } from '../kernel-api/dmaengine/dmaengine';
import { DMA_MEMCPY, DMA_PREP_INTERRUPT, type DmaChan } from '../kernel-api/dmaengine/types';
import { IS_ERR } from '../kernel-api/err';
import { page_address, page_to_phys, type Page } from '../kernel-api/mm/page';
import { Completion, complete, wait_for_completion } from '../kernel-api/sched/completion';
import type { DwAxiDmacOptions } from '../devices/dw-axi-dmac/options';
import { onMachine } from './host';
import { collectGarbage, compare, wallTime, figure, timed, type Figure } from './measure';
import { scatteredPages, tableOf } from './sg-lists';

const BYTES = 64 << 20;
const WARM_UP_BYTES = 1 << 20;
const SEGMENTS = BYTES / PAGE_SIZE;
const MEMORY_BASE = 0x8000_0000;
const MEMORY = 384 << 20;
const WASM_PAGE = 0x1_0000;
/** The largest step of the controller: it has that many bytes in flight. The default is a page, for finer interleaving. */
const LONG_STEP = 256 << 10;
/** Source items of a block, 8 bytes each, with which every 4 KiB segment is a linked-list item of its own. */
const BLOCK_ITEMS = PAGE_SIZE / 8;

/** Where the pages lie in a memory of the same size. */
const offsetsOf = (pages: readonly Page[]): Uint32Array =>
  Uint32Array.from(pages, (page) => page_to_phys(page) - MEMORY_BASE);

const copyWithinSample = (memory: Uint8Array, from: Uint32Array, to: Uint32Array): number =>
  timed(() => {
    for (let i = 0; i < SEGMENTS; i++) memory.copyWithin(to[i]!, from[i]!, from[i]! + PAGE_SIZE);
  });

/** Prepares a copy and what happens at its end. */
const submitCopy = (chan: DmaChan, to: DmaAddr, from: DmaAddr, bytes: number, atEnd: () => void): void => {
  const desc = dmaengine_prep_dma_memcpy(chan, to, from, bytes, DMA_PREP_INTERRUPT)!;
  desc.callback = atEnd;
  dmaengine_submit(desc);
};

/**
 * From the client's callback of a short copy to that of the whole one behind it, in nanoseconds: the collection of what
 * the driver prepared before leaves the host cold, and that is no property of a copy.
 */
const transferSample = async (chan: DmaChan, to: DmaAddr, from: DmaAddr): Promise<number> => {
  const done = new Completion(chan.device.dev.kernel);
  let [start, end] = [0, 0];
  submitCopy(chan, to, from, WARM_UP_BYTES, () => void (start = wallTime()));
  submitCopy(chan, to, from, BYTES, () => {
    end = wallTime();
    complete(done);
  });
  collectGarbage();
  dma_async_issue_pending(chan);
  await wait_for_completion(done);
  return end - start;
};

/** What one way of copying measures. */
const measureCopy = (dmac: DwAxiDmacOptions): Promise<{ value: number; baseline: number }> =>
  onMachine({ memory: [{ base: MEMORY_BASE, size: MEMORY }], dmac }, async (kernel) => {
    const chan = dma_request_chan_by_mask(kernel, DMA_MEMCPY);
    if (IS_ERR(chan)) throw new Error('no DMA channel');
    const sources = scatteredPages(kernel, SEGMENTS);
    const targets = scatteredPages(kernel, SEGMENTS);
    const from = tableOf(kernel, sources);
    const to = tableOf(kernel, targets);
    const { dev } = chan.device;
    if (dma_map_sgtable(dev, from, DMA_TO_DEVICE, 0) !== 0) throw new Error('the source cannot be mapped');
    if (dma_map_sgtable(dev, to, DMA_FROM_DEVICE, 0) !== 0) throw new Error('the destination cannot be mapped');
    if (from.nents !== 1 || to.nents !== 1) throw new Error('the lists should have merged');
    // Of the same make as the machine's, and as real: pages that nobody wrote would all be one page of the host's.
    const memory = new Uint8Array(new WebAssembly.Memory({ initial: MEMORY / WASM_PAGE }).buffer).fill(1);
    for (const page of [...sources, ...targets]) kernel.mm.fill(page_address(page), 1, PAGE_SIZE);
    const [fromOffsets, toOffsets] = [offsetsOf(sources), offsetsOf(targets)];
    return await compare(
      () => transferSample(chan, to.sgl!.dma_address, from.sgl!.dma_address),
      () => copyWithinSample(memory, fromOffsets, toOffsets),
      9,
      2,
    );
  });

/**
 * A copy of 64 MiB in scattered 4 KiB segments through the IOMMU, in GB/s: with as much in flight as the controller can
 * have, a page at a time as it does by default, and with a linked-list item for each segment.
 */
export const sgCopy = async (): Promise<Figure[]> => {
  const whole = await measureCopy({ chunkBytes: LONG_STEP });
  const pages = await measureCopy({});
  const items = await measureCopy({ blockSize: BLOCK_ITEMS });
  const against = 'copyWithin of the same segments';
  const onTop = (whole.value - whole.baseline) / SEGMENTS;
  return [
    figure('sg-copy', 'GB/s', BYTES / whole.value, BYTES / whole.baseline, against),
    figure('sg-copy-segment', 'ns', onTop, whole.baseline / SEGMENTS, 'copyWithin of a segment; the figure is on top'),
    figure('sg-copy-pages', 'GB/s', BYTES / pages.value, BYTES / pages.baseline, against),
    figure('sg-copy-items', 'GB/s', BYTES / items.value, BYTES / items.baseline, against),
  ];
};
