import { dmaAddr, physAddr, virtAddr, type DmaAddr, type VirtAddr } from '../../../base/address';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import { DMA_ATTR_SKIP_CPU_SYNC } from '../../../kernel-api/dma/attrs';
import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../../kernel-api/dma/direction';
import * as api from '../../../kernel-api/dma/mapping';
import { out } from '../../../kernel-api/err';
import { GFP_KERNEL, __GFP_DMA32 } from '../../../kernel-api/gfp';
import { kfree, kmalloc } from '../../../kernel-api/mm/kmalloc';
import { page_address, page_to_phys, type Page } from '../../../kernel-api/mm/page';
import { __free_pages, alloc_pages } from '../../../kernel-api/mm/page-alloc';
import { sg_dma_address, sg_dma_len, sg_init_table, sg_set_page } from '../../../kernel-api/scatterlist/scatterlist';
import {
  for_each_sgtable_dma_sg,
  for_each_sgtable_sg,
  sg_alloc_table,
  sg_free_table,
  SgTable,
} from '../../../kernel-api/scatterlist/sg-table';

/** Memory that is lent to a device, in every way that the DMA API has. */

export type Direction = typeof DMA_BIDIRECTIONAL | typeof DMA_TO_DEVICE | typeof DMA_FROM_DEVICE;
export const DIRECTIONS = [DMA_BIDIRECTIONAL, DMA_TO_DEVICE, DMA_FROM_DEVICE] as const;

/** How memory can be lent. `object` is an object of kmalloc between two others. */
export const LOAN_KINDS = ['object', 'page', 'phys', 'single', 'sgtable', 'sg', 'pages', 'noncontiguous'] as const;
export type LoanKind = (typeof LOAN_KINDS)[number];

/** What is to be lent. */
export interface LoanPlan {
  readonly kind: LoanKind;
  /** Where each piece begins in its pages, and its bytes. Only lists have more than one. */
  readonly pieces: readonly { readonly offset: number; readonly length: number }[];
  /** From below 4 GiB. */
  readonly low: boolean;
  /** Lent and taken back without syncs; the driver makes those itself. */
  readonly skipSync: boolean;
}

/** Part of the memory, as the CPU sees it, with what lies around it up to `start` and `end`. */
export interface Piece {
  readonly cpu: VirtAddr;
  readonly length: number;
  readonly start: VirtAddr;
  readonly end: VirtAddr;
}

/** Memory, lendable again and again. Offsets are into the pieces, put one after another. */
export interface Lendable {
  readonly pieces: readonly Piece[];
  readonly length: number;
  /** The only direction in which it can be lent: of memory that is allocated with one, and always mapped. */
  readonly fixedDirection: Direction | null;
  /** Syncs can be of a part. */
  readonly partialSyncs: boolean;
  /** Lends it. False if that failed. */
  map(dir: Direction): boolean;
  unmap(dir: Direction): void;
  syncForCpu(from: number, length: number, dir: Direction): void;
  syncForDevice(from: number, length: number, dir: Direction): void;
  /** As the device sees it while it is lent. */
  segments(): readonly { readonly address: DmaAddr; readonly length: number }[];
  free(): void;
}

const PAGE = 4096;

/** Pages for a piece: one more than it needs, so that there is always something behind it. */
const allocPiece = (
  dev: StructDevice,
  { offset, length }: LoanPlan['pieces'][number],
  low: boolean,
): { piece: Piece; page: Page; offset: number; free: () => void } | null => {
  const order = Math.ceil(Math.log2(Math.ceil((offset + length + 1) / PAGE)));
  const page = alloc_pages(dev.kernel, low ? GFP_KERNEL | __GFP_DMA32 : GFP_KERNEL, order);
  if (page === null) return null;
  const start = page_address(page);
  const piece = { cpu: virtAddr(start + offset), length, start, end: virtAddr(start + (PAGE << order)) };
  return { piece, page, offset, free: () => __free_pages(page, order) };
};

/** Syncs of mappings that have one address. */
const singleSyncs = (
  dev: StructDevice,
  address: () => DmaAddr,
): Pick<Lendable, 'syncForCpu' | 'syncForDevice' | 'partialSyncs'> => ({
  partialSyncs: true,
  // Both names of the same thing get their share.
  syncForCpu: (from, length, dir) => {
    if (from === 0) api.dma_sync_single_for_cpu(dev, address(), length, dir);
    else api.dma_sync_single_range_for_cpu(dev, address(), from, length, dir);
  },
  syncForDevice: (from, length, dir) => {
    if (from === 0) api.dma_sync_single_for_device(dev, address(), length, dir);
    else api.dma_sync_single_range_for_device(dev, address(), from, length, dir);
  },
});

