import { dmaAddr, physAddr, virtAddr, type DmaAddr, type VirtAddr } from '../../../base/address';
import type { Prng } from '../../../base/prng';
import type { DmaAttrs } from '../../../kernel-api/dma/attrs';
import * as api from '../../../kernel-api/dma/mapping';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import { out } from '../../../kernel-api/err';
import { GFP_ATOMIC, GFP_KERNEL } from '../../../kernel-api/gfp';
import { page_address, page_to_phys, type Page } from '../../../kernel-api/mm/page';
import { __free_pages, alloc_pages } from '../../../kernel-api/mm/page-alloc';
import { patternBytes } from '../../../lab/pattern';
import type { Master } from '../../back-ends/lib/bus-master';
import type { Direction } from '../../back-ends/lib/loan';
import type { Bench } from '../../back-ends/lib/machines';

const PAGE = 4096;
const LINE = 64;
const ORDER = 2;

/** A buffer in pages of its own, and what lies around it. */
export interface EpisodeBuffer {
  readonly cpu: VirtAddr;
  readonly page: Page;
  readonly offset: number;
  readonly length: number;
}

/** A mapping of a buffer, by one of the three calls that do the same. */
export interface EpisodeMapping {
  readonly address: DmaAddr;
  readonly length: number;
  readonly dev: StructDevice;
  unmap(dir?: Direction, length?: number, dev?: StructDevice, attrs?: DmaAttrs): void;
}

/** What a driver can do in a few lines: buffers, mappings, two devices. Each choice that does not matter is random. */
export class Episode {
  readonly bench: Bench;
  readonly rng: Prng;
  /** Whose memory it is, and another device. */
  readonly master: Master;
  readonly other: Master;
  private serial: number;

  constructor(bench: Bench, rng: Prng) {
    this.bench = bench;
    this.rng = rng;
    const [first, second] = bench.masters as [Master, Master];
    [this.master, this.other] = rng.oneIn(2) ? [first, second] : [second, first];
    this.serial = rng.nextU32() >>> 1;
  }

  get dev(): StructDevice {
    return this.master.dev;
  }

  /** New bytes. */
  bytes(length: number): Uint8Array {
    return patternBytes(++this.serial, 0, length);
  }

  /** A buffer of lines of its own; written already, unless it is to be fresh. */
  buffer({ length = this.rng.between(LINE * 2, 2 * PAGE), fresh = false, whole = false } = {}): EpisodeBuffer {
    const page = alloc_pages(this.bench.kernel, GFP_KERNEL, ORDER)!;
    const offset = whole ? 0 : LINE * this.rng.below(PAGE / LINE);
    const cpu = virtAddr(page_address(page) + offset);
    const buffer = { cpu, page, offset, length };
    if (!fresh) this.write(buffer);
    return buffer;
  }

  free({ page }: EpisodeBuffer): void {
    __free_pages(page, ORDER);
  }

  write({ cpu, length }: EpisodeBuffer, from = 0, bytes = this.bytes(length - from)): void {
    this.bench.kernel.mm.write(virtAddr(cpu + from), bytes);
  }

  read({ cpu, length }: EpisodeBuffer, from = 0, bytes = length - from): Uint8Array {
    return this.bench.kernel.mm.read(virtAddr(cpu + from), bytes);
  }

  /** Maps, and asks whether that went well, unless it is not to. */
  map(buffer: EpisodeBuffer, dir: Direction, { master = this.master, checked = true, attrs = 0 } = {}): EpisodeMapping {
    const { cpu, page, offset, length } = buffer;
    const { dev } = master;
    const phys = physAddr(page_to_phys(page) + offset);
    const calls = [
      {
        map: () => api.dma_map_single_attrs(dev, cpu, length, dir, attrs),
        unmap: api.dma_unmap_single_attrs,
      },
      {
        map: () => api.dma_map_page_attrs(dev, page, offset, length, dir, attrs),
        unmap: api.dma_unmap_page_attrs,
      },
      { map: () => api.dma_map_phys(dev, phys, length, dir, attrs), unmap: api.dma_unmap_phys },
    ];
    const { map, unmap } = this.rng.pick(calls);
    const address = map();
    if (checked && api.dma_mapping_error(dev, address) !== 0) throw new Error('mapping failed');
    return {
      address,
      length,
      dev,
      unmap: (way = dir, bytes = length, who = dev, how = attrs) => unmap(who, address, bytes, way, how),
    };
  }

  forCpu({ address, length, dev }: EpisodeMapping, dir: Direction, from = 0, bytes = length - from): void {
    api.dma_sync_single_range_for_cpu(dev, address, from, bytes, dir);
  }

  forDevice({ address, length, dev }: EpisodeMapping, dir: Direction, from = 0, bytes = length - from): void {
    api.dma_sync_single_range_for_device(dev, address, from, bytes, dir);
  }

  deviceReads({ address, length }: EpisodeMapping, from = 0, bytes = length - from, master = this.master): void {
    master.read(dmaAddr(address + BigInt(from)), bytes);
  }

  deviceWrites({ address, length }: EpisodeMapping, from = 0, bytes = length - from, master = this.master): void {
    master.write(dmaAddr(address + BigInt(from)), this.bytes(bytes));
  }

  /** Coherent memory of the device's. */
  coherent(length: number): { cpu: VirtAddr; address: DmaAddr; length: number; free(length?: number): void } {
    const handle = out(dmaAddr(0));
    const gfp = this.bench.backEnd.sharesPoolsOnly ? GFP_ATOMIC : GFP_KERNEL;
    const cpu = api.dma_alloc_coherent(this.dev, length, handle, gfp);
    if (cpu === 0) throw new Error('no coherent memory');
    const address = handle.value;
    return { cpu, address, length, free: (bytes = length) => api.dma_free_coherent(this.dev, bytes, cpu, address) };
  }
}
