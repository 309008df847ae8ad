import { dmaAddr } from '../../../../base/address';
import { DMA_TO_DEVICE } from '../../../../kernel-api/dma/direction';
import { msleep } from '../../../../kernel-api/sched/delay';
import type { DriverMistake } from './driver-mistake';
import { LINE, reading, lent } from './ways';

/** Where devices go that are told a wrong address. */
export const ADDRESS_MISTAKES: readonly DriverMistake[] = [
  {
    name: 'the device goes on behind its mapping',
    report: 'DMA-SUB-PAGE',
    atStart: true,
    make: (e) => {
      const buffer = e.buffer({ length: 1000, whole: true });
      const mapping = e.map(buffer, DMA_TO_DEVICE);
      e.deviceReads(mapping, 0, 1001);
      mapping.unmap();
      e.free(buffer);
    },
  },
  {
    name: 'the device uses what was unmapped',
    report: ({ translation }) => (translation === 'lazy' ? 'DMA-STALE-IOTLB' : 'DMA-USE-AFTER-UNMAP'),
    make: (e) => {
      const buffer = e.buffer();
      const mapping = e.map(buffer, reading(e));
      e.deviceReads(mapping);
      mapping.unmap();
      e.deviceReads(mapping);
      e.free(buffer);
    },
  },
  {
    name: 'the device uses what was unmapped long ago',
    // Everywhere, but a lazy IOMMU is what it is about.
    report: ({ translation }) => (translation === 'lazy' ? 'DMA-USE-AFTER-UNMAP' : null),
    follows: ['DMA-USE-AFTER-UNMAP'],
    make: async (e) => {
      const buffer = e.buffer();
      const mapping = e.map(buffer, DMA_TO_DEVICE);
      e.deviceReads(mapping);
      mapping.unmap();
      // By now a lazy IOMMU has forgotten it, too.
      await msleep(e.bench.kernel, 50);
      e.deviceReads(mapping);
      e.free(buffer);
    },
  },
  {
    name: 'the device uses what is mapped for another',
    report: 'DMA-WRONG-DEVICE',
    atStart: true,
    make: (e) => lent(e, DMA_TO_DEVICE, (mapping) => e.deviceReads(mapping, 0, LINE, e.other)),
  },
  {
    name: 'the device uses what was never mapped',
    report: 'DMA-OUTSIDE-MAPPING',
    make: (e) => void e.other.read(dmaAddr(0x1234_5000), 4),
  },
];
