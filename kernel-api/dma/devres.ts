import { virtAddr, type DmaAddr, type VirtAddr } from '../../base/address';
import type { DevresRelease } from '../base/devres';
import type { StructDevice } from '../base/struct-device';
import type { Out } from '../err';
import { __GFP_NOWARN, type Gfp } from '../gfp';
import { DMA_ATTR_NO_WARN, type DmaAttrs } from './attrs';
import { dma_alloc_attrs, dma_free_attrs, dma_free_coherent } from './coherent';
import { dma_pool_create, dma_pool_destroy, type DmaPool } from './dmapool';

/** Coherent memory and pools that go when the driver is unbound (`dmam_*`). */

/** `struct dma_devres`: memory that the device manages. */
interface ManagedMemory {
  readonly dev: StructDevice;
  readonly size: number;
  vaddr: VirtAddr;
  handle: DmaAddr;
  readonly attrs: DmaAttrs;
}

const releaseMemory: DevresRelease = (data) => {
  const { dev, size, vaddr, handle, attrs } = data as ManagedMemory;
  dma_free_attrs(dev, size, vaddr, handle, attrs);
};

/** `dma_alloc_attrs` of memory that is freed when the driver is unbound. */
export const dmam_alloc_attrs = (
  dev: StructDevice,
  size: number,
  handle: Out<DmaAddr>,
  gfp: Gfp,
  attrs: DmaAttrs,
): VirtAddr => {
  const memory: ManagedMemory = { dev, size, vaddr: virtAddr(0), handle: handle.value, attrs };
  if (dev.devres.add(releaseMemory, memory, 0, gfp) === 0) return virtAddr(0);
  memory.vaddr = dma_alloc_attrs(dev, size, handle, gfp, attrs);
  if (memory.vaddr === 0) dev.devres.remove((_release, data) => data === memory);
  memory.handle = handle.value;
  return memory.vaddr;
};

/** `dma_alloc_coherent` of memory that is freed when the driver is unbound. */
export const dmam_alloc_coherent = (dev: StructDevice, size: number, handle: Out<DmaAddr>, gfp: Gfp): VirtAddr =>
  dmam_alloc_attrs(dev, size, handle, gfp, (gfp & __GFP_NOWARN) !== 0 ? DMA_ATTR_NO_WARN : 0);

/** Frees memory of `dmam_alloc_coherent` before the driver is unbound. Warns if it is none, or of another size. */
export const dmam_free_coherent = (dev: StructDevice, size: number, vaddr: VirtAddr, handle: DmaAddr): void => {
  const removed = dev.devres.remove(
    (release, data) => release === releaseMemory && (data as ManagedMemory).vaddr === vaddr,
  );
  const memory = removed?.data as ManagedMemory | undefined;
  if (memory?.size !== size || memory.handle !== handle) {
    dev.kernel.warn('dmam_free_coherent', `${dev.name}: 0x${vaddr.toString(16)} is no managed memory of ${size} bytes`);
  }
  dma_free_coherent(dev, size, vaddr, handle);
};

const releasePool: DevresRelease = (data) => dma_pool_destroy(data as DmaPool);

/** `dma_pool_create` of a pool that is destroyed when the driver is unbound. */
export const dmam_pool_create = (
  name: string,
  dev: StructDevice,
  size: number,
  align: number,
  boundary: number,
): DmaPool | null => {
  const pool = dma_pool_create(name, dev, size, align, boundary);
  return pool === null || dev.devres.add(releasePool, pool) === 0 ? null : pool;
};

/** Destroys a pool of `dmam_pool_create` before the driver is unbound. Warns if it is none. */
export const dmam_pool_destroy = (pool: DmaPool): void => {
  const { dev } = pool;
  const removed = dev.devres.remove((release, data) => release === releasePool && data === pool);
  if (removed === undefined) dev.kernel.warn('dmam_pool_destroy', `${dev.name}: ${pool.name} is no managed pool`);
  else dma_pool_destroy(pool);
};
