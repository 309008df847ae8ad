import { PAGE_SIZE, dmaAddr, physAddr, virtAddr } from '../../../base/address';
import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../../kernel-api/dma/direction';
import * as api from '../../../kernel-api/dma/mapping';
import { out } from '../../../kernel-api/err';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { vfree, vmalloc } from '../../../kernel-api/mm/vmalloc';
import { msleep } from '../../../kernel-api/sched/delay';
import type { ReportId } from '../../../lab/sanitizer/catalogue';
import type { SanitizerReport } from '../../../lab/sanitizer/report';
import type { Direction } from '../../back-ends/lib/loan';
import type { BackEnd } from '../../back-ends/lib/machines';
import { type Episode, type EpisodeBuffer } from './episode';
import { listOf } from './episode-list';

/** Mistakes that a driver makes once, and what the sanitizer has to say about each. */
export interface DriverMistake {
  readonly name: string;
  /** Must be reported. Null: on this machine there is nothing to report. */
  readonly report: ReportId | ((where: BackEnd) => ReportId | null);
  /** The harm that is reported, where it is certain. */
  readonly harm?: (where: BackEnd) => SanitizerReport['harm'] | null;
  /** What may be reported with it, since it follows from the same mistake. */
  readonly follows?: readonly ReportId[];
  /** It is the first thing that happens: what was mapped before would be as good an explanation. */
  readonly atStart?: true;
  /** The devices are unbound right after it, and nothing else happens. */
  readonly atEnd?: true;
  readonly make: (episode: Episode) => void | Promise<void>;
}

const LINE = 64;

/** Directions in which the device reads, or writes. */
const reading = ({ rng }: Episode): Direction => rng.pick([DMA_TO_DEVICE, DMA_BIDIRECTIONAL]);
const writing = ({ rng }: Episode): Direction => rng.pick([DMA_FROM_DEVICE, DMA_BIDIRECTIONAL]);
const any = ({ rng }: Episode): Direction => rng.pick([DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL]);

/** A direction that is not the one of a mapping that has one. */
const wrongWay = (dir: Direction): Direction => (dir === DMA_TO_DEVICE ? DMA_FROM_DEVICE : DMA_TO_DEVICE);

/** Whether mappings of parts of pages are bounced. */
const bounces = ({ bounced, translation, translated, bits }: BackEnd): boolean =>
  bounced || translation === 'untrusted' || (!translated && bits === 32);

/** Nothing is copied, and the device does not snoop: lines of the cache are all there is. */
export const isCached = (where: BackEnd): boolean => !where.coherent && !bounces(where);

/** Devices are given physical addresses, of the buffers themselves. */
const isPlain = (where: BackEnd): boolean => !where.translated && !bounces(where);

/** What a forgotten sync does: what is bounced is old; nothing happens if the device snoops; otherwise it is up to the cache. */
const syncHarm = (where: BackEnd): SanitizerReport['harm'] | null =>
  bounces(where) ? 'happened' : where.coherent ? 'none' : null;

/** What is behind the first bytes of a buffer. */
const rest = (buffer: EpisodeBuffer, from: number): EpisodeBuffer => ({
  ...buffer,
  cpu: virtAddr(buffer.cpu + from),
  offset: buffer.offset + from,
  length: buffer.length - from,
});

/** A buffer that is mapped, used by `work`, unmapped and freed. */
const lent = (
  episode: Episode,
  dir: Direction,
  work: (mapping: ReturnType<Episode['map']>, buffer: EpisodeBuffer) => void,
): void => {
  const buffer = episode.buffer();
  const mapping = episode.map(buffer, dir);
  work(mapping, buffer);
  mapping.unmap();
  episode.free(buffer);
};

/** The device has written all of a buffer of a mapping that goes on. */
const received = (
  episode: Episode,
  work: (mapping: ReturnType<Episode['map']>, buffer: EpisodeBuffer, dir: Direction) => void,
): void => {
  const dir = writing(episode);
  lent(episode, dir, (mapping, buffer) => {
    episode.deviceWrites(mapping);
    work(mapping, buffer, dir);
  });
};

