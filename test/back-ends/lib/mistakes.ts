import { dmaAddr, virtAddr } from '../../../base/address';
import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../../kernel-api/dma/direction';
import { patternBytes } from '../../../lab/pattern';
import type { Master } from './bus-master';
import { getLendable, type Direction, type Lendable } from './loan';
import type { BackEnd } from './machines';

/** Mistakes that drivers make with the DMA API, and where they show. */

const OFFSET = 128;
const LENGTH = 200;
/** A part that fills whole lines. */
const PART = { from: 64, length: 64 };

/** A buffer of 200 bytes in a page of its own, with its one device. */
export class MistakeBench {
  readonly master: Master;
  readonly memory: Lendable;
  private serial: number;

  constructor(master: Master, skipSync: boolean, serial: number) {
    const plan = { kind: 'page', pieces: [{ offset: OFFSET, length: LENGTH }], low: false, skipSync } as const;
    this.master = master;
    this.memory = getLendable(master.dev, plan, DMA_BIDIRECTIONAL)!;
    this.serial = serial;
  }

  /** New bytes. */
  bytes(length = LENGTH): Uint8Array {
    return patternBytes(++this.serial, 0, length);
  }

  fill(): Uint8Array {
    const bytes = this.bytes();
    this.cpuWrites(bytes);
    return bytes;
  }

  cpuWrites(bytes: Uint8Array, from = 0): void {
    this.master.dev.kernel.mm.write(virtAddr(this.memory.pieces[0]!.cpu + from), bytes);
  }

  cpuReads(from = 0, length = LENGTH): Uint8Array {
    return this.master.dev.kernel.mm.read(virtAddr(this.memory.pieces[0]!.cpu + from), length);
  }

  /** No bytes if the access is refused. */
  deviceReads(from = 0, length = LENGTH): Uint8Array {
    const got = this.master.read(dmaAddr(this.memory.segments()[0]!.address + BigInt(from)), length);
    return typeof got === 'number' ? new Uint8Array(0) : got;
  }

  deviceWrites(bytes: Uint8Array, from = 0): void {
    this.master.write(dmaAddr(this.memory.segments()[0]!.address + BigInt(from)), bytes);
  }

  map(dir: Direction): void {
    if (!this.memory.map(dir)) throw new Error('mapping failed');
  }

  forCpu(dir: Direction, { from, length } = { from: 0, length: LENGTH }): void {
    this.memory.syncForCpu(from, length, dir);
  }

  forDevice(dir: Direction, { from, length } = { from: 0, length: LENGTH }): void {
    this.memory.syncForDevice(from, length, dir);
  }
}

/** What decides where a mistake shows. */
export interface Circumstances extends BackEnd {
  /** The buffer is bounced. */
  readonly copied: boolean;
}

/** Of a buffer above 4 GiB that does not fill its pages. */
export const circumstancesOf = (backEnd: BackEnd): Circumstances => {
  const { bounced, translation, translated, bits } = backEnd;
  return { ...backEnd, copied: bounced || translation === 'untrusted' || (!translated && bits === 32) };
};

/** The bytes that somebody read, and those that should have been there. */
type Reading = readonly [found: Uint8Array, right: Uint8Array];

export interface DriverMistake {
  readonly name: string;
  /** Where it shows, at one seed at least. */
  readonly shows: (where: Circumstances) => boolean;
  /** The mapping skips its syncs. */
  readonly skipSync?: boolean;
  readonly run: (bench: MistakeBench) => Reading;
}

const notSnooping = ({ coherent }: Circumstances): boolean => !coherent;
const copied = (where: Circumstances): boolean => where.copied;
const staleOrCopied = (where: Circumstances): boolean => where.copied || !where.coherent;

/** The CPU changes what the device has read, the device reads it again. */
const readTwice = (b: MistakeBench, dir: Direction, handOver: () => void, rewrite = b.bytes()): Reading => {
  b.fill();
  b.map(dir);
  b.deviceReads();
  b.forCpu(dir);
  b.cpuWrites(rewrite);
  handOver();
  const found = b.deviceReads();
  b.memory.unmap(dir);
  return [found, rewrite];
};

/** The device writes, and the CPU reads it while the mapping goes on. */
const written = (b: MistakeBench, dir: Direction, takeBack: () => void): Reading => {
  b.fill();
  b.map(dir);
  const right = b.bytes();
  b.deviceWrites(right);
  takeBack();
  const found = b.cpuReads();
  b.memory.unmap(dir);
  return [found, right];
};

const NOTHING = (): void => undefined;

