import { PAGE_SIZE, physAddr } from '../../../base/address';
import { ENOMEM } from '../../../base/errno';
import { GFP_KERNEL } from '../../gfp';
import { pfn_to_page } from '../page-alloc';
import { MmStruct, mmput } from './mm-struct';
import { addRefs, page_maybe_dma_pinned } from './page-refs';
import type { Pte } from './user-page-table';
import { duplicateVma, type VmAreaStruct } from './vm-area-struct';
import { is_cow_mapping, VM_DONTCOPY } from './vm-flags';

/**
 * A copy of an address space, as `fork` makes it: private pages are shared until one side writes. A page that is pinned
 * is copied at once, so that its owner keeps it; a page that is merely held is shared like any other, and the side that
 * writes first gets a new one: what a device does to the old page is then the other side's.
 *
 * @returns -ENOMEM, with nothing left of the copy
 */
export const dup_mm = (mm: MmStruct): MmStruct | number => {
  const child = new MmStruct(mm.kernel);
  child.hasPinned = mm.hasPinned;
  for (const vma of mm.vmas.list()) {
    if ((vma.vm_flags & VM_DONTCOPY) !== 0) continue;
    child.vmas.insert(duplicateVma(vma, child, vma.vm_start, vma.vm_end));
    let failed = false;
    mm.table.forEach(vma.vm_start, vma.vm_end, (pte, address) => {
      failed ||= !copyEntry(child, vma, pte, address);
    });
    if (!failed) continue;
    mmput(child);
    return -ENOMEM;
  }
  return child;
};

/** Copies one entry to the child (`copy_present_pte`). False if there is no memory. */
const copyEntry = (child: MmStruct, vma: VmAreaStruct, pte: Pte, address: number): boolean => {
  const { kernel, hasPinned } = vma.vm_mm;
  const page = pfn_to_page(kernel, pte.pfn);
  if (pte.anonymous && pte.exclusive && hasPinned && page_maybe_dma_pinned(page)) return copyPage(child, pte, address);
  if (!pte.special) addRefs(page, 1);
  if (is_cow_mapping(vma.vm_flags)) pte.writable = false;
  pte.exclusive = false;
  child.table.set(address, { ...pte });
  return true;
};

const copyPage = (child: MmStruct, pte: Pte, address: number): boolean => {
  const { kernel } = child;
  const pfn = kernel.mm.allocPfn(GFP_KERNEL, 0);
  if (pfn < 0) return false;
  kernel.cpu.copyBytes(physAddr(pfn * PAGE_SIZE), physAddr(pte.pfn * PAGE_SIZE), PAGE_SIZE);
  child.table.set(address, { ...pte, pfn });
  return true;
};
