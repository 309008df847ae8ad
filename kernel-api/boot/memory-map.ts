import { ADDRESS_LIMIT, PAGE_SIZE, physAddr, type PhysAddr } from '../../base/address';
import { LabError } from '../../base/errors';
import { readNumber } from '../../base/fdt';
import type { DeviceTree as FlattenedTree, DeviceTreeNode, MemoryReservation } from '../../base/fdt';
import type { Logger } from '../../base/logger';
import { hex } from '../../base/u64';
import type { Memblock, MemblockRange, ReservedRange } from '../mm/memblock';

/** A region of `/reserved-memory` by the path of its node. */
export interface ReservedRegion extends ReservedRange {
  readonly path: string;
  readonly noMap: boolean;
}

/** What the device tree says about memory. */
export interface MemoryMap {
  readonly memblock: Memblock;
  readonly regions: readonly ReservedRegion[];
}

/** Dynamic regions without an `alignment` of their own start at a multiple of this. */
const DEFAULT_ALIGNMENT = PAGE_SIZE;

/** What the kernel's tables of page frames are made for. */
const MEMORY_LIMIT = 2 ** 36;

/** Where a dynamic region without `alloc-ranges` may lie. */
const ANYWHERE: MemblockRange = { base: physAddr(0), size: ADDRESS_LIMIT };

const cellOf = (node: DeviceTreeNode, name: string): number | undefined => {
  const value = node.getProperty(name);
  return value === undefined ? undefined : readNumber(value, 0, 1);
};

const text = (node: DeviceTreeNode, name: string): string | undefined => {
  const value = node.getProperty(name);
  return value === undefined ? undefined : String.fromCharCode(...value).replace(/\0.*$/s, '');
};

const isAvailable = (node: DeviceTreeNode): boolean => {
  const status = text(node, 'status');
  return status === undefined || status === 'okay' || status === 'ok';
};

/** How addresses and sizes at the root are written. */
interface Cells {
  readonly address: number;
  readonly size: number;
}

const readRanges = (node: DeviceTreeNode, name: string, cells: Cells): MemblockRange[] => {
  const value = node.getProperty(name);
  const width = cells.address + cells.size;
  const count = value === undefined ? 0 : Math.floor(value.length / 4 / width);
  return Array.from({ length: count }, (_, i) => {
    const base = readNumber(value!, i * width, cells.address);
    const size = readNumber(value!, i * width + cells.address, cells.size);
    if (base === undefined || size === undefined || base + size > ADDRESS_LIMIT) {
      throw new LabError(`device tree node ${node.path}: ${name} reaches beyond 2^52`, { what: node.path });
    }
    return { base: physAddr(base), size };
  });
};

const scanMemory = (root: DeviceTreeNode, cells: Cells): MemblockRange[] => {
  const nodes = root.children.filter((node) => text(node, 'device_type') === 'memory' && isAvailable(node));
  const ranges = nodes
    .flatMap((node) => readRanges(node, node.hasProperty('linux,usable-memory') ? 'linux,usable-memory' : 'reg', cells))
    .filter(({ size }) => size > 0);
  if (ranges.length === 0)
    throw new LabError('the device tree describes no memory: there is no memory node with a size');
  const total = ranges.reduce((sum, { size }) => sum + size, 0);
  if (total > MEMORY_LIMIT) {
    throw new LabError(
      `the device tree describes ${hex(total)} bytes of memory; this kernel manages 64 GiB at the most`,
    );
  }
  return ranges;
};

const overlaps = (a: MemblockRange, b: MemblockRange): boolean => a.base < b.base + b.size && b.base < a.base + a.size;

/** Reads `/reserved-memory` (`drivers/of/of_reserved_mem.c`): fixed regions first, then those that want a place. */
class ReservedMemoryScan {
  readonly regions: ReservedRegion[] = [];
  private readonly memory: readonly MemblockRange[];
  private readonly taken: ReservedRange[];
  private readonly cells: Cells;
  private readonly log: Logger;

  constructor(memory: readonly MemblockRange[], taken: ReservedRange[], cells: Cells, log: Logger) {
    this.memory = memory;
    this.taken = taken;
    this.cells = cells;
    this.log = log;
  }

  scan(parent: DeviceTreeNode): void {
    if (
      cellOf(parent, '#address-cells') !== this.cells.address ||
      cellOf(parent, '#size-cells') !== this.cells.size ||
      !parent.hasProperty('ranges')
    ) {
      this.log.error({}, 'reserved memory: the node is written in a way that is not understood, and left out');
      return;
    }
    const nodes = parent.children.filter(isAvailable);
    for (const node of nodes) this.addFixed(node);
    for (const node of nodes) if (!node.hasProperty('reg') && node.hasProperty('size')) this.addDynamic(node);
    this.reportOverlaps();
  }

