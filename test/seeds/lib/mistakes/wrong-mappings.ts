import { dmaAddr, physAddr } from '../../../../base/address';
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../../../kernel-api/dma/direction';
import * as api from '../../../../kernel-api/dma/mapping';
import { vfree, vmalloc } from '../../../../kernel-api/mm/vmalloc';
import { listOf } from '../episode-list';
import type { DriverMistake } from './driver-mistake';
import { LINE, writing, any, isCached, isPlain, rest, lent } from './ways';

export const MAPPING_MISTAKES: readonly DriverMistake[] = [
  {
    name: 'memory of the vmalloc area is mapped, and the device used wrongly long after',
    report: 'DMA-OUTSIDE-MAPPING',
    follows: ['DMA-MAP-VMALLOC'],
    make: (e) => {
      const { kernel } = e.bench;
      const area = vmalloc(kernel, 100);
      api.dma_mapping_error(e.dev, api.dma_map_single(e.dev, area, 100, DMA_TO_DEVICE));
      vfree(kernel, area);
      lent(e, DMA_TO_DEVICE, () => e.master.read(dmaAddr(0x1234_5000), 4));
    },
  },
  {
    name: 'memory of the vmalloc area is mapped',
    report: 'DMA-MAP-VMALLOC',
    make: (e) => {
      const { kernel } = e.bench;
      const area = vmalloc(kernel, 100);
      api.dma_mapping_error(e.dev, api.dma_map_single(e.dev, area, 100, DMA_TO_DEVICE));
      vfree(kernel, area);
    },
  },
  {
    name: 'what could not be mapped is unmapped',
    report: 'DMA-MAP-FAILED-USED',
    follows: ['DMA-MAP-VMALLOC'],
    make: (e) => {
      const { kernel } = e.bench;
      const area = vmalloc(kernel, 100);
      api.dma_unmap_single(e.dev, api.dma_map_single(e.dev, area, 100, DMA_TO_DEVICE), 100, DMA_TO_DEVICE);
      vfree(kernel, area);
    },
  },
  {
    name: 'memory of the kernel image is mapped',
    report: 'DMA-MAP-TEXT',
    make: (e) => {
      const { image } = e.bench.kernel.mm;
      const address = api.dma_map_phys(e.dev, physAddr(image.physical!), 4 * LINE, DMA_TO_DEVICE, 0);
      api.dma_mapping_error(e.dev, address);
      api.dma_unmap_phys(e.dev, address, 4 * LINE, DMA_TO_DEVICE, 0);
    },
  },
  {
    name: 'a list has the same page twice, and the device writes it',
    report: 'DMA-OVERLAP',
    make: (e) => {
      const list = listOf(e, 2, (buffers) => [buffers[0]!, buffers[0]!]);
      list.map(DMA_FROM_DEVICE);
      list.unmap(DMA_FROM_DEVICE);
      list.free();
    },
  },
  {
    name: 'a segment is longer than the device can take',
    report: 'DMA-SEGMENT-LENGTH',
    make: (e) => {
      const most = api.dma_get_max_seg_size(e.dev);
      api.dma_set_max_seg_size(e.dev, 2048);
      const list = listOf(e, 1);
      list.map(DMA_TO_DEVICE);
      list.unmap(DMA_TO_DEVICE);
      list.free();
      api.dma_set_max_seg_size(e.dev, most);
    },
  },
  {
    name: 'a segment crosses a boundary',
    // An IOMMU gives it an address where it does not, and such small bounce buffers there are none.
    report: (where) => (isPlain(where) ? 'DMA-SEGMENT-BOUNDARY' : null),
    make: (e) => {
      if (!isPlain(e.bench.backEnd)) return;
      const boundary = api.dma_get_seg_boundary(e.dev);
      api.dma_set_seg_boundary(e.dev, 2047n);
      const list = listOf(e, 1);
      list.map(DMA_TO_DEVICE);
      list.unmap(DMA_TO_DEVICE);
      list.free();
      api.dma_set_seg_boundary(e.dev, boundary);
    },
  },
  {
    name: 'nobody asks whether mapping failed',
    report: 'DMA-MAP-UNCHECKED',
    make: (e) => {
      const buffer = e.buffer();
      e.map(buffer, any(e), { checked: false }).unmap();
      e.free(buffer);
    },
  },
  {
    name: 'what the device writes is mapped twice',
    report: 'DMA-OVERLAP',
    make: (e) => {
      const buffer = e.buffer();
      const first = e.map(buffer, DMA_FROM_DEVICE);
      const second = e.map(buffer, any(e), { master: e.rng.pick([e.master, e.other]) });
      second.unmap();
      first.unmap();
      e.free(buffer);
    },
  },
  {
    name: 'two mappings share a line',
    report: (where) => (isCached(where) ? 'DMA-LINE-OVERLAP' : null),
    make: (e) => {
      const buffer = e.buffer({ length: 400 });
      const first = e.map({ ...buffer, length: 160 }, DMA_FROM_DEVICE);
      const second = e.map(rest(buffer, 160), any(e));
      second.unmap();
      first.unmap();
      e.free(buffer);
    },
  },
  {
    name: 'the device writes to what is mapped to be read',
    report: 'DMA-DIRECTION',
    // Nothing invalidates the lines: when the memory serves others, they are still old.
    follows: ['DMA-DIRTY-LINE', 'DMA-STALE-READ'],
    make: (e) => lent(e, DMA_TO_DEVICE, (mapping) => e.deviceWrites(mapping)),
  },
  {
    name: 'the device reads what is mapped to be written',
    report: 'DMA-DIRECTION',
    make: (e) => lent(e, DMA_FROM_DEVICE, (mapping) => e.deviceReads(mapping)),
  },
  {
    name: 'the device reads what nobody has written',
    report: 'DMA-UNINITIALISED',
    make: (e) => {
      const buffer = e.buffer({ fresh: true });
      const mapping = e.map(buffer, DMA_TO_DEVICE);
      e.deviceReads(mapping);
      mapping.unmap();
      e.free(buffer);
    },
  },
  {
    name: 'the CPU reads more than the device has written',
    report: 'DMA-SHORT-WRITE',
    make: (e) => {
      const buffer = e.buffer({ fresh: true });
      const mapping = e.map(buffer, DMA_FROM_DEVICE);
      e.deviceWrites(mapping, 0, buffer.length - 1);
      mapping.unmap();
      e.read(buffer);
      e.free(buffer);
    },
  },
  {
    name: 'the CPU writes beside what the device writes to',
    report: (where) => (isCached(where) ? 'DMA-LINE-SHARED' : null),
    make: (e) => {
      const buffer = e.buffer({ length: 200 });
      const mapping = e.map({ ...buffer, length: 100 }, writing(e));
      e.write(buffer, 100, e.bytes(4));
      mapping.unmap();
      e.free(buffer);
    },
  },
];
