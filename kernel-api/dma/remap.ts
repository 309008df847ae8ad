import { PAGE_SIZE, pageAlign, type VirtAddr } from '../../base/address';
import type { StructDevice } from '../base/struct-device';
import type { Kernel } from '../kernel';
import { pfn_to_page, type Page } from '../mm/page';
import { pgprot_dmacoherent, VM_MAP, vmap, vmapContiguous, vunmap, type Pgprot } from '../mm/vmalloc';
import type { DmaAttrs } from './attrs';

/** Mappings of memory for DMA in the vmalloc area (`kernel/dma/remap.c`), and how they are cached. */

/**
 * What memory for DMA is mapped with, in the kernel or in user space: past the cache if the device does not snoop.
 * RISC-V makes no difference for `DMA_ATTR_WRITE_COMBINE`.
 */
export const dma_pgprot = (dev: StructDevice, prot: Pgprot, _attrs: DmaAttrs): Pgprot =>
  dev.dma.dma_coherent ? prot : pgprot_dmacoherent(prot);

/** The scattered pages that memory at an address of the vmalloc area consists of; null if it is none, or one piece. */
export const dma_common_find_pages = (kernel: Kernel, cpu: VirtAddr): readonly number[] | null =>
  kernel.dma.remapped.get(cpu) ?? null;

/** Maps pages one after the other and remembers which they are. 0 if there is no room. */
export const dma_common_pages_remap = (kernel: Kernel, pfns: readonly number[], prot: Pgprot): VirtAddr => {
  const pages = pfns.map((pfn) => pfn_to_page(kernel, pfn));
  const cpu = vmap(kernel, pages, pages.length, VM_MAP, prot);
  if (cpu !== 0) kernel.dma.remapped.set(cpu, pfns);
  return cpu;
};

/** Maps contiguous pages once more. 0 if there is no room. */
export const dma_common_contiguous_remap = (kernel: Kernel, page: Page, size: number, prot: Pgprot): VirtAddr => {
  const cpu = vmapContiguous(kernel, page.pfn, pageAlign(size) / PAGE_SIZE, prot);
  if (cpu !== 0) kernel.dma.contiguousRemaps.add(cpu);
  return cpu;
};

/** Whether one of the two functions made a mapping, which from now on is one like any other. */
export const dma_common_forget_remap = ({ dma }: Kernel, cpu: VirtAddr): boolean =>
  dma.remapped.delete(cpu) || dma.contiguousRemaps.delete(cpu);

/** Takes a mapping away that one of the two functions made. Anything else is a warning. */
export const dma_common_free_remap = (kernel: Kernel, cpu: VirtAddr): void => {
  if (dma_common_forget_remap(kernel, cpu)) vunmap(kernel, cpu);
  else kernel.warn('dma_common_free_remap', `trying to free invalid coherent area: 0x${cpu.toString(16)}`);
};
