import { PAGE_SIZE, virtAddr } from '../base/address';
import { DMA_BIDIRECTIONAL } from '../kernel-api/dma/direction';
import { dma_map_single, dma_sync_single_for_cpu, dma_sync_single_for_device } from '../kernel-api/dma/mapping';
import { GFP_KERNEL } from '../kernel-api/gfp';
import type { Kernel } from '../kernel-api/kernel';
import { __get_free_pages } from '../kernel-api/mm/page-alloc';
import type { MachineOptions } from '../lab/machine-options';
import { onMachine } from './host';
import { compare, figure, timed, type Figure } from './measure';

const LINE = 64;
const ORDER = 2;
const BYTES = PAGE_SIZE << ORDER;
const LINES = BYTES / LINE;
const ROUNDS = 200;

/** Nanoseconds per line of handing a dirty buffer to the device and back. */
const syncSample = (options: MachineOptions): Promise<() => number> =>
  onMachine(options, (kernel) => {
    const dev = kernel.drivers.devices.find(({ driver }) => driver?.name === 'dw_axi_dmac_platform')!;
    const buffer = __get_free_pages(kernel, GFP_KERNEL, ORDER);
    const address = dma_map_single(dev, buffer, BYTES, DMA_BIDIRECTIONAL);
    return () =>
      timed(() => {
        for (let round = 0; round < ROUNDS; round++) {
          kernel.mm.fill(buffer, round, BYTES);
          dma_sync_single_for_device(dev, address, BYTES, DMA_BIDIRECTIONAL);
          dma_sync_single_for_cpu(dev, address, BYTES, DMA_BIDIRECTIONAL);
        }
      }) /
      (ROUNDS * LINES);
  });

/** Nanoseconds per load and store of words all over a buffer. */
const accessSample = (options: MachineOptions): Promise<() => number> =>
  onMachine(options, (kernel: Kernel) => {
    const buffer = __get_free_pages(kernel, GFP_KERNEL, ORDER);
    return () =>
      timed(() => {
        for (let round = 0; round < ROUNDS; round++) {
          for (let at = 0; at < BYTES; at += 8) {
            const word = virtAddr(buffer + at);
            kernel.mm.store32(word, kernel.mm.load32(word) + 1);
          }
        }
      }) /
      ((ROUNDS * BYTES) / 8);
  });

/** What CPU caches cost: syncs per line, and a load and a store with a cache and with one that misbehaves. */
export const cacheFigures = async (): Promise<Figure[]> => {
  const noCache: MachineOptions = { iommu: false };
  const cached: MachineOptions = { iommu: false, coherent: false };
  const adversarial: MachineOptions = { ...cached, cache: { adversarial: true } };
  const coherentSync = await syncSample(noCache);
  const coherentAccess = await accessSample(noCache);
  const sync = await compare(await syncSample(cached), coherentSync);
  const access = await compare(await accessSample(cached), coherentAccess);
  const attacked = await compare(await accessSample(adversarial), coherentAccess);
  return [
    figure('sync-line', 'ns/line', sync.value, sync.baseline, 'the same of a coherent device'),
    figure('cached-access', 'ns', access.value, access.baseline, 'a load and a store without a cache'),
    figure('adversarial-access', 'ns', attacked.value, attacked.baseline, 'a load and a store without a cache'),
  ];
};
