import { PAGE_SIZE, dmaAddr, physAddr, virtAddr } from '../../../base/address';
import {
  DMA_ATTR_SKIP_CPU_SYNC,
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  DmaIovaState,
  dma_alloc_noncoherent,
  dma_alloc_noncontiguous,
  dma_free_noncoherent,
  dma_free_noncontiguous,
  dma_iova_free,
  dma_iova_link,
  dma_iova_sync,
  dma_iova_try_alloc,
  dma_iova_unlink,
  dma_map_single,
  dma_mapping_error,
  dma_sync_sgtable_for_cpu,
  dma_sync_sgtable_for_device,
  dma_sync_single_for_cpu,
  dma_sync_single_for_device,
  dma_unmap_single,
} from '../../../kernel-api/dma/mapping';
import { out } from '../../../kernel-api/err';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { kfree, kzalloc } from '../../../kernel-api/mm/kmalloc';
import { page_to_phys } from '../../../kernel-api/mm/page';
import { DmaStream, FromAndToDevice } from '../../../kernel-api/ostd';
import type { Episode } from './episode';
import { listOf } from './episode-list';

/** Things that drivers may do, and that look like mistakes from afar. */
export interface CorrectHabit {
  readonly name: string;
  readonly act: (episode: Episode) => void | Promise<void>;
}

const LINE = 64;

