import { PAGE_SIZE, offsetInPage, pageAlign, virtAddr, type PhysAddr, type VirtAddr } from '../../../base/address';
import { EBUSY, EFAULT, EINVAL, ENXIO } from '../../../base/errno';
import { BUG_ON } from '../../oops';
import type { Out } from '../../err';
import { page_ref_count, type Page } from '../page-alloc';
import { isUncached, type Pgprot } from '../pgprot';
import { addRefs, is_zero_page, isSlabMemory } from './page-refs';
import { vma_pages, type VmAreaStruct } from './vm-area-struct';
import { is_cow_mapping, isUserWritable, VM_DONTDUMP, VM_DONTEXPAND, VM_IO, VM_MIXEDMAP, VM_PFNMAP } from './vm-flags';

/** What a driver's `mmap` maps into a process with (`mm/memory.c`). */

const isUncachedFor = (vma: VmAreaStruct, prot: Pgprot): boolean =>
  isUncached(prot) && vma.vm_mm.kernel.isa.hasPageMemoryTypes;

/**
 * Maps `size` bytes of consecutive page frames, registers or memory, at a page of a mapping. No page is referenced: the
 * driver must keep the memory until the mapping is gone.
 *
 * @returns 0; -EINVAL for an address within a page, or part of a private mapping. What is mapped already is a bug.
 */
export const remap_pfn_range = (vma: VmAreaStruct, addr: VirtAddr, pfn: number, size: number, prot: Pgprot): number => {
  const { table, kernel } = vma.vm_mm;
  const end = addr + pageAlign(size);
  if (is_cow_mapping(vma.vm_flags)) {
    if (addr !== vma.vm_start || end !== vma.vm_end) return -EINVAL;
    vma.vm_pgoff = pfn;
  }
  vma.vm_flags |= VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
  if (offsetInPage(addr) !== 0) {
    kernel.mm.user.warnOnce('remap_pfn_range', 'the address is not that of a page');
    return -EINVAL;
  }
  BUG_ON(addr >= end, 'kernel BUG at mm/memory.c: remap_pfn_range: nothing to map');
  const writable = isUserWritable(prot);
  const uncached = isUncachedFor(vma, prot);
  for (let at: number = addr, frame = pfn; at < end; at += PAGE_SIZE, frame++) {
    BUG_ON(table.at(at) !== undefined, 'kernel BUG at mm/memory.c: remap_pfn_range: a page is mapped already');
    table.set(at, { pfn: frame, writable, uncached, special: true, anonymous: false, exclusive: false });
  }
  return 0;
};

/** The same on RISC-V: registers are mapped with the type of memory that `prot` says. */
export const io_remap_pfn_range = remap_pfn_range;

/** Maps a whole mapping to device memory of `len` bytes at a physical address, from `vm_pgoff` on. 0, or -EINVAL. */
export const vm_iomap_memory = (vma: VmAreaStruct, start: PhysAddr, len: number): number => {
  const pages = Math.ceil((len + offsetInPage(start)) / PAGE_SIZE);
  const wanted = vma_pages(vma);
  if (vma.vm_pgoff > pages || wanted > pages - vma.vm_pgoff) return -EINVAL;
  const pfn = Math.floor(start / PAGE_SIZE) + vma.vm_pgoff;
  return io_remap_pfn_range(vma, vma.vm_start, pfn, wanted * PAGE_SIZE, vma.vm_page_prot);
};

/** Maps one page and takes a reference (`insert_page`). */
const insertPage = (vma: VmAreaStruct, address: number, page: Page): number => {
  const { table } = vma.vm_mm;
  if (is_zero_page(page) || page_ref_count(page) <= 0 || isSlabMemory(page)) return -EINVAL;
  if (table.at(address) !== undefined) return -EBUSY;
  if (!addRefs(page, 1)) return -EINVAL;
  const writable = isUserWritable(vma.vm_page_prot);
  const uncached = isUncachedFor(vma, vma.vm_page_prot);
  table.set(address, { pfn: page.pfn, writable, uncached, special: false, anonymous: false, exclusive: false });
  return 0;
};

const makeMixed = (vma: VmAreaStruct): void => {
  BUG_ON((vma.vm_flags & VM_PFNMAP) !== 0, 'kernel BUG at mm/memory.c: vm_insert_page: raw frames are mapped there');
  vma.vm_flags |= VM_MIXEDMAP;
};

/**
 * Maps a page of the kernel, with a reference of its own. 0; -EFAULT outside of the mapping; -EBUSY where a page is mapped;
 * -EINVAL for a free page, a page inside of a block that is not compound, or one of `kmalloc`.
 */
export const vm_insert_page = (vma: VmAreaStruct, addr: VirtAddr, page: Page): number => {
  if (addr < vma.vm_start || addr >= vma.vm_end) return -EFAULT;
  makeMixed(vma);
  return insertPage(vma, addr, page);
};

/** Maps pages one after the other. @param num how many; afterwards, how many were not mapped @returns as `vm_insert_page` */
export const vm_insert_pages = (
  vma: VmAreaStruct,
  addr: VirtAddr,
  pages: readonly Page[],
  num: Out<number>,
): number => {
  const count = num.value;
  if (addr < vma.vm_start || addr + count * PAGE_SIZE > vma.vm_end) return -EFAULT;
  makeMixed(vma);
  for (let index = 0; index < count; index++) {
    const error = insertPage(vma, addr + index * PAGE_SIZE, pages[index]!);
    if (error !== 0) return error;
    num.value--;
  }
  return 0;
};

const mapPages = (vma: VmAreaStruct, pages: readonly Page[], num: number, offset: number): number => {
  const count = vma_pages(vma);
  if (offset >= num || count > num - offset) return -ENXIO;
  return vm_insert_pages(vma, virtAddr(vma.vm_start), pages.slice(offset), { value: count });
};

/**
 * Fills a whole mapping with pages, from page `vm_pgoff` of the array on. 0, -ENXIO if it reaches beyond the array, or as
 * `vm_insert_page`: what was mapped before the failure stays.
 */
export const vm_map_pages = (vma: VmAreaStruct, pages: readonly Page[], num: number): number =>
  mapPages(vma, pages, num, vma.vm_pgoff);

/** The same, whatever `vm_pgoff` says. */
export const vm_map_pages_zero = (vma: VmAreaStruct, pages: readonly Page[], num: number): number =>
  mapPages(vma, pages, num, 0);
