import { dmaAddr, physAddr, type DmaAddr } from '../../../base/address';
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../../kernel-api/dma/direction';
import * as api from '../../../kernel-api/dma/mapping';
import { GFP_KERNEL, __GFP_DMA32 } from '../../../kernel-api/gfp';
import { wmb } from '../../../kernel-api/io/barriers';
import { page_address, page_to_phys, type Page } from '../../../kernel-api/mm/page';
import { __free_pages, alloc_pages } from '../../../kernel-api/mm/page-alloc';
import { patternBytes } from '../../../lab/pattern';
import type { Direction } from './loan';
import type { Bench } from './machines';
import type { Circumstances } from './mistakes';
import { settle } from './usage';

/** What a device that attacks can do, and on which back ends. */

const PAGE = 4096;
/** Where the buffer is in its page. */
const OFFSET = 128;
const LENGTH = 200;
const PROBE = 32;

/** Two pages of secrets; a device is lent a part of the first one. */
export class Target {
  readonly bench: Bench;
  readonly secrets: Uint8Array;
  private readonly before = new Uint8Array(2 * PAGE);
  private readonly page: Page;

  constructor(bench: Bench, seed: number, low = false) {
    this.bench = bench;
    this.secrets = patternBytes(seed, 0, 2 * PAGE);
    this.page = alloc_pages(bench.kernel, low ? GFP_KERNEL | __GFP_DMA32 : GFP_KERNEL, 1)!;
    bench.kernel.mm.write(page_address(this.page), this.secrets);
    // Into memory itself, where a device sees it that does not snoop.
    wmb(bench.kernel);
    bench.kernel.cpu.flushLines(physAddr(this.phys), 2 * PAGE);
  }

  get phys(): number {
    return page_to_phys(this.page);
  }

  map(dir: Direction): DmaAddr {
    const address = api.dma_map_page(this.bench.masters[0]!.dev, this.page, OFFSET, LENGTH, dir);
    if (api.dma_mapping_error(this.bench.masters[0]!.dev, address) !== 0) throw new Error('mapping failed');
    return address;
  }

  unmap(address: DmaAddr, dir: Direction): void {
    api.dma_unmap_page(this.bench.masters[0]!.dev, address, LENGTH, dir);
  }

  free(): void {
    __free_pages(this.page, 1);
  }

  /** Whether the device can read the secrets at an offset from an address for which it expects those at `position`. */
  reads(address: DmaAddr, position: number): boolean {
    const got = this.bench.masters[0]!.read(address, PROBE);
    return typeof got !== 'number' && got.every((byte, i) => byte === this.secrets[position + i]);
  }

  /** Whether a write of the device changes the memory at a position. */
  changes(address: DmaAddr, position: number): boolean {
    this.bench.masters[0]!.write(address, new Uint8Array(PROBE).fill(0xd5));
    return this.isChanged(position);
  }

  /** Whether memory, not what a cache has of it, differs from the secrets. */
  isChanged(position: number): boolean {
    const { bus } = this.bench.machine.hardware;
    const now = new Uint8Array(PROBE);
    bus.peek(this.phys + position, now, 0, PROBE);
    return now.some((byte, i) => byte !== this.before[position + i]);
  }

  /** Notes what memory holds before the device does anything: in a confidential guest not what the CPU sees. */
  remember(): void {
    this.bench.machine.hardware.bus.peek(this.phys, this.before, 0, 2 * PAGE);
  }
}

/** Something that a device can try. */
export interface Power {
  readonly name: string;
  /** Which devices have it. */
  readonly has: (where: Circumstances) => boolean;
  /** The memory is from below 4 GiB, where buses of 32 bits reach it. */
  readonly low?: boolean;
  readonly attempt: (target: Target) => boolean | Promise<boolean>;
}

const at = (address: DmaAddr, by: number): DmaAddr => dmaAddr(address + BigInt(by));