export const CORRECT_HABITS: readonly CorrectHabit[] = [
  {
    name: 'memory that is only read is mapped twice, with two lengths, and unmapped in either order',
    act: (e) => {
      const buffer = e.buffer();
      for (const latestFirst of [true, false]) {
        const both = [e.map(buffer, DMA_TO_DEVICE), e.map({ ...buffer, length: buffer.length - LINE }, DMA_TO_DEVICE)];
        for (const mapping of both) e.deviceReads(mapping);
        if (latestFirst) both.reverse();
        for (const mapping of both) mapping.unmap();
      }
      e.free(buffer);
    },
  },
  {
    name: 'a mapping skips its syncs, and the driver makes them',
    act: (e) => {
      const buffer = e.buffer();
      const mapping = e.map(buffer, DMA_BIDIRECTIONAL, { attrs: DMA_ATTR_SKIP_CPU_SYNC });
      e.forDevice(mapping, DMA_BIDIRECTIONAL);
      e.deviceReads(mapping);
      e.deviceWrites(mapping);
      e.forCpu(mapping, DMA_BIDIRECTIONAL);
      e.read(buffer);
      e.write(buffer);
      mapping.unmap();
      e.free(buffer);
    },
  },
  {
    name: 'an unmapping leaves what the CPU has written',
    act: (e) => {
      const buffer = e.buffer();
      const mapping = e.map(buffer, DMA_BIDIRECTIONAL);
      e.forCpu(mapping, DMA_BIDIRECTIONAL);
      e.write(buffer);
      mapping.unmap(DMA_BIDIRECTIONAL, buffer.length, e.dev, DMA_ATTR_SKIP_CPU_SYNC);
      e.free(buffer);
    },
  },
  {
    name: 'a mapping in both directions is synced in the one that is needed',
    act: (e) => {
      const buffer = e.buffer();
      const mapping = e.map(buffer, DMA_BIDIRECTIONAL);
      e.deviceWrites(mapping);
      e.forCpu(mapping, DMA_FROM_DEVICE);
      e.read(buffer);
      e.write(buffer);
      e.forDevice(mapping, DMA_TO_DEVICE);
      e.deviceReads(mapping);
      mapping.unmap();
      e.free(buffer);
    },
  },
  {
    name: 'the CPU looks again at what it has handed back, and the device has not begun',
    act: (e) => {
      const buffer = e.buffer();
      const mapping = e.map(buffer, DMA_FROM_DEVICE);
      e.deviceWrites(mapping);
      e.forCpu(mapping, DMA_FROM_DEVICE);
      e.forDevice(mapping, DMA_FROM_DEVICE);
      e.read(buffer);
      mapping.unmap();
      e.free(buffer);
    },
  },
  {
    name: 'the CPU writes beside what it has taken back',
    act: (e) => {
      const buffer = e.buffer({ length: 400 });
      const mapping = e.map({ ...buffer, length: 200 }, DMA_FROM_DEVICE);
      e.deviceWrites(mapping);
      mapping.unmap();
      const again = e.map({ ...buffer, length: 200 }, DMA_FROM_DEVICE, { attrs: DMA_ATTR_SKIP_CPU_SYNC });
      e.forCpu(again, DMA_FROM_DEVICE);
      e.write(buffer, 200);
      e.forDevice(again, DMA_FROM_DEVICE);
      again.unmap();
      e.free(buffer);
    },
  },
  {
    name: 'memory is allocated as zeroes, and sent',
    act: (e) => {
      const cpu = kzalloc(e.bench.kernel, 512, GFP_KERNEL);
      const address = dma_map_single(e.dev, cpu, 512, DMA_TO_DEVICE);
      if (dma_mapping_error(e.dev, address) !== 0) throw new Error('mapping failed');
      e.master.read(address, 512);
      dma_unmap_single(e.dev, address, 512, DMA_TO_DEVICE);
      kfree(e.bench.kernel, cpu);
    },
  },
  {
    name: 'a list has the same page twice, and is only read',
    act: (e) => {
      const list = listOf(e, 2, (buffers) => [buffers[0]!, buffers[0]!]);
      list.map(DMA_TO_DEVICE);
      list.unmap(DMA_TO_DEVICE);
      list.free();
    },
  },
  {
    name: 'pages of a device are only read by it, or mapped for another as well',
    act: (e) => {
      const handle = out(dmaAddr(0));
      const cpu = dma_alloc_noncoherent(e.dev, PAGE_SIZE, handle, DMA_TO_DEVICE, GFP_KERNEL);
      const { mm } = e.bench.kernel;
      for (let round = 0; round < 2; round++) {
        dma_sync_single_for_cpu(e.dev, handle.value, PAGE_SIZE, DMA_TO_DEVICE);
        mm.write(cpu, e.bytes(PAGE_SIZE));
      }
      dma_sync_single_for_device(e.dev, handle.value, PAGE_SIZE, DMA_TO_DEVICE);
      e.master.read(handle.value, PAGE_SIZE);
      const { dev } = e.other;
      const second = dma_map_single(dev, cpu, PAGE_SIZE, DMA_FROM_DEVICE);
      if (dma_mapping_error(dev, second) !== 0) throw new Error('mapping failed');
      dma_unmap_single(dev, second, PAGE_SIZE, DMA_FROM_DEVICE);
      dma_free_noncoherent(e.dev, PAGE_SIZE, cpu, handle.value, DMA_TO_DEVICE);
    },
  },
  {
    name: 'a range of I/O addresses is unlinked in parts',
    act: (e) => {
      const buffer = e.buffer({ length: 3 * PAGE_SIZE, whole: true });
      const phys = physAddr(page_to_phys(buffer.page));
      const state = new DmaIovaState();
      if (dma_iova_try_alloc(e.dev, state, phys, buffer.length)) {
        dma_iova_link(e.dev, state, phys, 0, buffer.length, DMA_FROM_DEVICE, 0);
        dma_iova_sync(e.dev, state, 0, buffer.length);
        dma_iova_unlink(e.dev, state, PAGE_SIZE, PAGE_SIZE, DMA_FROM_DEVICE, 0);
        e.write(buffer, PAGE_SIZE, e.bytes(PAGE_SIZE));
        for (const at of [0, 2 * PAGE_SIZE]) e.master.write(dmaAddr(state.addr + BigInt(at)), e.bytes(PAGE_SIZE));
        dma_iova_unlink(e.dev, state, 0, PAGE_SIZE, DMA_FROM_DEVICE, 0);
        dma_iova_unlink(e.dev, state, 2 * PAGE_SIZE, PAGE_SIZE, DMA_FROM_DEVICE, 0);
        dma_iova_free(e.dev, state);
      }
      e.read(buffer);
      e.free(buffer);
    },
  },
  {
    name: 'a stream is used by turns, and taken apart',
    act: (e) => {
      // Whose memory is a pool of its own has no streams.
      if (e.bench.backEnd.translation === 'restricted') return;
      const stream = DmaStream.alloc(e.dev, FromAndToDevice, 2);
      const address = stream.daddr();
      for (let round = 0; round < 2; round++) {
        stream.syncToDevice(0, 2 * PAGE_SIZE);
        e.master.read(address, 2 * PAGE_SIZE);
        e.master.write(address, e.bytes(PAGE_SIZE));
        stream.syncFromDevice(0, 2 * PAGE_SIZE);
      }
      // It is not handed back: the next transfer takes it, and what the CPU wrote meanwhile is of no use.
      e.master.read(address, 64);
      e.master.write(address, e.bytes(64));
      stream.syncFromDevice(0, PAGE_SIZE);
      stream.writeBytes(0, e.bytes(64));
      stream.syncFromDevice(0, PAGE_SIZE);
      stream.drop();
    },
  },
  {
    name: 'a device loses its driver while another has a mapping',
    act: async (e) => {
      const buffer = e.buffer();
      const mapping = e.map(buffer, DMA_TO_DEVICE);
      await e.bench.kernel.drivers.unbind('bus-master', e.other.dev.name);
      e.deviceReads(mapping);
      mapping.unmap();
      e.free(buffer);
    },
  },
  {
    name: 'a part of a packet is looked at, and the rest left to the device',
    act: (e) => {
      const buffer = e.buffer();
      const mapping = e.map(buffer, DMA_FROM_DEVICE);
      e.deviceWrites(mapping);
      e.forCpu(mapping, DMA_FROM_DEVICE, 0, LINE);
      e.read(buffer, 0, LINE);
      e.deviceWrites(mapping, LINE);
      e.forDevice(mapping, DMA_FROM_DEVICE, 0, LINE);
      e.deviceWrites(mapping);
      mapping.unmap();
      e.read(buffer);
      e.free(buffer);
    },
  },
  {
    name: 'a short packet is read as far as it goes',
    act: (e) => {
      const buffer = e.buffer({ fresh: true });
      const mapping = e.map(buffer, DMA_FROM_DEVICE);
      e.deviceWrites(mapping, 0, LINE);
      mapping.unmap();
      e.read(buffer, 0, LINE);
      e.free(buffer);
    },
  },
  {
    name: 'the CPU reads, and its neighbours change, while the device only reads',
    act: (e) => {
      const buffer = e.buffer({ length: 400 });
      const mapping = e.map({ ...buffer, length: 200 }, DMA_TO_DEVICE);
      e.read(buffer);
      e.write(buffer, 200);
      e.deviceReads(mapping);
      mapping.unmap();
      e.free(buffer);
    },
  },
  {
    name: 'a list of pages is allocated with a direction, and synced as a whole',
    act: (e) => {
      const dir = e.rng.pick([DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL] as const);
      const length = e.rng.between(1, 9000);
      const table = dma_alloc_noncontiguous(e.dev, length, dir, GFP_KERNEL, 0);
      if (table === null) throw new Error('no memory');
      dma_sync_sgtable_for_device(e.dev, table, dir);
      dma_sync_sgtable_for_cpu(e.dev, table, dir);
      dma_free_noncontiguous(e.dev, length, table, dir);
    },
  },
  {
    name: 'memory is coherent first, and then anything else',
    act: (e) => {
      const { mm } = e.bench.kernel;
      for (let round = 0; round < 12; round++) {
        const memory = e.coherent(4096);
        for (let at = 0; at < 4096; at += 256) e.master.write(dmaAddr(memory.address + BigInt(at)), e.bytes(256));
        memory.free();
        const buffer = e.buffer();
        for (let at = 0; at < 64; at++) mm.store32(virtAddr(buffer.cpu + 4 * at), at);
        e.read(buffer);
        e.free(buffer);
      }
    },
  },
  {
    name: 'coherent memory is written by both at any time',
    act: (e) => {
      const memory = e.coherent(e.rng.between(8, 9000));
      const { mm } = e.bench.kernel;
      mm.store32(memory.cpu, 1);
      e.master.write(memory.address, e.bytes(8));
      mm.load32(memory.cpu);
      e.master.read(dmaAddr(memory.address + 4n), 4);
      mm.store32(memory.cpu, 2);
      memory.free();
    },
  },
];