const SYNC_MISTAKES: readonly DriverMistake[] = [
  {
    name: 'no sync for the CPU before it reads',
    report: 'DMA-SYNC-MISSING-CPU',
    harm: syncHarm,
    make: (e) => received(e, (_, buffer) => e.read(buffer)),
  },
  {
    name: 'no sync for the CPU after the second packet',
    report: 'DMA-SYNC-MISSING-CPU',
    make: (e) =>
      received(e, (mapping, buffer, dir) => {
        e.forCpu(mapping, dir);
        e.forDevice(mapping, dir);
        e.deviceWrites(mapping);
        e.read(buffer);
      }),
  },
  {
    name: 'the CPU writes to what it has not taken back, and then takes it back',
    report: 'DMA-SYNC-CLOBBER',
    follows: ['DMA-DIRTY-LINE', 'DMA-LINE-SHARED'],
    make: (e) => {
      const dir = writing(e);
      lent(e, dir, (mapping, buffer) => {
        e.write(buffer, 0, e.bytes(8));
        e.forCpu(mapping, dir);
        // So that there is nothing left for the unmapping to find.
        e.forDevice(mapping, dir);
      });
    },
  },
  {
    name: 'pages are used before they are handed over',
    report: 'DMA-DEVICE-NOT-OWNER',
    // They have just been cleared.
    follows: ['DMA-DIRTY-LINE'],
    make: (e) => {
      const handle = out(dmaAddr(0));
      const cpu = api.dma_alloc_noncoherent(e.dev, PAGE_SIZE, handle, DMA_FROM_DEVICE, GFP_KERNEL);
      e.master.write(handle.value, e.bytes(LINE));
      api.dma_free_noncoherent(e.dev, PAGE_SIZE, cpu, handle.value, DMA_FROM_DEVICE);
    },
  },
  {
    name: 'the CPU reads what an unmapping has not invalidated',
    report: (where) => (isCached(where) && !where.adversarial ? 'DMA-STALE-READ' : null),
    // With luck the lines are gone. What is bounced is not copied, and nobody knows.
    follows: ['DMA-STALE-READ'],
    make: (e) => {
      const buffer = e.buffer();
      const mapping = e.map(buffer, DMA_FROM_DEVICE);
      e.deviceWrites(mapping);
      mapping.unmap(DMA_FROM_DEVICE, buffer.length, e.dev, api.DMA_ATTR_SKIP_CPU_SYNC);
      e.read(buffer);
      e.free(buffer);
    },
  },
  {
    name: 'a sync for the device where one for the CPU belongs',
    report: 'DMA-SYNC-WRONG-CALL',
    // What is bounced is copied over what the device has written, by way of the cache.
    follows: ['DMA-DIRTY-LINE'],
    make: (e) =>
      received(e, (mapping, buffer, dir) => {
        e.forDevice(mapping, dir);
        e.read(buffer);
      }),
  },
  {
    name: 'a sync for the CPU of a part of what it reads',
    report: 'DMA-SYNC-PARTIAL',
    make: (e) =>
      received(e, (mapping, buffer, dir) => {
        e.forCpu(mapping, dir, 0, LINE);
        e.read(buffer, 0, LINE + 1);
      }),
  },
  {
    name: 'no sync for the device before it reads again',
    report: 'DMA-SYNC-MISSING-DEVICE',
    harm: syncHarm,
    // Of a mapping in both directions the unmapping takes back what was never handed over.
    follows: ['DMA-SYNC-CLOBBER'],
    make: (e) => {
      const dir = reading(e);
      lent(e, dir, (mapping, buffer) => {
        e.deviceReads(mapping);
        e.forCpu(mapping, dir);
        e.write(buffer);
        e.deviceReads(mapping);
      });
    },
  },
  {
    name: 'the CPU writes to what it has mapped',
    report: 'DMA-SYNC-MISSING-DEVICE',
    make: (e) =>
      lent(e, DMA_TO_DEVICE, (mapping, buffer) => {
        e.write(buffer, e.rng.below(LINE), e.bytes(8));
        e.deviceReads(mapping);
      }),
  },
  {
    name: 'the CPU writes to what the device is to write, and takes it back',
    report: 'DMA-SYNC-CLOBBER',
    harm: syncHarm,
    follows: ['DMA-DIRTY-LINE', 'DMA-LINE-SHARED'],
    make: (e) =>
      lent(e, writing(e), (_, buffer) => {
        e.write(buffer, e.rng.below(LINE), e.bytes(8));
      }),
  },
  {
    name: 'the CPU writes to what the device is writing to',
    report: (where) => (isCached(where) ? 'DMA-DIRTY-LINE' : 'DMA-SYNC-CLOBBER'),
    // With luck the line is clean again by then.
    follows: ['DMA-SYNC-CLOBBER', 'DMA-DIRTY-LINE', 'DMA-LINE-SHARED'],
    make: (e) =>
      lent(e, DMA_FROM_DEVICE, (mapping, buffer) => {
        // More than a cache that misbehaves can clean in so short a time.
        e.write(buffer);
        e.deviceWrites(mapping);
      }),
  },
  {
    name: 'the device works on what the CPU has',
    report: 'DMA-DEVICE-NOT-OWNER',
    harm: (where) => (bounces(where) || !where.coherent ? 'possible' : 'none'),
    make: (e) =>
      received(e, (mapping, _, dir) => {
        e.forCpu(mapping, dir);
        e.deviceWrites(mapping, e.rng.below(LINE));
        e.forCpu(mapping, dir);
      }),
  },
  {
    name: 'a sync of more than was mapped',
    report: 'DMA-SYNC-RANGE',
    make: (e) => {
      const dir = any(e);
      lent(e, dir, (mapping) => e.forDevice(mapping, dir, LINE, mapping.length - LINE + 1));
    },
  },
  {
    name: 'a sync in another direction',
    report: 'DMA-SYNC-DIRECTION',
    make: (e) => {
      const dir = e.rng.pick([DMA_TO_DEVICE, DMA_FROM_DEVICE] as const);
      lent(e, dir, (mapping) => e.forCpu(mapping, wrongWay(dir)));
    },
  },
  {
    name: 'a sync after the unmapping',
    report: 'DMA-SYNC-UNKNOWN',
    make: (e) => {
      const buffer = e.buffer();
      const dir = any(e);
      const mapping = e.map(buffer, dir);
      mapping.unmap();
      e.forCpu(mapping, dir);
      e.free(buffer);
    },
  },
  {
    name: 'a sync of coherent memory',
    report: 'DMA-SYNC-COHERENT',
    make: (e) => {
      const memory = e.coherent(e.rng.between(1, 9000));
      const { address, length } = memory;
      api.dma_sync_single_for_device(e.dev, address, length, DMA_TO_DEVICE);
      memory.free();
    },
  },
];

const UNDOING_MISTAKES: readonly DriverMistake[] = [
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

const MAPPING_MISTAKES: readonly DriverMistake[] = [
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

/** Where devices go that are told a wrong address. */
const ADDRESS_MISTAKES: readonly DriverMistake[] = [
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

/** All of them. */
export const DRIVER_MISTAKES: readonly DriverMistake[] = [
  ...SYNC_MISTAKES,
  ...UNDOING_MISTAKES,
  ...MAPPING_MISTAKES,
  ...ADDRESS_MISTAKES,
];
