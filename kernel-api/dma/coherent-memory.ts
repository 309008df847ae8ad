import {
  dmaAddr,
  PAGE_SIZE,
  pageOf,
  physAddr,
  virtAddr,
  type DmaAddr,
  type PhysAddr,
  type VirtAddr,
} from '../../base/address';
import { EBUSY, EINVAL } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import type { Out } from '../err';
import type { Kernel } from '../kernel';
import { phys_to_virt } from '../mm/layout';
import { get_order } from '../mm/page';
import { vunmap } from '../mm/vmalloc';
import { directToDma } from './direct-address';
import { checkDevice, checkSize } from './arguments';

/**
 * Memory of a device's own, from which all its coherent memory comes (`kernel/dma/coherent.c`): on the device, or reserved
 * for it. The CPU uses it past the caches.
 */

/** `struct dma_coherent_mem`. */
export class DmaCoherentMem {
  readonly virt_base: VirtAddr;
  readonly device_base: DmaAddr;
  readonly pfn_base: number;
  /** Pages. */
  readonly size: number;
  /** The device's address follows from the physical one, by its bus. */
  readonly use_dev_dma_pfn_offset: boolean;
  /** 1 for pages that are taken. */
  private readonly bitmap: Uint8Array;

  constructor(virtBase: VirtAddr, deviceBase: DmaAddr, phys: PhysAddr, size: number, followsBus: boolean) {
    this.virt_base = virtBase;
    this.device_base = deviceBase;
    this.pfn_base = pageOf(phys);
    this.size = Math.floor(size / PAGE_SIZE);
    this.use_dev_dma_pfn_offset = followsBus;
    this.bitmap = new Uint8Array(this.size);
  }

  /** Pages that are not taken. */
  get freePages(): number {
    return this.bitmap.reduce((sum, taken) => sum + 1 - taken, 0);
  }

  /** Whether an address of the CPU lies in it. */
  has(cpu: VirtAddr): boolean {
    return cpu >= this.virt_base && cpu < this.virt_base + this.size * PAGE_SIZE;
  }

  /** Takes pages, aligned to their number (`bitmap_find_free_region`). @returns the first one, or -1 */
  take(order: number): number {
    const count = 2 ** order;
    for (let page = 0; page + count <= this.size; page += count) {
      if (this.bitmap.subarray(page, page + count).includes(1)) continue;
      this.bitmap.fill(1, page, page + count);
      return page;
    }
    return -1;
  }

  /** Gives pages back; those that were not taken stay so (`bitmap_release_region`). */
  give(page: number, order: number): void {
    this.bitmap.fill(0, page, Math.min(page + 2 ** order, this.size));
  }
}

/** Whether the kernel has any page of a range in its linear map. */
const isInLinearMap = ({ mm, dma }: Kernel, phys: number, size: number): boolean =>
  dma.ram.some(({ base, size: length }) => {
    const end = Math.min(phys + size, base + length);
    for (let at = Math.max(phys, base); at < end; at += PAGE_SIZE) {
      if (mm.translate(phys_to_virt(physAddr(at))) >= 0) return true;
    }
    return false;
  });

/**
 * Maps memory past the caches (`memremap` with MEMREMAP_WC): 0, after a warning, for memory that the kernel has in its linear
 * map, as the two would contradict each other.
 */
const mapUncached = (kernel: Kernel, phys: PhysAddr, size: number): VirtAddr => {
  if (!isInLinearMap(kernel, phys, size)) return kernel.mm.mapMmio(phys, size);
  kernel.dma.warnOnce('memremap', `memremap attempted on ram 0x${phys.toString(16)} size: 0x${size.toString(16)}`);
  return virtAddr(0);
};

/** `dma_init_coherent_memory`: a negative error if there is nothing to map. */
export const initCoherentMemory = (
  kernel: Kernel,
  phys: PhysAddr,
  deviceAddress: DmaAddr,
  size: number,
  followsBus: boolean,
): DmaCoherentMem | number => {
  if (size === 0) return -EINVAL;
  const base = mapUncached(kernel, phys, size);
  return base === 0 ? -EINVAL : new DmaCoherentMem(base, deviceAddress, phys, size, followsBus);
};

/** `dma_assign_coherent_memory`: `-EBUSY` if the device has such memory already. */
export const assignCoherentMemory = (dev: StructDevice, mem: DmaCoherentMem): number => {
  if (dev.dma.dma_mem !== null) return -EBUSY;
  dev.dma.dma_mem = mem;
  return 0;
};

/**
 * Makes memory at a physical address the memory of a device, which sees it at `device_addr`. One piece per device.
 * @param size bytes, whole pages
 * @returns 0, `-EINVAL` for nothing or for memory of the linear map, `-EBUSY` if the device has some already
 */
export const dma_declare_coherent_memory = (
  dev: StructDevice,
  phys_addr: PhysAddr,
  device_addr: DmaAddr,
  size: number,
): number => {
  checkDevice(dev);
  checkSize('dma_declare_coherent_memory', size);
  const mem = initCoherentMemory(dev.kernel, phys_addr, device_addr, size, false);
  if (typeof mem === 'number') return mem;
  const error = assignCoherentMemory(dev, mem);
  if (error !== 0) vunmap(dev.kernel, mem.virt_base);
  return error;
};

/** Undoes `dma_declare_coherent_memory`. Memory of it that is still in use is gone with it, as in Linux. */
export const dma_release_coherent_memory = (dev: StructDevice | null): void => {
  if (dev === null) return;
  const { dma_mem } = dev.dma;
  if (dma_mem === null) return;
  vunmap(dev.kernel, dma_mem.virt_base);
  dev.dma.dma_mem = null;
};

const deviceBase = (dev: StructDevice, mem: DmaCoherentMem): DmaAddr =>
  mem.use_dev_dma_pfn_offset ? directToDma(dev, mem.pfn_base * PAGE_SIZE) : mem.device_base;

/**
 * Allocates from the device's own memory. True if the device has some: then `cpu` is what was found, 0 (NULL) if there is
 * no room, and nothing else is to be tried.
 */
export const dma_alloc_from_dev_coherent = (
  dev: StructDevice,
  size: number,
  handle: Out<DmaAddr>,
  cpu: Out<VirtAddr>,
): boolean => {
  const mem = dev.dma.dma_mem;
  if (mem === null) return false;
  cpu.value = virtAddr(0);
  const page = size > mem.size * PAGE_SIZE ? -1 : mem.take(get_order(size));
  if (page < 0) return true;
  handle.value = dmaAddr(deviceBase(dev, mem) + BigInt(page * PAGE_SIZE));
  cpu.value = virtAddr(mem.virt_base + page * PAGE_SIZE);
  dev.kernel.mm.fill(cpu.value, 0, size);
  return true;
};

/** Gives memory back if it is of the device's own: false if it is not. */
export const dma_release_from_dev_coherent = (dev: StructDevice, order: number, cpu: VirtAddr): boolean => {
  const mem = dev.dma.dma_mem;
  if (mem === null || !mem.has(cpu)) return false;
  mem.give(Math.floor((cpu - mem.virt_base) / PAGE_SIZE), order);
  return true;
};