export const MISTAKES: readonly DriverMistake[] = [
  {
    name: 'none: the CPU writes, the device reads',
    shows: () => false,
    run: (b) => readTwice(b, DMA_TO_DEVICE, () => b.forDevice(DMA_TO_DEVICE)),
  },
  {
    name: 'none: the device writes, the CPU reads',
    shows: () => false,
    run: (b) => written(b, DMA_FROM_DEVICE, () => b.forCpu(DMA_FROM_DEVICE)),
  },
  {
    name: 'no sync for the device before it reads (TO_DEVICE)',
    shows: staleOrCopied,
    run: (b) => readTwice(b, DMA_TO_DEVICE, NOTHING),
  },
  {
    name: 'no sync for the device before it reads (BIDIRECTIONAL)',
    shows: staleOrCopied,
    run: (b) => readTwice(b, DMA_BIDIRECTIONAL, NOTHING),
  },
  {
    // Caches are cleaned whatever the direction is, on RISC-V.
    name: 'sync for the device in the wrong direction',
    shows: copied,
    run: (b) => readTwice(b, DMA_TO_DEVICE, () => b.forDevice(DMA_FROM_DEVICE)),
  },
  {
    name: 'sync for the device of the wrong part',
    shows: staleOrCopied,
    run: (b) => readTwice(b, DMA_TO_DEVICE, () => b.forDevice(DMA_TO_DEVICE, PART)),
  },
  {
    name: 'a doorbell that does not wait for the stores before it',
    // A cache operation waits for the stores to its lines.
    shows: ({ adversarial, coherent }) => adversarial && coherent,
    run: (b) =>
      readTwice(b, DMA_TO_DEVICE, () => {
        b.forDevice(DMA_TO_DEVICE);
        b.master.ordered = false;
      }),
  },
  {
    name: 'no sync for the CPU before it reads (FROM_DEVICE)',
    shows: staleOrCopied,
    run: (b) => written(b, DMA_FROM_DEVICE, NOTHING),
  },
  {
    name: 'no sync for the CPU before it reads (BIDIRECTIONAL)',
    shows: staleOrCopied,
    run: (b) => written(b, DMA_BIDIRECTIONAL, NOTHING),
  },
  {
    name: 'sync for the CPU in the wrong direction',
    shows: staleOrCopied,
    run: (b) => written(b, DMA_FROM_DEVICE, () => b.forCpu(DMA_TO_DEVICE)),
  },
  {
    name: 'sync for the CPU of the wrong part',
    shows: staleOrCopied,
    run: (b) => written(b, DMA_FROM_DEVICE, () => b.forCpu(DMA_FROM_DEVICE, PART)),
  },
  {
    name: 'unmapping in the wrong direction',
    shows: staleOrCopied,
    run(b) {
      b.fill();
      b.map(DMA_FROM_DEVICE);
      const right = b.bytes();
      b.deviceWrites(right);
      b.memory.unmap(DMA_TO_DEVICE);
      return [b.cpuReads(), right];
    },
  },
  {
    name: 'the CPU reads before it unmaps',
    shows: staleOrCopied,
    run(b) {
      b.fill();
      b.map(DMA_FROM_DEVICE);
      const right = b.bytes();
      b.deviceWrites(right);
      const found = b.cpuReads();
      b.memory.unmap(DMA_FROM_DEVICE);
      return [found, right];
    },
  },
  {
    name: 'the CPU writes after it has mapped',
    shows: staleOrCopied,
    run(b) {
      b.fill();
      b.map(DMA_TO_DEVICE);
      const right = b.fill();
      const found = b.deviceReads();
      b.memory.unmap(DMA_TO_DEVICE);
      return [found, right];
    },
  },
  {
    name: 'mapping with TO_DEVICE what the device writes',
    shows: (where) => staleOrCopied(where) || where.translated,
    run(b) {
      b.fill();
      b.map(DMA_TO_DEVICE);
      const right = b.bytes();
      b.deviceWrites(right);
      b.memory.unmap(DMA_TO_DEVICE);
      return [b.cpuReads(), right];
    },
  },
  {
    // Mapping copies and cleans whatever the direction is, and RISC-V has no entries that can be written and not read.
    name: 'mapping with FROM_DEVICE what the device reads',
    shows: () => false,
    run(b) {
      const right = b.fill();
      b.map(DMA_FROM_DEVICE);
      const found = b.deviceReads();
      b.memory.unmap(DMA_FROM_DEVICE);
      return [found, right];
    },
  },
  {
    // Bouncing copies all the same, but into the cache.
    name: 'DMA_ATTR_SKIP_CPU_SYNC, and no sync before the device reads',
    shows: notSnooping,
    skipSync: true,
    run(b) {
      const right = b.fill();
      b.map(DMA_TO_DEVICE);
      const found = b.deviceReads();
      b.memory.unmap(DMA_TO_DEVICE);
      return [found, right];
    },
  },
  {
    name: 'DMA_ATTR_SKIP_CPU_SYNC, and no sync before the CPU reads',
    shows: staleOrCopied,
    skipSync: true,
    run(b) {
      b.fill();
      b.map(DMA_FROM_DEVICE);
      b.forDevice(DMA_FROM_DEVICE);
      const right = b.bytes();
      b.deviceWrites(right);
      b.memory.unmap(DMA_FROM_DEVICE);
      return [b.cpuReads(), right];
    },
  },
  {
    name: "the CPU's own data in a line that the device writes to",
    shows: (where) => !where.coherent && !where.copied,
    run(b) {
      b.fill();
      b.map(DMA_FROM_DEVICE);
      const neighbour = b.bytes(8);
      b.cpuWrites(neighbour, LENGTH);
      b.deviceWrites(b.bytes());
      b.memory.unmap(DMA_FROM_DEVICE);
      return [b.cpuReads(LENGTH, 8), neighbour];
    },
  },
];