/** Tries something while the buffer is lent. */
const whileLent = (target: Target, dir: Direction, attempt: (address: DmaAddr) => boolean): boolean => {
  const address = target.map(dir);
  const result = attempt(address);
  target.unmap(address, dir);
  return result;
};

/** Tries to change memory that was lent and taken back. */
const afterwards = async (target: Target, used: boolean, later: boolean): Promise<boolean> => {
  const address = target.map(DMA_FROM_DEVICE);
  if (used) target.reads(address, 0);
  target.unmap(address, DMA_FROM_DEVICE);
  if (later) await settle(target.bench);
  target.remember();
  return target.changes(address, OFFSET);
};

const inPlace = ({ copied, translated }: Circumstances): boolean => !copied && !translated;

export const POWERS: readonly Power[] = [
  {
    name: 'reads what was lent to it',
    has: () => true,
    attempt: (t) => whileLent(t, DMA_TO_DEVICE, (address) => t.reads(address, OFFSET)),
  },
  {
    name: 'writes where it was to read: the access',
    has: ({ translated }) => !translated,
    attempt: (t) =>
      whileLent(t, DMA_TO_DEVICE, (address) => t.bench.masters[0]!.write(address, new Uint8Array(PROBE)) === 0),
  },
  {
    name: 'writes where it was to read: the memory',
    has: inPlace,
    attempt: (t) => whileLent(t, DMA_TO_DEVICE, (address) => t.changes(address, OFFSET)),
  },
  {
    name: 'reads what is in front of the buffer in its page',
    has: ({ copied }) => !copied,
    attempt: (t) => whileLent(t, DMA_TO_DEVICE, (address) => t.reads(at(address, -64), OFFSET - 64)),
  },
  {
    name: 'reads what is behind the buffer in its page',
    has: ({ copied }) => !copied,
    attempt: (t) => whileLent(t, DMA_TO_DEVICE, (address) => t.reads(at(address, LENGTH), OFFSET + LENGTH)),
  },
  {
    name: 'changes what is behind the buffer in its page',
    has: ({ copied }) => !copied,
    // Nor does unmapping bring it there.
    attempt: (t) =>
      whileLent(t, DMA_FROM_DEVICE, (address) => t.changes(at(address, LENGTH), OFFSET + LENGTH)) ||
      t.isChanged(OFFSET + LENGTH),
  },
  {
    name: 'reads the next page',
    has: inPlace,
    attempt: (t) => whileLent(t, DMA_TO_DEVICE, (address) => t.reads(at(address, PAGE - OFFSET), PAGE)),
  },
  {
    name: 'changes the next page',
    has: inPlace,
    attempt: (t) => whileLent(t, DMA_FROM_DEVICE, (address) => t.changes(at(address, PAGE - OFFSET), PAGE)),
  },
  {
    name: 'changes what was taken back, and which it has not used',
    has: inPlace,
    attempt: (t) => afterwards(t, false, false),
  },
  {
    // The price of lazy invalidation: the IOMMU still knows the page.
    name: 'changes what was taken back, and which it has used',
    has: (where) => inPlace(where) || (where.translation === 'lazy' && !where.copied),
    attempt: (t) => afterwards(t, true, false),
  },
  {
    name: 'changes what was taken back, and which it has used, 50 ms later',
    has: inPlace,
    attempt: (t) => afterwards(t, true, true),
  },
  {
    name: 'reads memory that was never lent to it',
    has: ({ translated, translation }) => !translated && translation !== 'confidential',
    low: true,
    attempt: (t) => t.reads(dmaAddr(t.phys), 0),
  },
  {
    // Garbage in, garbage out: such a guest's memory is secret, not safe.
    name: 'changes memory that was never lent to it',
    has: ({ translated, translation, privateMemory }) =>
      !translated && (translation !== 'confidential' || privateMemory === 'garbage'),
    low: true,
    attempt: (t) => t.changes(dmaAddr(t.phys), 0),
  },
];
