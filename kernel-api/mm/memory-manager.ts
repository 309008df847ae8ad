import { PAGE_SIZE, offsetInPage, pageAlign, virtAddr, type PhysAddr, type VirtAddr } from '../../base/address';
import { hex } from '../../base/u64';
import { GFP_KERNEL, type Gfp } from '../gfp';
import type { Kernel } from '../kernel';
import { KernelAddressSpace } from './address-space';
import type { AllocationFailures } from './failures';
import { KERNEL_IMAGE_BYTES, KernelImage } from './kernel-image';
import { KernelStack, THREAD_ALIGN, THREAD_SIZE } from './kernel-stack';
import { ARCH_KMALLOC_MINALIGN } from './kmalloc-sizes';
import { memblockFindLowest, type Memblock } from './memblock';
import { PageAllocator, ZONE_DMA, ZONE_DMA32, ZONE_NORMAL } from './page-allocator';
import { SlabAllocator } from './slab-allocator';
import { UserSpaces } from './user/user-spaces';
import { VmallocAllocator } from './vmalloc-allocator';

export type { Memblock } from './memblock';

/** How much memory is in use: what must be the same before and after, where nothing leaks. */
export interface MemoryStatistics {
  /** Free pages by zone. */
  readonly freePages: { readonly dma: number; readonly dma32: number; readonly normal: number };
  /** Pages handed out, those under kmalloc and vmalloc included. */
  readonly allocatedPages: number;
  /** Objects of kmalloc, and the bytes they take. */
  readonly kmallocObjects: number;
  readonly kmallocBytes: number;
  /** Areas of vmalloc, vmap, ioremap and stacks. */
  readonly vmallocAreas: number;
  /** Pages that vmalloc and stacks own. */
  readonly vmallocPages: number;
  /** User address spaces. */
  readonly userSpaces: number;
  /** Pins of user pages (`pin_user_pages`). */
  readonly pins: number;
}

/**
 * The kernel's memory: pages, `kmalloc`, the vmalloc area, stacks, the kernel image, and access to all of it by virtual
 * address. Creating one touches no RAM.
 */
export class MemoryManager extends KernelAddressSpace {
  /** What memory there is, as boot code found it. */
  readonly memblock: Memblock;
  readonly pages: PageAllocator;
  readonly slabs: SlabAllocator;
  readonly vmalloc: VmallocAllocator;
  /** User address spaces. */
  readonly user: UserSpaces;
  /** Allocation failures on request. */
  readonly failures: AllocationFailures;
  private readonly kernel: Kernel;
  private readonly stacks = new Map<VirtAddr, KernelStack>();
  private readonly initStack: KernelStack;

  /** @param kmallocMinAlign what objects of kmalloc are aligned to at least, a power of two */
  constructor(kernel: Kernel, memblock: Memblock, kmallocMinAlign = ARCH_KMALLOC_MINALIGN) {
    const imageBase = memblockFindLowest(memblock, KERNEL_IMAGE_BYTES);
    const image = new KernelImage(imageBase);
    super(kernel.cpu, memblock, image);
    const taken = imageBase === undefined ? [] : [{ base: imageBase, size: KERNEL_IMAGE_BYTES }];
    this.kernel = kernel;
    this.memblock = memblock;
    this.pages = new PageAllocator(kernel, { ...memblock, reserved: [...memblock.reserved, ...taken] });
    this.slabs = new SlabAllocator(kernel, this.pages, memblock.zoneDmaLimit !== undefined, kmallocMinAlign);
    this.vmalloc = new VmallocAllocator(kernel, this.pages, this.areas);
    this.user = new UserSpaces(kernel);
    this.failures = this.pages.failures;
    this.initStack = new KernelStack(image.initStack, image.initStackSize);
  }

  /** Allocates pages by number, for page tables and the DMA code. @returns the first page frame number, or -1 */
  allocPfn(gfp: Gfp, order: number): number {
    return this.pages.alloc(gfp, order);
  }

  /** Frees pages of `allocPfn`. */
  freePfn(pfn: number, order: number): void {
    this.pages.free(pfn, order);
  }

  /** Maps device registers for `ioremap`. @returns the address of `physical`, or 0 */
  mapMmio(physical: PhysAddr, size: number): VirtAddr {
    const offset = offsetInPage(physical);
    const base = physical - offset;
    if (!(size > 0) || !(base >= 0)) return virtAddr(0);
    const contents = { kind: 'ioremap', pfns: null, physical: base, ownsPages: false, uncached: true } as const;
    const area = this.areas.add(pageAlign(size + offset), PAGE_SIZE, contents);
    return virtAddr(area === null ? 0 : area.start + offset);
  }

  /** Takes a mapping of `mapMmio` away. Any other address is a warning. */
  unmapMmio(address: VirtAddr): void {
    const area = this.areas.find(address);
    if (area?.kind === 'ioremap' && address < area.start + PAGE_SIZE) this.areas.remove(area);
    else this.kernel.warn('iounmap', `trying to unmap ${hex(address)}, which is not mapped registers`);
  }

  /** Allocates the stack of a task. Null if there is no memory. */
  allocStack(): KernelStack | null {
    const base = this.vmalloc.alloc(THREAD_SIZE, THREAD_ALIGN, GFP_KERNEL, 'stack');
    if (base === 0) return null;
    const stack = new KernelStack(base, THREAD_SIZE);
    this.stacks.set(base, stack);
    return stack;
  }

  /** Frees a stack of `allocStack`. */
  freeStack(stack: { readonly base: VirtAddr }): void {
    if (this.stacks.delete(stack.base)) this.vmalloc.free(stack.base, 'free_thread_stack');
    else this.kernel.warn('free_thread_stack', `no stack begins at ${hex(stack.base)}`);
  }

  /** The stack that code runs on right now: the current task's, or the first stack where there is no task. */
  currentStack(): KernelStack {
    const memory = this.kernel.sched.current?.stack ?? null;
    return (memory === null ? undefined : this.stacks.get(memory.base)) ?? this.initStack;
  }

  /** What is in use. Slabs without objects count as allocated pages: `slabs.shrink()` gives them back first. */
  statistics(): MemoryStatistics {
    const { pages, slabs } = this;
    return {
      freePages: {
        dma: pages.freePages(ZONE_DMA),
        dma32: pages.freePages(ZONE_DMA32),
        normal: pages.freePages(ZONE_NORMAL),
      },
      allocatedPages: pages.allocatedPages,
      kmallocObjects: slabs.liveObjects,
      kmallocBytes: slabs.liveBytes,
      vmallocAreas: this.areas.count,
      vmallocPages: this.vmalloc.livePages,
      userSpaces: this.user.live,
      pins: this.user.pins,
    };
  }
}
