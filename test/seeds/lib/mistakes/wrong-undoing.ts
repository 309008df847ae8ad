import { PAGE_SIZE, dmaAddr } from '../../../../base/address';
import { DMA_TO_DEVICE } from '../../../../kernel-api/dma/direction';
import * as api from '../../../../kernel-api/dma/mapping';
import { out } from '../../../../kernel-api/err';
import { GFP_KERNEL } from '../../../../kernel-api/gfp';
import { listOf } from '../episode-list';
import type { DriverMistake } from './driver-mistake';
import { any, wrongWay, bounces, isPlain, lent } from './ways';

export const UNDOING_MISTAKES: readonly DriverMistake[] = [
  {
    name: 'unmapping in another direction',
    report: 'DMA-UNMAP-DIRECTION',
    make: (e) => {
      const buffer = e.buffer();
      const dir = any(e);
      e.map(buffer, dir).unmap(wrongWay(dir));
      e.free(buffer);
    },
  },
  {
    name: 'unmapping another length',
    report: 'DMA-UNMAP-SIZE',
    make: (e) => {
      const buffer = e.buffer();
      const dir = any(e);
      e.map(buffer, dir).unmap(dir, buffer.length - 1);
      e.free(buffer);
    },
  },
  {
    name: 'unmapping a part, from the middle',
    report: 'DMA-UNMAP-UNKNOWN',
    make: (e) => {
      const dir = any(e);
      // Without an IOMMU and bouncing it is harmless. Elsewhere what is left would be anybody's guess.
      if (bounces(e.bench.backEnd) || e.bench.backEnd.translated)
        api.dma_unmap_single(e.dev, dmaAddr(0x1234_5000), 8, dir);
      else {
        lent(e, dir, ({ address }) => api.dma_unmap_single(e.dev, dmaAddr(address + 64n), 8, dir));
      }
    },
  },
  {
    name: 'unmapping twice',
    report: 'DMA-UNMAP-UNKNOWN',
    make: (e) => lent(e, any(e), (mapping) => mapping.unmap()),
  },
  {
    name: 'unmapping for another device',
    report: 'DMA-UNMAP-UNKNOWN',
    make: (e) => {
      const dir = any(e);
      lent(e, dir, (mapping) => mapping.unmap(dir, mapping.length, e.other.dev));
    },
  },
  {
    name: 'no unmapping',
    report: 'DMA-LEAK',
    atEnd: true,
    make: (e) => void e.map(e.buffer(), any(e)),
  },
  {
    name: 'no freeing of coherent memory',
    report: 'DMA-LEAK',
    atEnd: true,
    make: (e) => void e.coherent(e.rng.between(1, 9000)),
  },
  {
    name: 'memory is freed while it is mapped',
    report: 'DMA-FREE-MAPPED',
    make: (e) => {
      const buffer = e.buffer();
      const mapping = e.map(buffer, any(e));
      e.free(buffer);
      mapping.unmap();
    },
  },
  {
    name: 'coherent memory is freed with another length',
    report: 'DMA-UNMAP-SIZE',
    make: (e) => {
      const memory = e.coherent(e.rng.between(10, 4000));
      memory.free(memory.length + 1);
    },
  },
  {
    name: 'pages are freed as coherent memory',
    report: (where) => (isPlain(where) && where.coherent ? 'DMA-UNMAP-KIND' : null),
    make: (e) => {
      // Where it is harmless.
      if (!isPlain(e.bench.backEnd) || !e.bench.backEnd.coherent) return;
      const handle = out(dmaAddr(0));
      const cpu = api.dma_alloc_noncoherent(e.dev, PAGE_SIZE, handle, DMA_TO_DEVICE, GFP_KERNEL);
      api.dma_free_coherent(e.dev, PAGE_SIZE, cpu, handle.value);
    },
  },
  {
    name: 'a list is unmapped as one mapping',
    report: 'DMA-UNMAP-KIND',
    make: (e) => {
      const list = listOf(e, 1);
      list.map(DMA_TO_DEVICE);
      api.dma_unmap_single(e.dev, list.address, list.length, DMA_TO_DEVICE);
      list.free();
    },
  },
  {
    name: 'a list is unmapped with another number of entries',
    report: 'DMA-UNMAP-ENTRIES',
    // What is left of it is given to others by and by.
    atEnd: true,
    make: (e) => {
      const list = listOf(e, 3);
      list.map(DMA_TO_DEVICE);
      list.unmap(DMA_TO_DEVICE, 2);
      list.free();
    },
  },
];