/** The three ways of mapping a piece of a page. */
const mapPiece = (dev: StructDevice, kind: LoanKind, page: Page, offset: number, piece: Piece) => {
  const { length, cpu } = piece;
  const phys = physAddr(page_to_phys(page) + offset);
  if (kind === 'phys') {
    return {
      map: (dir: Direction, attrs: number) => api.dma_map_phys(dev, phys, length, dir, attrs),
      unmap: (at: DmaAddr, dir: Direction, attrs: number) => api.dma_unmap_phys(dev, at, length, dir, attrs),
    };
  }
  if (kind === 'page') {
    return {
      map: (dir: Direction, attrs: number) => api.dma_map_page_attrs(dev, page, offset, length, dir, attrs),
      unmap: (at: DmaAddr, dir: Direction, attrs: number) => api.dma_unmap_page_attrs(dev, at, length, dir, attrs),
    };
  }
  return {
    map: (dir: Direction, attrs: number) => api.dma_map_single_attrs(dev, cpu, length, dir, attrs),
    unmap: (at: DmaAddr, dir: Direction, attrs: number) => api.dma_unmap_single_attrs(dev, at, length, dir, attrs),
  };
};

const oneSegment = (address: () => DmaAddr, length: number) => () => [{ address: address(), length }];

const lendPiece = (dev: StructDevice, plan: LoanPlan): Lendable | null => {
  const memory = allocPiece(dev, plan.pieces[0]!, plan.low);
  if (memory === null) return null;
  const { piece, page, offset, free } = memory;
  const { length } = piece;
  const attrs = plan.skipSync ? DMA_ATTR_SKIP_CPU_SYNC : 0;
  const calls = mapPiece(dev, plan.kind, page, offset, piece);
  let address = dmaAddr(0);
  return {
    pieces: [piece],
    length,
    fixedDirection: null,
    ...singleSyncs(dev, () => address),
    map: (dir) => {
      address = calls.map(dir, attrs);
      return api.dma_mapping_error(dev, address) === 0;
    },
    unmap: (dir) => calls.unmap(address, dir, attrs),
    segments: oneSegment(() => address, length),
    free,
  };
};

/** An object of kmalloc. What lies around it are other objects, or the rest of its own. */
const lendObject = (dev: StructDevice, plan: LoanPlan): Lendable | null => {
  const { kernel } = dev;
  const { length } = plan.pieces[0]!;
  const objects = Array.from({ length: 3 }, () => kmalloc(kernel, length, GFP_KERNEL));
  const free = (): void => {
    for (const object of objects) if (object !== 0) kfree(kernel, object);
  };
  if (objects.includes(virtAddr(0))) {
    free();
    return null;
  }
  let address = dmaAddr(0);
  const [before, cpu, after] = objects as [VirtAddr, VirtAddr, VirtAddr];
  const whole = (object: VirtAddr): Piece => ({
    cpu: object,
    length: 0,
    start: object,
    end: virtAddr(object + length),
  });
  return {
    pieces: [{ cpu, length, start: cpu, end: virtAddr(cpu + length) }, whole(before), whole(after)],
    length,
    fixedDirection: null,
    ...singleSyncs(dev, () => address),
    map: (dir) => {
      address = api.dma_map_single(dev, cpu, length, dir);
      return api.dma_mapping_error(dev, address) === 0;
    },
    unmap: (dir) => api.dma_unmap_single(dev, address, length, dir),
    segments: oneSegment(() => address, length),
    free,
  };
};

/** The entries' DMA side, for `count` mapped segments. */
const dmaSegments = (table: SgTable): { address: DmaAddr; length: number }[] =>
  [...for_each_sgtable_dma_sg(table)].map((sg) => ({ address: sg_dma_address(sg), length: sg_dma_len(sg) }));

