import { PAGE_SIZE, dmaAddr } from '../../../../base/address';
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../../../kernel-api/dma/direction';
import * as api from '../../../../kernel-api/dma/mapping';
import { out } from '../../../../kernel-api/err';
import { GFP_KERNEL } from '../../../../kernel-api/gfp';
import type { DriverMistake } from './driver-mistake';
import { LINE, reading, writing, any, wrongWay, bounces, isCached, syncHarm, lent, received } from './ways';

export const SYNC_MISTAKES: readonly DriverMistake[] = [
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
