import { PAGE_SIZE, dmaPageOf, pageOf, physAddr } from '../base/address';
import { SystemBus } from '../emulator/bus/system-bus';
import { ACCESS_READ } from '../emulator/bus/translator';
import { DeviceContext } from '../emulator/iommu/caches/context-cache';
import type { RiscvIommu } from '../emulator/iommu/iommu';
import { configureIommu } from '../emulator/iommu/options';
import { FirstStageWalker } from '../emulator/iommu/walker';
import { Ram } from '../emulator/memory/ram';
import { DMA_TO_DEVICE } from '../kernel-api/dma/direction';
import { dma_map_single } from '../kernel-api/dma/mapping';
import { GFP_KERNEL } from '../kernel-api/gfp';
import type { Kernel } from '../kernel-api/kernel';
import { __get_free_pages } from '../kernel-api/mm/page-alloc';
import type { Machine } from '../lab/machine';
import { onMachine } from './host';
import { compare, figure, wallTime, type Figure } from './measure';

const LOOKUPS = 1_000_000;
/** Pages that fit the IOTLB together, and pages that do not: each is evicted before it comes round again. */
const FEW = 64;
const MANY = 8192;
const TABLE_ENTRIES = 512;
/** V, R, W, U, A and D of a page-table entry. */
const LEAF_BITS = 0xd7;
/** The DMA controller's requester id on the default board. */
const REQUESTER = 1;

/** Nanoseconds for one of `LOOKUPS` lookups. Their sum is returned so that none is optimised away. */
const perLookup = (work: () => number): number => {
  const start = wallTime();
  const sum = work();
  const ns = wallTime() - start;
  if (!(sum > 0)) throw new Error('a lookup failed');
  return ns / LOOKUPS;
};

const translate = (iommu: RiscvIommu, pages: readonly number[]): number => {
  const mask = pages.length - 1;
  let sum = 0;
  for (let i = 0; i < LOOKUPS; i++) sum += iommu.translate(REQUESTER, pages[i & mask]!, 0, ACCESS_READ);
  return sum;
};

/** What a lookup costs at the least: a `Map` from page to page. */
const lookUpInMap = (map: ReadonlyMap<number, number>, pages: readonly number[]): number => {
  const mask = pages.length - 1;
  let sum = 0;
  for (let i = 0; i < LOOKUPS; i++) sum += map.get(pages[i & mask]!)!;
  return sum;
};

/** Three loads that depend on one another, over as much memory as the page tables take. */
const chasePointers = (tables: Uint32Array, pages: readonly number[]): number => {
  const mask = pages.length - 1;
  let sum = 0;
  for (let i = 0; i < LOOKUPS; i++) {
    const page = pages[i & mask]!;
    const root = tables[page & 511]!;
    const middle = tables[(root + page) & 0x3fff]!;
    sum += tables[(middle + page) & 0x3fff]!;
  }
  return sum;
};

/** Tables of a three-level walk for `MANY` pages, in memory of their own: root, one middle table, the leaves. */
const buildTables = (bus: SystemBus, base: number): DeviceContext => {
  const pointer = (page: number): number => page * 1024 + 1;
  const leaves = MANY / TABLE_ENTRIES;
  bus.store64(base, pointer(pageOf(base) + 1), 0);
  for (let table = 0; table < leaves; table++) {
    bus.store64(base + PAGE_SIZE + 8 * table, pointer(pageOf(base) + 2 + table), 0);
    for (let entry = 0; entry < TABLE_ENTRIES; entry++) {
      const target = pageOf(base) + ((table * TABLE_ENTRIES + entry * 37) & 0x3fff);
      bus.store64(base + (2 + table) * PAGE_SIZE + 8 * entry, target * 1024 + LEAF_BITS, 0);
    }
  }
  return Object.assign(new DeviceContext(), { device: 1, space: 0, levels: 3, root: pageOf(base) });
};

const walk = (walker: FirstStageWalker, context: DeviceContext): number => {
  let sum = 0;
  for (let i = 0; i < LOOKUPS; i++) sum += walker.walk(context, (i * 97) & (MANY - 1), ACCESS_READ);
  return sum;
};

/** The walk alone, over tables in RAM: three levels (Sv39), another leaf each time. */
const walkFigure = async (): Promise<Figure> => {
  const base = 0x8000_0000;
  const bus = new SystemBus(new Ram([{ base: physAddr(base), size: 0x400_0000 }]));
  const context = buildTables(bus, base);
  const walker = new FirstStageWalker(bus, configureIommu({}).capabilities);
  const tables = Uint32Array.from({ length: 0x4000 }, (_, i) => (i * 40503) & 0x3fff);
  const pages = Array.from({ length: MANY }, (_, i) => (i * 97) & (MANY - 1));
  const result = await compare(
    () => perLookup(() => walk(walker, context)),
    () => perLookup(() => chasePointers(tables, pages)),
  );
  return figure('iotlb-walk', 'ns', result.value, result.baseline, 'three dependent typed-array loads');
};

/** An IOTLB hit, a three-level walk, and all of an IOTLB miss: lookup, walk and refill. In nanoseconds. */
export const iotlb = async (): Promise<Figure[]> => {
  const [hit, miss] = await onMachine({ iommu: { capabilities: { virtualAddressBits: 39 } } }, hitAndMiss);
  return [hit, await walkFigure(), miss];
};

const hitAndMiss = async (kernel: Kernel, machine: Machine): Promise<[Figure, Figure]> => {
  const controller = kernel.drivers.devices.find(({ driver }) => driver?.name === 'dw_axi_dmac_platform')!;
  const mapped = Array.from({ length: MANY }, () => {
    const page = __get_free_pages(kernel, GFP_KERNEL, 0);
    return dmaPageOf(dma_map_single(controller, page, PAGE_SIZE, DMA_TO_DEVICE));
  });
  const few = mapped.slice(0, FEW);
  const iommu = machine.hardware.iommu!;
  const map = new Map(few.map((page) => [page, page + 1]));
  const all = new Map(mapped.map((page) => [page, page + 1]));
  const hit = await compare(
    () => perLookup(() => translate(iommu, few)),
    () => perLookup(() => lookUpInMap(map, few)),
  );
  const miss = await compare(
    () => perLookup(() => translate(iommu, mapped)),
    () => perLookup(() => lookUpInMap(all, mapped)),
  );
  return [
    figure('iotlb-hit', 'ns', hit.value, hit.baseline, 'a Map of the same pages'),
    figure('iotlb-miss', 'ns', miss.value, miss.baseline, 'a Map of the same pages'),
  ];
};