const lendList = (dev: StructDevice, plan: LoanPlan): Lendable | null => {
  const { kernel } = dev;
  const table = new SgTable(kernel);
  const parts = plan.pieces.map((each) => allocPiece(dev, each, plan.low));
  const hasTable = sg_alloc_table(table, parts.length, GFP_KERNEL) === 0;
  const free = (): void => {
    if (hasTable) sg_free_table(table);
    for (const part of parts) part?.free();
  };
  if (!hasTable || parts.includes(null)) {
    free();
    return null;
  }
  // From the start each time: Linux never takes the mark away that says that a list was bounced.
  const fillList = (): void => {
    sg_init_table(table.sgl!, parts.length);
    let i = 0;
    for (const sg of for_each_sgtable_sg(table)) {
      const { page, piece, offset } = parts[i++]!;
      sg_set_page(sg, page, piece.length, offset);
    }
  };
  const attrs = plan.skipSync ? DMA_ATTR_SKIP_CPU_SYNC : 0;
  const { sgl, orig_nents: nents } = table;
  const byTable = plan.kind === 'sgtable';
  return {
    pieces: parts.map((part) => part!.piece),
    length: plan.pieces.reduce((sum, { length }) => sum + length, 0),
    fixedDirection: null,
    partialSyncs: false,
    map: (dir) => {
      fillList();
      if (byTable) return api.dma_map_sgtable(dev, table, dir, attrs) === 0;
      table.nents = api.dma_map_sg_attrs(dev, sgl!, nents, dir, attrs);
      return table.nents > 0;
    },
    unmap: (dir) => {
      if (byTable) api.dma_unmap_sgtable(dev, table, dir, attrs);
      else api.dma_unmap_sg_attrs(dev, sgl!, nents, dir, attrs);
    },
    syncForCpu: (_from, _length, dir) => {
      if (byTable) api.dma_sync_sgtable_for_cpu(dev, table, dir);
      else api.dma_sync_sg_for_cpu(dev, sgl, nents, dir);
    },
    syncForDevice: (_from, _length, dir) => {
      if (byTable) api.dma_sync_sgtable_for_device(dev, table, dir);
      else api.dma_sync_sg_for_device(dev, sgl, nents, dir);
    },
    segments: () => dmaSegments(table),
    free,
  };
};

/** `dma_alloc_noncoherent`: lent by syncs alone, as it is always mapped. */
const lendPages = (dev: StructDevice, plan: LoanPlan, dir: Direction): Lendable | null => {
  const { length } = plan.pieces[0]!;
  const handle = out(dmaAddr(0));
  const cpu = api.dma_alloc_noncoherent(dev, length, handle, dir, GFP_KERNEL);
  const address = handle.value;
  if (cpu === 0) return null;
  return {
    pieces: [{ cpu, length, start: cpu, end: virtAddr(cpu + Math.ceil(length / PAGE) * PAGE) }],
    length,
    fixedDirection: dir,
    ...singleSyncs(dev, () => address),
    map: () => true,
    unmap: () => undefined,
    segments: oneSegment(() => address, length),
    free: () => api.dma_free_noncoherent(dev, length, cpu, address, dir),
  };
};

const lendNoncontiguous = (dev: StructDevice, plan: LoanPlan, dir: Direction): Lendable | null => {
  const { length } = plan.pieces[0]!;
  const table = api.dma_alloc_noncontiguous(dev, length, dir, GFP_KERNEL, 0);
  if (table === null) return null;
  const cpu = api.dma_vmap_noncontiguous(dev, length, table);
  const free = (): void => {
    if (cpu !== 0) api.dma_vunmap_noncontiguous(dev, cpu);
    api.dma_free_noncontiguous(dev, length, table, dir);
  };
  if (cpu === 0) {
    free();
    return null;
  }
  return {
    pieces: [{ cpu, length, start: cpu, end: virtAddr(cpu + Math.ceil(length / PAGE) * PAGE) }],
    length,
    fixedDirection: dir,
    partialSyncs: false,
    map: () => true,
    unmap: () => undefined,
    syncForCpu: () => api.dma_sync_sgtable_for_cpu(dev, table, dir),
    syncForDevice: () => api.dma_sync_sgtable_for_device(dev, table, dir),
    segments: () => dmaSegments(table),
    free,
  };
};

/** Gets memory that can be lent. Null if there is none. @param dir for what is allocated with a direction */
export const getLendable = (dev: StructDevice, plan: LoanPlan, dir: Direction): Lendable | null => {
  if (plan.kind === 'object') return lendObject(dev, plan);
  if (plan.kind === 'sgtable' || plan.kind === 'sg') return lendList(dev, plan);
  if (plan.kind === 'pages') return lendPages(dev, plan, dir);
  return plan.kind === 'noncontiguous' ? lendNoncontiguous(dev, plan, dir) : lendPiece(dev, plan);
};
