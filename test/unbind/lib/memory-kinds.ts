import type { DmaAddr } from '../../../base/address';
import { u8 } from '../../../base/layout';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import { dma_alloc_coherent, dma_free_coherent } from '../../../kernel-api/dma/coherent';
import { dmam_alloc_coherent } from '../../../kernel-api/dma/devres';
import { DMA_BIDIRECTIONAL } from '../../../kernel-api/dma/direction';
import { dma_pool_alloc, dma_pool_create, dma_pool_destroy, dma_pool_free } from '../../../kernel-api/dma/dmapool';
import { dma_map_single, dma_mapping_error, dma_unmap_single } from '../../../kernel-api/dma/mapping';
import { dma_map_sgtable, dma_unmap_sgtable } from '../../../kernel-api/dma/streaming';
import { out } from '../../../kernel-api/err';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { kfree, kmalloc } from '../../../kernel-api/mm/kmalloc';
import { page_address } from '../../../kernel-api/mm/page-alloc';
import { DmaCoherent, DmaStream, FromAndToDevice } from '../../../kernel-api/ostd';
import { asBound, Coherent, DataDirection, SGTable, VVec } from '../../../kernel-api/rust';
import { sg_init_one } from '../../../kernel-api/scatterlist/scatterlist';
import { sg_alloc_table, sg_free_table, SgTable } from '../../../kernel-api/scatterlist/sg-table';

/** Memory that a driver shares with its device. */
export interface Shared {
  /** Where the device finds it. */
  readonly address: DmaAddr;
  /** What a correct driver does in `remove`, and what makes good for a careless one afterwards. */
  release(): void;
}

/** Gets memory, fills it with `content` (no more than a page), and lets the device have it. */
export type Share = (dev: StructDevice, content: Uint8Array) => Shared;

const need = <T>(value: T, fine: boolean): T => {
  if (!fine) throw new Error('no memory for the engine');
  return value;
};

const streaming: Share = (dev, content) => {
  const { kernel } = dev;
  const cpu = kmalloc(kernel, content.length, GFP_KERNEL);
  kernel.mm.write(cpu, content);
  const address = dma_map_single(dev, cpu, content.length, DMA_BIDIRECTIONAL);
  need(address, dma_mapping_error(dev, address) === 0);
  const release = (): void => {
    dma_unmap_single(dev, address, content.length, DMA_BIDIRECTIONAL);
    kfree(kernel, cpu);
  };
  return { address, release };
};

const list: Share = (dev, content) => {
  const { kernel } = dev;
  const cpu = kmalloc(kernel, content.length, GFP_KERNEL);
  kernel.mm.write(cpu, content);
  const table = new SgTable(kernel);
  need(table, sg_alloc_table(table, 1, GFP_KERNEL) === 0);
  sg_init_one(table.sgl!, cpu, content.length);
  need(table, dma_map_sgtable(dev, table, DMA_BIDIRECTIONAL, 0) === 0);
  const release = (): void => {
    dma_unmap_sgtable(dev, table, DMA_BIDIRECTIONAL, 0);
    sg_free_table(table);
    kfree(kernel, cpu);
  };
  return { address: table.sgl!.dma_address, release };
};

const ownedTable: Share = (dev, content) => {
  const { kernel } = dev;
  const pages = VVec.withCapacity(kernel, u8, content.length, GFP_KERNEL);
  kernel.mm.write(page_address([...pages.pageIter()][0]!), content);
  const table = SGTable.new(asBound(dev), pages, DataDirection.Bidirectional, GFP_KERNEL);
  return { address: [...table.iter()][0]!.dmaAddress(), release: () => table.drop() };
};

const coherent: Share = (dev, content) => {
  const handle = out(0n as DmaAddr);
  const cpu = need(dma_alloc_coherent(dev, content.length, handle, GFP_KERNEL), true);
  dev.kernel.mm.write(cpu, content);
  return { address: handle.value, release: () => dma_free_coherent(dev, content.length, cpu, handle.value) };
};

const managedCoherent: Share = (dev, content) => {
  const handle = out(0n as DmaAddr);
  dev.kernel.mm.write(dmam_alloc_coherent(dev, content.length, handle, GFP_KERNEL), content);
  return { address: handle.value, release: () => undefined };
};

const pool: Share = (dev, content) => {
  const from = dma_pool_create('engine', dev, content.length, 64, 0)!;
  const handle = out(0n as DmaAddr);
  const cpu = dma_pool_alloc(from, GFP_KERNEL, handle);
  dev.kernel.mm.write(cpu, content);
  const release = (): void => {
    dma_pool_free(from, cpu, handle.value);
    dma_pool_destroy(from);
  };
  return { address: handle.value, release };
};

const rustCoherent: Share = (dev, content) => {
  const memory = Coherent.fromSlice(asBound(dev), u8, content, GFP_KERNEL);
  return { address: memory.dmaHandle(), release: () => memory.drop() };
};

const ostdStream: Share = (dev, content) => {
  const stream = DmaStream.alloc(dev, FromAndToDevice, 1);
  stream.writeBytes(0, content);
  stream.syncToDevice(0, content.length);
  return { address: stream.daddr(), release: () => stream.drop() };
};

const ostdCoherent: Share = (dev, content) => {
  const memory = DmaCoherent.alloc(dev, 1);
  memory.writeBytes(0, content);
  return { address: memory.daddr(), release: () => memory.drop() };
};

/** Every way to share memory. */
export const KINDS: Readonly<Record<string, Share>> = {
  'streaming maps': streaming,
  'mapped lists': list,
  'owned SG tables': ownedTable,
  'coherent memory': coherent,
  'managed coherent memory': managedCoherent,
  pools: pool,
  "Rust's Coherent": rustCoherent,
  "OSTD's DmaStream": ostdStream,
  "OSTD's DmaCoherent": ostdCoherent,
};
