import { dmaAddr, virtAddr } from '../../../base/address';
import {
  DMA_ATTR_SKIP_CPU_SYNC,
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  dma_alloc_noncontiguous,
  dma_free_noncontiguous,
  dma_sync_sgtable_for_cpu,
  dma_sync_sgtable_for_device,
} from '../../../kernel-api/dma/mapping';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import type { Episode } from './episode';

/** Things that drivers may do, and that look like mistakes from afar. */
export interface CorrectHabit {
  readonly name: string;
  readonly act: (episode: Episode) => void;
}

const LINE = 64;

export const CORRECT_HABITS: readonly CorrectHabit[] = [
  {
    name: 'memory that is only read is mapped twice, with two lengths, and unmapped in either order',
    act: (e) => {
      const buffer = e.buffer();
      const both = [e.map(buffer, DMA_TO_DEVICE), e.map({ ...buffer, length: buffer.length - LINE }, DMA_TO_DEVICE)];
      for (const mapping of both) e.deviceReads(mapping);
      if (e.rng.oneIn(2)) both.reverse();
      for (const mapping of both) mapping.unmap();
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
