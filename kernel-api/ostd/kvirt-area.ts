import { PAGE_SIZE, virtAddr, type PhysAddr, type VirtAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import { arch_dma_prep_coherent } from '../dma/arch-sync';
import type { DmaLimit } from '../dma/dma-limit';
import type { Kernel } from '../kernel';
import { set_memory_decrypted, set_memory_encrypted } from '../mm/confidential';
import { phys_to_virt } from '../mm/layout';
import { nth_page, phys_to_page } from '../mm/page';
import { PAGE_KERNEL, pgprot_dmacoherent, VM_MAP, vmap, vunmap } from '../mm/vmalloc';
import { allocForDevice } from './device-memory';
import { OstdError } from './error';
import type { USegment } from './segment';
import { kernelSpan, type AliveCheck, type VmSpan } from './vm-span';

/** An address range of the kernel, which is taken away when the last part that uses it is gone. */
class MappedRange {
  readonly kernel: Kernel;
  readonly address: VirtAddr;
  /** Parts that use it. */
  users = 1;

  constructor(kernel: Kernel, address: VirtAddr) {
    this.kernel = kernel;
    this.address = address;
  }

  leave(): void {
    this.users--;
    if (this.users === 0) vunmap(this.kernel, this.address);
  }
}

/** Shares frames with devices, in a confidential guest. @throws OstdError `IoError`; the frames are then lost */
const share = (frames: USegment): void => {
  const { kernel } = frames;
  if (set_memory_decrypted(kernel, phys_to_virt(frames.paddr()), frames.size() / PAGE_SIZE) === 0) return;
  frames.leak();
  throw new OstdError('IoError', 'the platform shares no memory with devices');
};

/** Frees frames, which no device reaches any more; those that the platform keeps shared are lost. */
const unshareAndFree = (frames: USegment): void => {
  const { kernel } = frames;
  if (set_memory_encrypted(kernel, phys_to_virt(frames.paddr()), frames.size() / PAGE_SIZE) === 0) {
    frames.drop();
    return;
  }
  kernel.log.warn({ size: frames.size() }, 'losing DMA memory that the platform does not make private again');
  frames.leak();
};

/**
 * Frames that are used through a mapping of their own (`KVirtArea` over `DmaBufferMeta` frames): uncached for a device that
 * does not snoop, shared with devices in a confidential guest. Through the linear map they must not be used meanwhile.
 */
export class KVirtArea {
  /** Whether accesses go past the cache. */
  readonly isUncached: boolean;
  private readonly range: MappedRange;
  private readonly offset: number;
  private readonly frames: USegment;

  private constructor(range: MappedRange, offset: number, frames: USegment, isUncached: boolean) {
    this.range = range;
    this.offset = offset;
    this.frames = frames;
    this.isUncached = isUncached;
  }

  /**
   * Allocates frames for a device and maps them (`alloc_kva`).
   * @throws OstdError `InvalidArgs`, `NoMemory`, `AccessDenied`; `IoError` if the platform does not share memory;
   *   `NotEnoughResources` where the CPU has no uncached mappings
   */
  static alloc(dev: StructDevice, nframes: number, limit: DmaLimit, isCached: boolean): KVirtArea {
    const { kernel } = dev;
    if (!isCached && !kernel.isa.hasPageMemoryTypes) {
      throw new OstdError('NotEnoughResources', 'the CPU has no uncached mappings (Svpbmt)');
    }
    const frames = allocForDevice(dev, nframes, limit);
    // A line that is dirty now would be written back on top of what is stored past the cache.
    if (!isCached) arch_dma_prep_coherent(kernel, frames.paddr(), frames.size());
    share(frames);
    const first = phys_to_page(kernel, frames.paddr());
    const pages = Array.from({ length: nframes }, (_, page) => nth_page(first, page));
    const address = vmap(kernel, pages, nframes, VM_MAP, isCached ? PAGE_KERNEL : pgprot_dmacoherent(PAGE_KERNEL));
    if (address !== 0) return new KVirtArea(new MappedRange(kernel, address), 0, frames, !isCached);
    unshareAndFree(frames);
    throw new OstdError('NoMemory', `no kernel addresses for ${nframes} frames`);
  }

  /** Where the first frame is. */
  get paddr(): PhysAddr {
    return this.frames.paddr();
  }

  /** Bytes. */
  get size(): number {
    return this.frames.size();
  }

  /** The memory, for readers and writers. */
  span(check: AliveCheck): VmSpan {
    return kernelSpan(this.range.kernel, virtAddr(this.range.address + this.offset), this.size, check);
  }

  /** Makes two areas of this one, which must not be used any more. */
  split(offset: number): [KVirtArea, KVirtArea] {
    const { range, isUncached } = this;
    const [low, high] = this.frames.split(offset);
    range.users++;
    return [
      new KVirtArea(range, this.offset, low, isUncached),
      new KVirtArea(range, this.offset + offset, high, isUncached),
    ];
  }

  /** Unmaps it, makes it private again and frees it. Once, and after the device has lost it. */
  free(): void {
    this.range.leave();
    unshareAndFree(this.frames);
  }
}