  private addFixed(node: DeviceTreeNode): void {
    const [first, ...more] = readRanges(node, 'reg', this.cells);
    if (first === undefined) return;
    if (more.length > 0) this.log.warn({}, `Reserved memory: only the first range of ${node.path} is used`);
    const noMap = node.hasProperty('no-map');
    const collides = noMap && this.taken.some((range) => overlaps(range, first));
    if (first.size === 0 || collides) {
      this.log.error({}, `reserved memory: there is no place for ${node.path}`);
      return;
    }
    this.add(node, first, noMap);
  }

  private addDynamic(node: DeviceTreeNode): void {
    const size = readNumber(node.getProperty('size')!, 0, this.cells.size) ?? 0;
    const value = node.getProperty('alignment');
    const alignment = value === undefined ? DEFAULT_ALIGNMENT : (readNumber(value, 0, this.cells.size) ?? 0);
    const limits = node.hasProperty('alloc-ranges') ? readRanges(node, 'alloc-ranges', this.cells) : [ANYWHERE];
    const base =
      size > 0 && alignment > 0 ? this.findPlace(size, Math.max(alignment, DEFAULT_ALIGNMENT), limits) : undefined;
    if (base === undefined) {
      this.log.error({}, `Reserved memory: failed to allocate memory for node ${node.path}`);
      return;
    }
    this.add(node, { base, size }, node.hasProperty('no-map'));
  }

  /** The highest free place within the limits. */
  private findPlace(size: number, alignment: number, limits: readonly MemblockRange[]): PhysAddr | undefined {
    for (const limit of limits) {
      const places = this.memory.map((bank) => this.findInBank(size, alignment, bank, limit));
      const best = Math.max(...places);
      if (best >= 0) return physAddr(best);
    }
    return undefined;
  }

  private findInBank(size: number, alignment: number, bank: MemblockRange, limit: MemblockRange): number {
    const lowest = Math.max(bank.base, limit.base);
    let end = Math.min(bank.base + bank.size, limit.base + limit.size);
    for (;;) {
      const base = Math.floor((end - size) / alignment) * alignment;
      if (base < lowest) return -1;
      const hit = this.taken.find((range) => overlaps(range, { base: physAddr(base), size }));
      if (hit === undefined) return base;
      end = Math.min(end - 1, hit.base);
    }
  }

  private add(node: DeviceTreeNode, range: MemblockRange, noMap: boolean): void {
    const region = { ...range, noMap, path: node.path };
    this.regions.push(region);
    this.taken.push({ ...range, noMap });
  }

  private reportOverlaps(): void {
    const sorted = [...this.regions].sort((a, b) => a.base - b.base);
    for (const [i, region] of sorted.entries()) {
      const next = sorted[i + 1];
      if (next !== undefined && overlaps(region, next)) {
        this.log.error(
          {},
          `OF: reserved mem: OVERLAP DETECTED: ${region.path} at ${hex(region.base)} overlaps ${next.path} at ${hex(next.base)}`,
        );
      }
    }
  }
}

/**
 * Finds out what memory there is and what of it is spoken for: memory nodes, the reservation block, the blob itself,
 * `/reserved-memory`. Overlapping memory nodes are joined and reservations outside of memory do no harm, as in Linux; a
 * tree without memory is a `LabError`.
 * @param zoneDma where ZONE_DMA ends, if the kernel has one
 */
export const readMemoryMap = (tree: FlattenedTree, blob: MemblockRange, log: Logger, zoneDma?: number): MemoryMap => {
  const { root } = tree;
  const cells = { address: cellOf(root, '#address-cells') ?? 1, size: cellOf(root, '#size-cells') ?? 1 };
  if (cells.address < 1 || cells.address > 2 || cells.size < 1 || cells.size > 2) {
    throw new LabError('the root of the device tree needs one or two cells for addresses and for sizes', { what: '/' });
  }
  const memory = scanMemory(root, cells);
  const reserved: ReservedRange[] = [blob, ...tree.reservations.map(reservedRange)];
  const scan = new ReservedMemoryScan(memory, reserved, cells, log);
  const parent = root.child('reserved-memory');
  if (parent !== undefined) scan.scan(parent);
  const zone = zoneDma === undefined ? {} : { zoneDmaLimit: physAddr(zoneDma) };
  return { memblock: { memory, reserved, ...zone }, regions: scan.regions };
};

const reservedRange = ({ address, size }: MemoryReservation): ReservedRange => ({ base: address, size });
